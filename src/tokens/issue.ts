import { newId, uuidv7 } from '#base/ids.ts'
import { hashSecret, newSecret } from '#base/secrets.ts'
import type { Transaction } from '#store/database.ts'
import { signJwt } from './jwt.ts'
import type { SigningKeys } from './keys.ts'
import { insertFamily, insertRefreshToken, insertToken } from './store.ts'

/** What all tokens of this server have in common. */
export interface Issuer {
  /** `iss`, our public origin. */
  issuer: string
  /** `aud`: the resource servers that take these tokens. */
  audience: string
  keys: SigningKeys
}

export interface Grant {
  requestId: string
  clientId: string
  userId: string
  issuedAt: number
  expiresAt: number
  /** Claims beyond those of every token. */
  claims?: TokenClaims
}

/** Claims of RFC 9068 §2.2 that not every token has. */
export interface TokenClaims {
  /** In place of the server's own audience. */
  aud?: string | string[]
  scope?: string
  /** When the user authenticated, in epoch seconds. */
  auth_time?: number
  acr?: string
  /** Of an approval that was simulated. No resource server may take such a token for a real one. */
  test?: true
}

/** What marks a token of test mode: an audience that no resource server is. */
export const testClaims = ({ audience }: Issuer): TokenClaims => ({ aud: `test:${audience}`, test: true })

/** A token that is signed and not yet kept. The text is for the caller to hand over, and kept nowhere. */
export interface NewToken {
  id: string
  text: string
  grant: Grant
}

/** Signs an access token (RFC 9068, ES256). It is good only once `keepToken` has committed. */
export const signToken = (issuer: Issuer, grant: Grant): NewToken => ({
  id: newId('tok'),
  text: signAccessToken(issuer, grant),
  grant,
})

/**
 * Issues a token in the transaction that decides. Only its hash is kept.
 *
 * @param round how often its family was renewed by then
 */
export const keepToken = (tx: Transaction, { id, text, grant }: NewToken, round = 0) =>
  insertToken(tx, {
    ...grant,
    id,
    hash: hashSecret(text),
    claims: grant.claims ? JSON.stringify(grant.claims) : null,
    round,
  })

/** That a token can be renewed. The text is for the caller to hand over, and kept nowhere. */
export interface NewFamily {
  refreshToken: string
  /** How long each of its tokens is good, in milliseconds. */
  tokenLifeMs: number
  /** From then on nothing more comes of it. */
  expiresAt: number
}

export const newRefreshToken = (): string => newSecret('cs_refresh')

/** Begins the family of a token that was just kept. */
export async function keepFamily(
  tx: Transaction,
  { refreshToken, tokenLifeMs, expiresAt }: NewFamily,
  { requestId, clientId, userId, issuedAt, claims }: Grant,
): Promise<void> {
  await insertFamily(tx, {
    requestId,
    clientId,
    userId,
    claims: JSON.stringify(claims ?? {}),
    tokenLifeMs,
    issuedAt,
    expiresAt,
  })
  await insertRefreshToken(tx, { hash: hashSecret(refreshToken), requestId, round: 0, expiresAt })
}

function signAccessToken({ issuer, audience, keys }: Issuer, grant: Grant): string {
  // Seconds are rounded down, so that no receiver whose clock is a little behind sees a token from the future.
  const claims = {
    iss: issuer,
    sub: grant.userId,
    aud: audience,
    client_id: grant.clientId,
    iat: Math.floor(grant.issuedAt / 1_000),
    exp: Math.floor(grant.expiresAt / 1_000),
    jti: uuidv7(),
    ...grant.claims,
  }
  return signJwt(keys.current(), 'at+jwt', claims)
}
