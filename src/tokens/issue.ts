import { sign } from 'node:crypto'
import { newId, uuidv7 } from '#base/ids.ts'
import { hashSecret } from '#base/secrets.ts'
import type { Transaction } from '#store/database.ts'
import type { SigningKey } from './keys.ts'
import { insertToken } from './store.ts'

/** What all tokens of this server have in common. */
export interface Issuer {
  /** `iss`, our public origin. */
  issuer: string
  /** `aud`: the resource servers that take these tokens. */
  audience: string
  key: SigningKey
}

export interface Grant {
  requestId: string
  clientId: string
  userId: string
  issuedAt: number
  expiresAt: number
}

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

/** Issues a token in the transaction that decides. Only its hash is kept. */
export const keepToken = (tx: Transaction, { id, text, grant }: NewToken) =>
  insertToken(tx, { id, hash: hashSecret(text), ...grant })

function signAccessToken({ issuer, audience, key }: Issuer, grant: Grant): string {
  // Seconds are rounded down, so that no receiver whose clock is a little behind sees a token from the future.
  const claims = {
    iss: issuer,
    sub: grant.userId,
    aud: audience,
    client_id: grant.clientId,
    iat: Math.floor(grant.issuedAt / 1_000),
    exp: Math.floor(grant.expiresAt / 1_000),
    jti: uuidv7(),
  }
  const header = { alg: 'ES256', typ: 'at+jwt', kid: key.kid }
  const signed = `${base64url(header)}.${base64url(claims)}`
  // Synchronous by node:crypto takes 63 µs; `jose` one at a time takes 185 µs, a worker thread 214 µs.
  const signature = sign('sha256', Buffer.from(signed), { key: key.privateKey, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
