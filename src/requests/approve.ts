import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { encryptFor } from '#clients/encryption.ts'
import { type Client, clientById, initiatorOf } from '#clients/store.ts'
import { type NewDelivery, queueDelivery } from '#deliveries/queue.ts'
import { renewBudget } from '#notices/budget.ts'
import type { Outcome } from '#notices/store.ts'
import { stopTelling } from '#notices/tell.ts'
import { cancel, enqueue } from '#outbox/store.ts'
import type { Transaction } from '#store/database.ts'
import { issueCode } from '#tokens/codes.ts'
import { halfHash } from '#tokens/id-token.ts'
import {
  type Grant,
  makeToken,
  type NewFamily,
  type NewToken,
  type TokenForm,
  testClaims,
} from '#tokens/issue.ts'
import { challengeOf, verifyAssertion } from '#users/passkeys.ts'
import { lockUser, notePasskeyUse } from '#users/store.ts'
import { announce, bearerOf } from './announce.ts'
import type { IssuedToken, RequestContext } from './context.ts'
import { makeEvidence } from './evidence.ts'
import { grantTokens, keepGranted, planGrant } from './grant.ts'
import { handleOf } from './handle.ts'
import { requireMatched } from './match-code.ts'
import { redirectWith } from './redirect.ts'
import { pendingRequest, requireOwnRequest, requirePending } from './review.ts'
import { settle } from './settle.ts'
import { noteApproval } from './standing.ts'
import {
  deleteReviews,
  insertDecision,
  type TokenRequest,
  takeReview,
  traceOf,
  withheldInReview,
} from './store.ts'
import { approvalText } from './summary.ts'
import { hasDetails, termsOf } from './terms.ts'

export interface Decided {
  status: 'approved' | 'rejected'
  /** Where the browser goes now, for a request that began with a redirect. */
  redirectTo: string | null
}

/**
 * Approves a request by a passkey's signature over what was shown. Decision, evidence, token and the delivery it owes
 * share one commit: a crash leaves all of them or none.
 *
 * @throws Refusal `request_not_found`, `request_settled`, `review_expired`, `approval_changed`, `assertion_refused`,
 *   `match_code_missing`, `user_disabled`
 */
export async function approveRequest(
  context: RequestContext,
  userId: string,
  id: string,
  credential: AuthenticationResponseJSON,
  address: string | null,
): Promise<Decided> {
  const { db, now } = context
  const asked = await requireOwnRequest(db, userId, id)
  requirePending(asked, now())
  const challenge = challengeOf(credential)
  const { passkey, signCount } = await verifyAssertion(context, credential, challenge)
  if (passkey.userId !== userId) throw new Refusal('assertion_refused')
  const withheld = hasDetails(asked) ? await withheldInReview(db, challenge) : '[]'
  const prepared = await prepare(context, asked, JSON.parse(withheld))

  return db.transaction(async (tx) => {
    const at = now()
    // Whoever disables the account now waits for this, and then finds the token it brings.
    if ((await lockUser(tx, userId))?.state !== 'active') throw new Refusal('user_disabled')
    const { request, client } = await pendingRequest(tx, userId, id, at)
    await requireMatched(tx, request)
    const review = await takeReview(tx, challenge, id, userId, at)
    if (!review) throw new Refusal('review_expired')
    if (
      review.approval !== (await approvalText(tx, context, { request, client }, JSON.parse(review.withheld)))
    )
      throw new Refusal('approval_changed')
    // What is encrypted to a key that was taken away meanwhile must not be sent.
    if (prepared && prepared.encryptionKey !== client.encryptionKey) throw new Refusal('approval_changed')
    if (!(await settle(tx, id, 'approved', at))) throw new Refusal('request_settled')

    await notePasskeyUse(tx, passkey.id, signCount, at)
    await insertDecision(tx, {
      requestId: id,
      userId,
      decision: 'approved',
      channel: 'web',
      evidence: makeEvidence(context.site, { review, passkey, credential, decidedAt: at }),
      withheld: review.withheld,
      decidedAt: at,
    })
    await recordEvent(tx, {
      kind: 'approved',
      actor: 'user',
      requestId: id,
      userId,
      clientId: client.id,
      address,
      at,
    })
    await noteApproval(tx, { userId, clientId: client.id })
    await renewBudget(tx, userId)
    await tidy(tx, id, 'approved', at)
    return { status: 'approved', redirectTo: await handOver(tx, context, { request, client, prepared }, at) }
  })
}

/** The token of a request, and where the client has a key, the payload that is encrypted to it. */
export interface Prepared {
  token: NewToken
  family: NewFamily | undefined
  push?: IssuedToken['push']
  /** The client's key, as it was then. */
  encryptionKey: string | null
  encrypted: Uint8Array | undefined
}

/**
 * Makes what an approval will hand over, before its transaction: encrypting waits for another thread, and meanwhile
 * nobody else could write. A test request hands over nothing; who comes for the result gets it when they come.
 */
export async function prepare(
  context: RequestContext,
  request: TokenRequest,
  withheld: readonly number[] = [],
): Promise<Prepared | undefined> {
  if (request.delivery === 'none' || request.delivery === 'poll' || request.delivery === 'ping')
    return undefined
  if (await isMadeLater(context, request)) return undefined
  return prepareNow(context, request, withheld)
}

/** What is sent can wait for the operator's own issuer; whoever stands before us with a browser cannot. */
async function isMadeLater({ db, issuer }: RequestContext, request: TokenRequest): Promise<boolean> {
  if (!issuer.source || (request.delivery !== 'notifier' && request.delivery !== 'push')) return false
  return (await clientById(db, request.clientId))?.mode !== 'test'
}

/** The same at once, and by the operator's own issuer if there is one. @throws SourceFailed */
export async function prepareNow(
  context: RequestContext,
  request: TokenRequest,
  withheld: readonly number[],
): Promise<Prepared> {
  if (request.delivery === 'push') return preparePush(context, request, withheld)
  const client = await clientById(context.db, request.clientId)
  const grant: Grant = {
    ...(client?.mode === 'test' ? { claims: testClaims(context.issuer) } : {}),
    requestId: request.id,
    clientId: request.clientId,
    userId: request.userId,
    issuedAt: context.now(),
    expiresAt: request.tokenExpiresAt,
  }
  const source = client?.mode === 'test' ? undefined : context.issuer.source
  const sourced = await source?.fetch(grant, undefined)
  const token = makeToken(context.issuer, grant, { format: 'jwt', cnf: undefined, sourced })
  const encryptionKey = client?.encryptionKey ?? null
  const isEncrypted = request.delivery === 'notifier' && encryptionKey !== null
  const encrypted = isEncrypted
    ? await encryptFor(encryptionKey, payloadOf(context, request, { token }))
    : undefined
  return { token, family: undefined, encryptionKey, encrypted }
}

/** The ID Token of a push vouches for all that comes with it (CIBA Core 1.0 §10.3.1). */
async function preparePush(
  context: RequestContext,
  request: TokenRequest,
  withheld: readonly number[],
): Promise<Prepared> {
  const at = context.now()
  const handle = handleOf(context.vault, request.id)
  const client = await clientById(context.db, request.clientId)
  const isTest = client?.mode === 'test'
  const approved = { authTime: request.settledAt ?? at, issuedAt: at, isTest, withheld }
  const form = await pushForm(context, request)
  const source = isTest ? undefined : context.issuer.source
  const sourced = await source?.fetch(planGrant(context.issuer, request, approved), form.cnf)
  const { token, idToken, scopes, family } = grantTokens(
    context.issuer,
    request,
    approved,
    { ...form, sourced },
    (text, refreshToken) => ({
      at_hash: halfHash(text),
      'urn:openid:params:jwt:claim:auth_req_id': handle,
      ...(refreshToken ? { 'urn:openid:params:jwt:claim:rt_hash': halfHash(refreshToken) } : {}),
    }),
  )
  const details = token.grant.claims?.authorization_details
  const push = { handle, idToken, scopes, details, refreshToken: family?.refreshToken }
  return { token, family, push, encryptionKey: client?.encryptionKey ?? null, encrypted: undefined }
}

/** A push is asked for by nobody who could prove anything then: the key is the one that the request named. */
async function pushForm({ db }: RequestContext, request: TokenRequest): Promise<TokenForm> {
  const { dpopJkt } = termsOf(request)
  const format = (await initiatorOf(db, request.clientId))?.tokenFormat ?? 'jwt'
  return { format, cnf: dpopJkt === null ? undefined : { jkt: dpopJkt } }
}

/** Issues the token and sends it on its way. */
export async function handOver(
  tx: Transaction,
  context: RequestContext,
  { request, client, prepared }: { request: TokenRequest; client: Client; prepared: Prepared | undefined },
  now: number,
) {
  if (request.delivery === 'ping') await announce(tx, context, { ...request, state: 'approved' }, now)
  if (!prepared) {
    const isOwed = request.delivery === 'notifier' || request.delivery === 'push'
    if (isOwed) await enqueue(tx, { kind: 'issue', ref: request.id, lane: 'issue', dueAt: now })
    return null
  }
  const { token, encrypted } = prepared
  const { requestId, clientId, userId, expiresAt } = token.grant
  await keepGranted(tx, prepared)

  if (request.delivery === 'code' && request.redirectUrl) {
    const code = await issueCode(tx, context.vault, {
      ...token.grant,
      redirectUrl: request.redirectUrl,
      accessToken: token.text,
    })
    return redirectWith(request, { code })
  }
  const isPush = request.delivery === 'push'
  const url = isPush ? termsOf(request).pushUrl : client.notifierUrl
  if (!url) throw new Error(`The client ${clientId} has no endpoint to hand over to.`)
  const owed: NewDelivery = {
    requestId,
    clientId,
    userId,
    kind: isPush ? 'push' : 'token',
    tokenId: token.id,
    url,
    payload: encrypted ?? payloadOf(context, request, prepared),
    contentType: encrypted ? 'application/jose' : 'application/json',
    bearer: isPush ? await bearerOf(tx, context, requestId) : undefined,
    expiresAt,
    trace: context.tracer ? await traceOf(tx, requestId) : null,
  }
  await queueDelivery(tx, context, owed, now)
  return null
}

function payloadOf(
  { payloads }: RequestContext,
  { protocol }: TokenRequest,
  { token: { text, grant }, push }: Pick<Prepared, 'token' | 'push'>,
) {
  const write = payloads[protocol]
  if (!write) throw new Error(`A request of protocol ${protocol} cannot be handed over.`)
  return write({ ...grant, accessToken: text, ...(push ? { push } : {}) })
}

/** Clears away what only a pending request needs. */
export async function tidy(tx: Transaction, requestId: string, outcome: Outcome, now: number): Promise<void> {
  await deleteReviews(tx, requestId)
  await cancel(tx, 'expire', requestId)
  await stopTelling(tx, { requestId, outcome }, now)
}
