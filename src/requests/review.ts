import { recordEvent } from '#audit/events.ts'
import { MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { clientInside } from '#clients/store.ts'
import { callOff } from '#notices/tell.ts'
import type { Database, Transaction } from '#store/database.ts'
import { transportsOf } from '#users/passkeys.ts'
import { passkeysOfUser } from '#users/store.ts'
import { webauthn } from '#users/webauthn.ts'
import type { RequestContext } from './context.ts'
import { requireWithheld } from './details.ts'
import { stateAt } from './state.ts'
import { insertReview, isReviewed, requestById, requestInside, type TokenRequest } from './store.ts'
import { approvalChallenge, approvalText, newNonce } from './summary.ts'
import { termsOf } from './terms.ts'

/** A page that stood open for longer must read the request again. */
const REVIEW_LIFE_MS = 10 * MINUTE

/**
 * Shows a request to its user: fixes what is shown, and asks their passkey to sign exactly that.
 *
 * @param withholds numbers of the details that the user does not give
 * @throws Refusal `request_not_found`, `request_settled`, `input_invalid`, `nothing_granted`
 */
export async function reviewRequest(
  context: RequestContext,
  userId: string,
  id: string,
  withholds: readonly number[] = [],
) {
  const { db, now, site } = context
  const passkeys = await passkeysOfUser(db, userId)
  const nonce = newNonce()
  const { approval, challenge } = await db.transaction(async (tx) => {
    const asked = await pendingRequest(tx, userId, id, now())
    const withheld = requireWithheld(termsOf(asked.request).details, withholds)
    const approval = await approvalText(tx, context, asked, withheld)
    const challenge = approvalChallenge(approval, nonce)
    if (!(await isReviewed(tx, id))) {
      await noteOpened(tx, asked.request, now())
      await callOff(tx, id, now())
    }
    await insertReview(tx, {
      challenge,
      requestId: id,
      userId,
      approval,
      nonce,
      withheld: JSON.stringify(withheld),
      createdAt: now(),
      expiresAt: now() + REVIEW_LIFE_MS,
    })
    return { approval, challenge }
  })
  const { generateAuthenticationOptions } = await webauthn()
  const options = await generateAuthenticationOptions({
    rpID: site.rpId,
    // As bytes: the library would encode a text once more.
    challenge: new Uint8Array(Buffer.from(challenge, 'base64url')),
    userVerification: 'required',
    allowCredentials: passkeys.map((each) => ({ id: each.credentialId, transports: transportsOf(each) })),
  })
  return { approval, nonce: nonce.toString('base64url'), options }
}

/** That it was seen, the first time. */
const noteOpened = (tx: Transaction, { id, userId, clientId }: TokenRequest, at: number) =>
  recordEvent(tx, { kind: 'opened', actor: 'user', requestId: id, userId, clientId, at })

/**
 * A request that its user may still decide, with the client that asks.
 *
 * @throws Refusal `request_not_found`, `request_settled` (with the state that won)
 */
export async function pendingRequest(tx: Transaction, userId: string, id: string, now: number) {
  const request = await requestInside(tx, id)
  const client = request && (await clientInside(tx, request.clientId))
  // In test mode nobody is asked, so nobody answers either.
  if (!client || request.userId !== userId || client.mode === 'test') throw new Refusal('request_not_found')
  requirePending(request, now)
  return { request, client }
}

/** @throws Refusal `request_settled` with the state that won */
export function requirePending(request: TokenRequest, now: number): void {
  const state = stateAt(request, now)
  if (state !== 'pending') throw new Refusal('request_settled', { facts: { state } })
}

/** @throws Refusal `request_not_found`, also for somebody else's */
export async function requireOwnRequest(db: Database, userId: string, id: string): Promise<TokenRequest> {
  const request = await requestById(db, id)
  if (request?.userId !== userId) throw new Refusal('request_not_found')
  return request
}
