import { recordEvent } from '#audit/events.ts'
import { hashSecret } from '#base/secrets.ts'
import type { Database, Transaction } from '#store/database.ts'
import { revokeTokenRow, type Token, tokenByHash } from './store.ts'

export type RevokedBy = 'user' | 'client' | 'system' | 'operator'

/** Ends a token before its time. False if it has ended already. */
export async function revokeToken(tx: Transaction, id: string, by: RevokedBy, now: number, detail?: string) {
  const token = await revokeTokenRow(tx, id, now)
  if (!token) return false
  await recordEvent(tx, {
    kind: 'token_revoked',
    actor: by,
    requestId: token.requestId,
    userId: token.userId,
    clientId: token.clientId,
    ...(detail ? { detail } : {}),
    at: now,
  })
  return true
}

/** The token behind a bearer text, if it is good now. */
export async function activeToken(db: Database, text: string, now: number): Promise<Token | undefined> {
  const token = await tokenByHash(db, hashSecret(text))
  return token?.state === 'active' && token.expiresAt > now ? token : undefined
}
