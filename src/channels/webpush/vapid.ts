import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import type { Clock } from '#base/clock.ts'
import { HOUR } from '#base/clock.ts'

/** By which a push service knows us (RFC 8292). */
export interface Vapid {
  /** Our public key, an uncompressed P-256 point in base64url: browsers bind their subscription to it. */
  publicKey: string
  /** Value of `authorization` for a push service. */
  authorization(endpoint: URL): string
}

interface VapidOptions {
  /** PKCS #8, DER. It must never change: every subscription is bound to it. */
  privateKey: Uint8Array
  /** `mailto:` or `https:` address of the operator; Apple and Mozilla refuse calls without one. */
  subject: string
  now: Clock
}

/** RFC 8292 §2 allows 24 h; services differ in how they count. */
const LIFE_MS = 12 * HOUR
/** Origins whose header is kept. There are four push services in the world. */
const MOST_ORIGINS = 100

export function createVapid({ privateKey, subject, now }: VapidOptions): Vapid {
  const key = createPrivateKey({ key: Buffer.from(privateKey), format: 'der', type: 'pkcs8' })
  const publicKey = pointOf(key)
  const made = new Map<string, { header: string; renewAt: number }>()

  return {
    publicKey,
    authorization({ origin }) {
      const known = made.get(origin)
      if (known && known.renewAt > now() && known.renewAt <= now() + LIFE_MS) return known.header
      if (made.size >= MOST_ORIGINS) made.clear()
      const claims = { aud: origin, exp: Math.floor((now() + LIFE_MS) / 1_000), sub: subject }
      const header = `vapid t=${signed(key, claims)}, k=${publicKey}`
      made.set(origin, { header, renewAt: now() + LIFE_MS / 2 })
      return header
    },
  }
}

function signed(key: KeyObject, claims: object): string {
  const text = `${base64url({ typ: 'JWT', alg: 'ES256' })}.${base64url(claims)}`
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function pointOf(key: KeyObject): string {
  const { x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' })
  return Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]).toString(
    'base64url',
  )
}
