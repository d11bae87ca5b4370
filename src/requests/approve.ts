import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import type { Client } from '#clients/store.ts'
import { queueDelivery } from '#deliveries/queue.ts'
import { stopTelling } from '#notices/tell.ts'
import { cancel } from '#outbox/store.ts'
import type { Transaction } from '#store/database.ts'
import { issueCode } from '#tokens/codes.ts'
import { issueToken } from '#tokens/issue.ts'
import { challengeOf, verifyAssertion } from '#users/passkeys.ts'
import { notePasskeyUse } from '#users/store.ts'
import type { RequestContext } from './context.ts'
import { makeEvidence } from './evidence.ts'
import { redirectWith } from './redirect.ts'
import { pendingRequest, requireOwnRequest, requirePending } from './review.ts'
import { deleteReviews, insertDecision, settleRequest, type TokenRequest, takeReview } from './store.ts'
import { approvalText } from './summary.ts'

export interface Decided {
  status: 'approved' | 'rejected'
  /** Where the browser goes now, for a request that began with a redirect. */
  redirectTo: string | null
}

/**
 * Approves a request by a passkey's signature over what was shown. Decision, evidence, token and the delivery it owes
 * share one commit: a crash leaves all of them or none.
 *
 * @throws Refusal `request_not_found`, `request_settled`, `review_expired`, `approval_changed`, `assertion_refused`
 */
export async function approveRequest(
  context: RequestContext,
  userId: string,
  id: string,
  credential: AuthenticationResponseJSON,
  address: string | null,
): Promise<Decided> {
  const { db, now } = context
  requirePending(await requireOwnRequest(db, userId, id), now())
  const challenge = challengeOf(credential)
  const { passkey, signCount } = await verifyAssertion(context, credential, challenge)
  if (passkey.userId !== userId) throw new Refusal('assertion_refused')

  return db.transaction(async (tx) => {
    const at = now()
    const { request, client } = await pendingRequest(tx, userId, id, at)
    const review = await takeReview(tx, challenge, id, userId, at)
    if (!review) throw new Refusal('review_expired')
    if (review.approval !== approvalText(request, client)) throw new Refusal('approval_changed')
    if (!(await settleRequest(tx, id, 'approved', at))) throw new Refusal('request_settled')

    await notePasskeyUse(tx, passkey.id, signCount, at)
    await insertDecision(tx, {
      requestId: id,
      userId,
      decision: 'approved',
      channel: 'web',
      evidence: makeEvidence(context.site, { review, passkey, credential, decidedAt: at }),
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
    await tidy(tx, id, at)
    return { status: 'approved', redirectTo: await handOver(tx, context, request, client, at) }
  })
}

/** Issues the token and sends it on its way. A test request hands over nothing. */
async function handOver(
  tx: Transaction,
  context: RequestContext,
  request: TokenRequest,
  client: Client,
  now: number,
) {
  if (request.delivery === 'none') return null
  const { id: requestId, userId } = request
  const grant = { requestId, clientId: client.id, userId, issuedAt: now, expiresAt: request.tokenExpiresAt }
  const token = await issueToken(tx, context.issuer, grant)

  if (request.delivery === 'code' && request.redirectUrl) {
    const code = await issueCode(tx, context.vault, {
      ...grant,
      redirectUrl: request.redirectUrl,
      accessToken: token.text,
    })
    return redirectWith(request, { code })
  }
  const write = context.payloads[request.protocol]
  if (!write || !client.notifierUrl)
    throw new Error(`A request of protocol ${request.protocol} cannot be handed over.`)
  const payload = write({ ...grant, accessToken: token.text })
  const { expiresAt } = grant
  const owed = {
    requestId,
    clientId: client.id,
    userId,
    tokenId: token.id,
    url: client.notifierUrl,
    payload,
    expiresAt,
  }
  await queueDelivery(tx, context.vault, owed, now)
  return null
}

/** Clears away what only a pending request needs. */
export async function tidy(tx: Transaction, requestId: string, now: number): Promise<void> {
  await deleteReviews(tx, requestId)
  await cancel(tx, 'expire', requestId)
  await stopTelling(tx, requestId, now)
}
