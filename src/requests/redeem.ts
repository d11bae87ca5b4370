import { eventsOfRequest, recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { clientInside } from '#clients/store.ts'
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
import type { PollPace } from './pace.ts'
import { stateAt } from './state.ts'
import { isStillWanted } from './still-wanted.ts'
import {
  lockWithHandle,
  markRedeemed,
  type RequestWithHandle,
  requestWithHandle,
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

export interface RedeemContext extends AskContext {
  polls: PollPace
}

type Outcome =
  | { granted: Granted }
  | { refusal: Refusal }
  /** Approved; its token is to come from the operator's own issuer first. */
  | { owed: Grant; request: TokenRequest }

/**
 * Gives out the result of a request, the one time: of many who come at the same moment one gets it. The tokens are made
 * then, so that they can be bound to who fetches them, and never a second time.
 *
 * @throws Refusal `handle_unknown` (also for another client's, and when it comes again: its tokens then end),
 *   `target_refused`, `proof_key_wrong`, `poll_too_soon`, `request_pending`, `request_rejected`, `request_expired` (CIBA Core 1.0 §11)
 */
export async function redeemRequest(context: RedeemContext, poll: Poll): Promise<Granted> {
  const requestId = requestOfHandle(context.vault, poll.handle)
  if (requestId === undefined) throw new Refusal('handle_unknown')
  // Most polls come while the user still decides: those are answered without a transaction.
  const asked = await requestWithHandle(context.db, requestId)
  const refusal = refusalOf(context, asked, poll)
  if (refusal) throw refusal
  // Refusals are thrown behind the commit: a poll that came too soon, or a second use, is noted all the same.
  const outcome = await context.db.transaction((tx) => look(tx, context, requestId, poll))
  if ('refusal' in outcome) throw outcome.refusal
  if ('granted' in outcome) return outcome.granted
  const sourced = await sourcedFor(context, outcome, poll.form)
  return redeemRequest(context, { ...poll, form: { ...poll.form, sourced } })
}

/** A failure is noted once, for the user to see; what was approved can be fetched as soon as the issuer is back. */
async function sourcedFor(
  { db, now, issuer }: RedeemContext,
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

/** Why nothing is given out, where that changes nothing but the pace of the client. */
function refusalOf(
  { issuer, now, polls }: RedeemContext,
  asked: RequestWithHandle | undefined,
  poll: Poll,
): Refusal | undefined {
  if (asked?.clientId !== poll.clientId) return new Refusal('handle_unknown')
  const { dpopJkt, resources } = termsOf(asked)
  const allowed = resources.length > 0 ? resources : [issuer.audience]
  if (poll.resources.some((each) => !allowed.includes(each))) return new Refusal('target_refused')
  const { cnf } = poll.form
  const hasKey = cnf !== undefined && 'jkt' in cnf && cnf.jkt === dpopJkt
  if (dpopJkt !== null && !hasKey) return new Refusal('proof_key_wrong')

  const state = stateAt(asked, now())
  if (state === 'pending') {
    return poll.isSecondLook ? new Refusal('request_pending') : polls.judge(asked, poll.at)
  }
  return state === 'rejected' || state === 'withdrawn' ? new Refusal('request_rejected') : undefined
}

async function look(
  tx: Transaction,
  context: RedeemContext,
  requestId: string,
  poll: Poll,
): Promise<Outcome> {
  const now = context.now()
  const request = await lockWithHandle(tx, requestId)
  const refusal = refusalOf(context, request, poll)
  if (refusal || !request) return { refusal: refusal ?? new Refusal('handle_unknown') }
  if (request.redeemedAt !== null) return { refusal: await endAll(tx, requestId, now) }
  if (stateAt(request, now) === 'expired' || request.expiresAt + FETCH_GRACE_MS <= now) {
    return { refusal: new Refusal('request_expired') }
  }
  if (!(await isStillWanted(tx, request))) return { refusal: new Refusal('request_rejected') }
  const approved = { ...(await approvedAs(tx, request, now)), resources: poll.resources }
  const { issuer } = context
  if (issuer.source && !approved.isTest && !poll.form.sourced) {
    return { owed: planGrant(issuer, request, approved), request }
  }
  return { granted: await redeem(tx, context, request, approved, poll.form) }
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
  context: RedeemContext,
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
