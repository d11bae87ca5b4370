import { sign } from 'node:crypto'
import type { SigningKey } from './keys.ts'

/** Signs claims as a JWT (RFC 7519, ES256). */
export function signJwt({ kid, privateKey }: SigningKey, typ: string, claims: object): string {
  const signed = `${base64url({ alg: 'ES256', typ, kid })}.${base64url(claims)}`
  // Synchronous by node:crypto takes 63 µs; `jose` one at a time takes 185 µs, a worker thread 214 µs.
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${signature.toString('base64url')}`
}

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
