import { timingSafeEqual } from 'node:crypto'
import { recordEvent } from '#audit/events.ts'
import { MINUTE, SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { Vault } from '#base/seal.ts'
import type { Transaction } from '#store/database.ts'
import { forgetTries, lockTries, MOST_TRIES, noteWrong } from './code-tries.ts'
import type { RequestContext } from './context.ts'
import { pendingRequest } from './review.ts'
import { handleInside, noteMatched, type TokenRequest } from './store.ts'
import { termsOf } from './terms.ts'

/** A code is good for no longer, however long the client would have its request wait (NIST SP 800-63B-4 §3.1.3). */
export const LONGEST_MATCH_MS = 10 * MINUTE

/**
 * The six digits that a client shows and its user types, so that both mean the same request. They are made of the
 * request's id by a key of ours, kept nowhere, and good for one approval, since a request is decided once.
 */
export function matchCodeOf(vault: Vault, requestId: string): string {
  const bytes = Buffer.from(vault.mac('match_code', requestId), 'base64url')
  return String(bytes.readUIntBE(0, 6) % 1_000_000).padStart(6, '0')
}

/**
 * Takes the code that a user has typed. Five wrong ones in a row lock their account for codes, over all requests: who
 * must type is perhaps being talked into it.
 *
 * @throws Refusal `match_code_wrong` with how many tries are `left`, `codes_locked` with `retry_after` in seconds,
 *   `match_code_unasked`, `request_not_found`, `request_settled`
 */
export async function typeMatchCode(
  { db, now, vault }: Pick<RequestContext, 'db' | 'now' | 'vault'>,
  userId: string,
  id: string,
  code: string,
): Promise<void> {
  // Thrown behind the commit: a wrong try counts.
  const refusal = await db.transaction(async (tx) => {
    const at = now()
    const { request } = await pendingRequest(tx, userId, id, at)
    if (!termsOf(request).isMatched) throw new Refusal('match_code_unasked')
    const tries = await lockTries(tx, userId, 'match')
    if (tries.lockedUntil > at) return locked(tries.lockedUntil - at)
    const event = { actor: 'user' as const, requestId: id, userId, clientId: request.clientId, at }
    if (!isSame(code, matchCodeOf(vault, id))) {
      const { failures, lockedUntil } = await noteWrong(tx, tries, at)
      await recordEvent(tx, { ...event, kind: lockedUntil > at ? 'codes_locked' : 'code_wrong' })
      if (lockedUntil > at) return locked(lockedUntil - at)
      return new Refusal('match_code_wrong', { facts: { left: MOST_TRIES - failures } })
    }
    await forgetTries(tx, tries)
    await noteMatched(tx, id, at)
    await recordEvent(tx, { ...event, kind: 'code_matched' })
    return undefined
  })
  if (refusal) throw refusal
}

const isSame = (typed: string, code: string) =>
  typed.length === code.length && timingSafeEqual(Buffer.from(typed), Buffer.from(code))

const locked = (ms: number) => new Refusal('codes_locked', { facts: { retry_after: Math.ceil(ms / SECOND) } })

/** @throws Refusal `match_code_missing` while a request that wants it has not had its code */
export async function requireMatched(
  tx: Transaction,
  request: Pick<TokenRequest, 'id' | 'terms'>,
): Promise<void> {
  if (!termsOf(request).isMatched) return
  const handle = await handleInside(tx, request.id)
  if (handle?.matchedAt == null) throw new Refusal('match_code_missing')
}
