import { eventsOfRequest, recordEvent } from '#audit/events.ts'
import { SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { clientInside, lockLink } from '#clients/store.ts'
import type { Transaction } from '#store/database.ts'
import { halfHash } from '#tokens/id-token.ts'
import type { Grant, Sourced, TokenForm } from '#tokens/issue.ts'
import { endAccess } from '#tokens/revoke.ts'
import { SourceFailed } from '#tokens/source.ts'
import { FETCH_GRACE_MS } from './announce.ts'
import type { AskContext } from './ask.ts'
import { type Approved, type Granted, grantTokens, keepGranted, planGrant } from './grant.ts'
import { requestOfHandle } from './handle.ts'
import { noteSourceFailed } from './issue.ts'
import { stateAt } from './state.ts'
import {
  lockHandle,
  markRedeemed,
  notePoll,
  type RequestHandle,
  requestInside,
  type TokenRequest,
  withheldOf,
} from './store.ts'
import { hasDetails, termsOf } from './terms.ts'

export interface Poll {
  clientId: string
  /** The `auth_req_id`, as the client sent it. */
  handle: string
  /** When the call came, in epoch milliseconds: the time between two polls counts from there. */
  at: number
  /** What the token is fetched for; all that was asked for, if empty. */
  resources: readonly string[]
  /** How the tokens are made: as the client wants them, and bound to what it has shown. */
  form: TokenForm
  /** A second look on behalf of a call that was held: its pace was judged when it came. */
  isSecondLook?: boolean
}

type Outcome =
  | { granted: Granted }
  | { refusal: Refusal }
  /** Approved; its token is to come from the operator's own issuer first. */
  | { owed: Grant; request: TokenRequest }

/** Waits are measured by two clocks and over a network: so much earlier is not yet too early. */
const EARLY_MS = 100
/** By which the interval of a client grows that does not keep it (CIBA Core 1.0 §11). */
const PENALTY_SECONDS = 5

/**
 * Gives out the result of a request, the one time: of many who come at the same moment one gets it. The tokens are made
 * then, so that they can be bound to who fetches them, and never a second time.
 *
 * @throws Refusal `handle_unknown` (also for another client's, and when it comes again: its tokens then end),
 *   `target_refused`, `proof_key_wrong`, `poll_too_soon`, `request_pending`, `request_rejected`, `request_expired` (CIBA Core 1.0 §11)
 */
export async function redeemRequest(context: AskContext, poll: Poll): Promise<Granted> {
  const requestId = requestOfHandle(context.vault, poll.handle)
  if (requestId === undefined) throw new Refusal('handle_unknown')
  // Refusals are thrown behind the commit: a poll that came too soon, or a second use, is noted all the same.
  const outcome = await context.db.transaction((tx) => look(tx, context, requestId, poll))
  if ('refusal' in outcome) throw outcome.refusal
  if ('granted' in outcome) return outcome.granted
  const sourced = await sourcedFor(context, outcome, poll.form)
  return redeemRequest(context, { ...poll, form: { ...poll.form, sourced } })
}

/** A failure is noted once, for the user to see; what was approved can be fetched as soon as the issuer is back. */
async function sourcedFor(
  { db, now, issuer }: AskContext,
  { owed, request }: { owed: Grant; request: TokenRequest },
  { cnf }: TokenForm,
): Promise<Sourced | undefined> {
  try {
    return await issuer.source?.fetch(owed, cnf)
  } catch (fault) {
    if (!(fault instanceof SourceFailed)) throw fault
    const events = await eventsOfRequest(db, request.id)
    const isNoted = events.some(({ kind }) => kind === 'token_source_failed')
    if (!isNoted) await db.transaction((tx) => noteSourceFailed(tx, request, now()))
    throw fault
  }
}

async function look(tx: Transaction, context: AskContext, requestId: string, poll: Poll): Promise<Outcome> {
  const now = context.now()
  const handle = await lockHandle(tx, requestId)
  const request = await requestInside(tx, requestId)
  if (!handle || request?.clientId !== poll.clientId) return { refusal: new Refusal('handle_unknown') }

  const { dpopJkt, resources } = termsOf(request)
  const allowed = resources.length > 0 ? resources : [context.issuer.audience]
  if (poll.resources.some((each) => !allowed.includes(each)))
    return { refusal: new Refusal('target_refused') }
  const { cnf } = poll.form
  const hasKey = cnf !== undefined && 'jkt' in cnf && cnf.jkt === dpopJkt
  if (dpopJkt !== null && !hasKey) return { refusal: new Refusal('proof_key_wrong') }

  const state = stateAt(request, now)
  if (state === 'pending') return { refusal: await judgePace(tx, handle, poll) }
  if (state === 'rejected' || state === 'withdrawn') return { refusal: new Refusal('request_rejected') }
  if (handle.redeemedAt !== null) return { refusal: await endAll(tx, requestId, now) }
  if (state === 'expired' || request.expiresAt + FETCH_GRACE_MS <= now) {
    return { refusal: new Refusal('request_expired') }
  }
  // Unlinked since then, or unlinked and linked anew: what was approved before is over.
  const link = await lockLink(tx, request.userId, request.clientId)
  if (!link || link.linkedAt > request.requestedAt) return { refusal: new Refusal('request_rejected') }
  const approved = { ...(await approvedAs(tx, request, now)), resources: poll.resources }
  const { issuer } = context
  if (issuer.source && !approved.isTest && !poll.form.sourced) {
    return { owed: planGrant(issuer, request, approved), request }
  }
  return { granted: await redeem(tx, context, request, approved, poll.form) }
}

async function judgePace(
  tx: Transaction,
  handle: RequestHandle,
  { at, isSecondLook }: Poll,
): Promise<Refusal> {
  if (isSecondLook) return new Refusal('request_pending')
  const { requestId, polledAt, intervalSeconds } = handle
  const isEarly = polledAt !== null && at - polledAt < intervalSeconds * SECOND - EARLY_MS
  const interval = isEarly ? intervalSeconds + PENALTY_SECONDS : intervalSeconds
  await notePoll(tx, requestId, interval, at)
  return isEarly
    ? new Refusal('poll_too_soon', { facts: { interval, retry_after: interval } })
    : new Refusal('request_pending', { facts: { interval } })
}

/** Who has what only the client should have came a second time: nobody can tell which of the two it was. */
async function endAll(tx: Transaction, requestId: string, now: number): Promise<Refusal> {
  await endAccess(tx, requestId, 'system', now, 'its auth_req_id was used again')
  return new Refusal('handle_unknown')
}

async function approvedAs(tx: Transaction, request: TokenRequest, now: number) {
  const client = await clientInside(tx, request.clientId)
  return {
    authTime: request.settledAt ?? now,
    issuedAt: now,
    isTest: client?.mode === 'test',
    withheld: hasDetails(request) ? (JSON.parse(await withheldOf(tx, request.id)) as number[]) : [],
  }
}

async function redeem(
  tx: Transaction,
  context: AskContext,
  request: TokenRequest,
  approved: Approved,
  form: TokenForm,
): Promise<Granted> {
  const now = approved.issuedAt
  await markRedeemed(tx, request.id, now)
  const granted = grantTokens(context.issuer, request, approved, form, (text) => ({
    at_hash: halfHash(text),
  }))
  await keepGranted(tx, granted)
  await recordEvent(tx, {
    kind: 'token_fetched',
    actor: 'client',
    requestId: request.id,
    userId: request.userId,
    clientId: request.clientId,
    at: now,
  })
  return granted
}
