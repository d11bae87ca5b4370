import { newId, uuidv7 } from '#base/ids.ts'
import { hashSecret, newSecret } from '#base/secrets.ts'
import type { Transaction } from '#store/database.ts'
import { signJwt } from './jwt.ts'
import type { SigningKeys } from './keys.ts'
import type { TokenSource } from './source.ts'
import { insertFamily, insertRefreshToken, insertToken } from './store.ts'

/** What all tokens of this server have in common. */
export interface Issuer {
  /** `iss`, our public origin. */
  issuer: string
  /** `aud`: the resource servers that take these tokens. */
  audience: string
  /** All that a client may name as what its token is for (RFC 8707); the first is the one above. */
  audiences: readonly string[]
  keys: SigningKeys
  /** The operator's own issuer of access tokens, in the place of ours. */
  source?: TokenSource | undefined
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
  /** What was granted in detail (RFC 9396 §9.1). */
  authorization_details?: readonly object[]
  /** When the user authenticated, in epoch seconds. */
  auth_time?: number
  acr?: string
  /** What whoever shows the token must show with it (RFC 7800 §3): a key (RFC 9449 §6), or a certificate (RFC 8705 §3). */
  cnf?: Confirmation
  /** Of an approval that was simulated. No resource server may take such a token for a real one. */
  test?: true
}

/** Members of RFC 9449 §6.1 and RFC 8705 §3.1. */
export type Confirmation = { jkt: string } | { 'x5t#S256': string }

/** How a client gets a token. */
export interface TokenForm {
  /** A JWT that whoever takes it can read, or a text that only introspection tells of. */
  format: 'jwt' | 'opaque'
  /** To what it is bound. */
  cnf: Confirmation | undefined
  /** Made by the operator's own issuer; ours makes it if not given. */
  sourced?: Sourced | undefined
}

/** A token of the operator's own issuer. */
export interface Sourced {
  text: string
  expiresAt: number
}

const PLAIN: TokenForm = { format: 'jwt', cnf: undefined }

/** RFC 6749 §7.1, RFC 9449 §5: how whoever shows the token must show it. */
export const tokenTypeOf = (claims: TokenClaims | undefined): 'Bearer' | 'DPoP' =>
  claims?.cnf && 'jkt' in claims.cnf ? 'DPoP' : 'Bearer'

/** What marks a token of test mode: an audience that no resource server is. */
export const testClaims = ({ audience }: Issuer): TokenClaims => ({ aud: `test:${audience}`, test: true })

/** A token that is signed and not yet kept. The text is for the caller to hand over, and kept nowhere. */
export interface NewToken {
  id: string
  text: string
  grant: Grant
}

/** Makes an access token: a JWT (RFC 9068, ES256), or an opaque one. It is good only once `keepToken` has committed. */
export function makeToken(
  issuer: Issuer,
  plain: Grant,
  { format, cnf, sourced }: TokenForm = PLAIN,
): NewToken {
  const grant = cnf ? { ...plain, claims: { ...plain.claims, cnf } } : plain
  if (sourced) {
    return { id: newId('tok'), text: sourced.text, grant: { ...grant, expiresAt: sourced.expiresAt } }
  }
  const text = format === 'opaque' ? newSecret('cs_token') : signAccessToken(issuer, grant)
  return { id: newId('tok'), text, grant }
}

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
