import { recordEvent } from '#audit/events.ts'
import { hashSecret } from '#base/secrets.ts'
import type { Database, Transaction } from '#store/database.ts'
import {
  type Family,
  familyByRefreshToken,
  revokeFamilyRow,
  revokeTokenRow,
  revokeTokensOfRequest,
  type Token,
  tokenByHash,
} from './store.ts'

export type RevokedBy = 'user' | 'client' | 'system' | 'operator'

/**
 * Ends all that an approval gave: its tokens, and what could bring more of them. False if it has ended already.
 *
 * @param detail why, in a few words for people
 */
export async function endAccess(
  tx: Transaction,
  requestId: string,
  by: RevokedBy,
  now: number,
  detail?: string,
): Promise<boolean> {
  // The family first: a refresh that is under way is waited for, and the token it brings is found below.
  const family = await revokeFamilyRow(tx, requestId, now)
  const tokens = await revokeTokensOfRequest(tx, requestId, now)
  const ended = family ?? tokens[0]
  if (!ended) return false
  await noteRevoked(tx, { ...ended, requestId }, by, now, detail)
  return true
}

/** Ends one token before its time; a family that it is of goes on. False if it has ended already. */
export async function revokeToken(tx: Transaction, id: string, by: RevokedBy, now: number): Promise<boolean> {
  const token = await revokeTokenRow(tx, id, now)
  if (!token) return false
  await noteRevoked(tx, token, by, now)
  return true
}

const noteRevoked = (
  tx: Transaction,
  { requestId, userId, clientId }: Pick<Token, 'requestId' | 'userId' | 'clientId'>,
  by: RevokedBy,
  at: number,
  detail?: string,
) =>
  recordEvent(tx, {
    kind: 'token_revoked',
    actor: by,
    requestId,
    userId,
    clientId,
    ...(detail ? { detail } : {}),
    at,
  })

/** The token behind a bearer text, if it is good now. */
export async function activeToken(db: Database, text: string, now: number): Promise<Token | undefined> {
  const token = await tokenByHash(db, hashSecret(text))
  return token?.state === 'active' && token.expiresAt > now ? token : undefined
}

/** The family that a refresh token is of, and whether it is the one that can be used now. */
export async function familyOf(
  db: Database,
  text: string,
  now: number,
): Promise<(Family & { isUsable: boolean }) | undefined> {
  const family = await familyByRefreshToken(db, hashSecret(text))
  if (family?.state !== 'active' || family.expiresAt <= now) return undefined
  return { ...family, isUsable: family.tokenRound === family.round }
}
