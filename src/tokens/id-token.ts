import { hash } from 'node:crypto'
import { compactVerify, decodeProtectedHeader, errors } from 'jose'
import type { Issuer } from './issue.ts'
import { signJwt } from './jwt.ts'

export interface Authentication {
  userId: string
  clientId: string
  /** When the user signed, in epoch milliseconds. */
  authTime: number
  issuedAt: number
  /** As the access token. */
  expiresAt: number
}

/** What an approval is: a passkey, used now, with the user verified. It cannot be phished (OpenID EAP ACR Values 1.0 §2). */
export const ACR = 'phr'
/** Proof of possession, presence, more than one factor (RFC 8176 §2). */
const AMR = ['pop', 'user', 'mfa']

/**
 * Signs an ID Token (OpenID Connect Core 1.0 §2).
 *
 * @param also further claims, for instance those of a push (CIBA Core 1.0 §10.3.1)
 */
export function signIdToken(
  { issuer, keys }: Issuer,
  { userId, clientId, authTime, issuedAt, expiresAt }: Authentication,
  also: Record<string, string> = {},
): string {
  const claims = {
    iss: issuer,
    sub: userId,
    aud: clientId,
    iat: Math.floor(issuedAt / 1_000),
    exp: Math.floor(expiresAt / 1_000),
    auth_time: Math.floor(authTime / 1_000),
    acr: ACR,
    amr: AMR,
    ...also,
  }
  return signJwt(keys.current(), 'JWT', claims)
}

/**
 * Reads an ID Token that this server signed, also one that has ended, by a key that is retired.
 *
 * @returns undefined when it is none of ours
 */
export async function verifyIdToken(
  { issuer, keys }: Issuer,
  text: string,
): Promise<Pick<Authentication, 'userId' | 'clientId'> | undefined> {
  try {
    const { kid, typ } = decodeProtectedHeader(text)
    const key = typeof kid === 'string' && typ === 'JWT' ? keys.verifying(kid) : undefined
    if (!key) return undefined
    const { payload } = await compactVerify(text, key, { algorithms: ['ES256'] })
    const { iss, sub, aud } = JSON.parse(Buffer.from(payload).toString('utf8')) as Record<string, string>
    return iss === issuer && sub && aud ? { userId: sub, clientId: aud } : undefined
  } catch (fault) {
    // What `decodeProtectedHeader` throws for a text that is no JWT is a TypeError.
    if (fault instanceof errors.JOSEError || fault instanceof TypeError) return undefined
    throw fault
  }
}

/** The left half of a token's SHA-256, in base64url: `at_hash` and `rt_hash` (OpenID Connect Core 1.0 §3.1.3.6). */
export const halfHash = (token: string): string =>
  hash('sha256', token, 'buffer').subarray(0, 16).toString('base64url')
