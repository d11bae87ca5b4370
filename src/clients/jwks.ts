import { createPublicKey, type JsonWebKey, type KeyObject, X509Certificate } from 'node:crypto'
import { Refusal } from '#base/errors.ts'

/** By what a client may sign (FAPI 1.0 Advanced §8.6). */
export const CLIENT_ALGS = ['PS256', 'ES256'] as const
export type ClientAlg = (typeof CLIENT_ALGS)[number]

/**
 * Reads the public keys of a client: a JWK Set (RFC 7517 §5) of EC keys on P-256 and RSA keys of 2048 bits or more.
 * What is kept of each is its public members alone.
 *
 * @returns JSON text of the set, as it is kept
 * @throws Refusal `client_metadata_refused` with what is wrong
 */
export function readJwks(text: string): string {
  const keys = parse(text)
  if (keys.length === 0 || keys.length > MOST_KEYS) refuse(`it must hold 1 to ${MOST_KEYS} keys`)
  return JSON.stringify({ keys: keys.map(readKey) })
}

const MOST_KEYS = 20
/** Members of RFC 7518 §6 that only a private or a secret key has. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
/** What is kept of a key: its public members, how it is known, what it is for. */
const KEPT = ['kty', 'crv', 'x', 'y', 'n', 'e', 'kid', 'alg', 'use'] as const
const RSA_BITS = { least: 2_048, most: 4_096 }

function parse(text: string): unknown[] {
  try {
    const { keys } = JSON.parse(text) as { keys: unknown }
    if (Array.isArray(keys)) return keys
  } catch {}
  return refuse('it must be a JWK Set, {"keys":[…]}')
}

function readKey(jwk: unknown): object {
  if (typeof jwk !== 'object' || jwk === null) return refuse('each of its keys must be an object')
  if (PRIVATE_MEMBERS.some((name) => name in jwk)) {
    refuse('one of its keys is private, and has left your hands; make a new pair, and give its public half')
  }
  const kept: Record<string, string> = {}
  for (const name of KEPT) {
    const value: unknown = (jwk as Record<string, unknown>)[name]
    if (value === undefined) continue
    if (typeof value !== 'string' || value.length > 2_000 || /\p{C}/u.test(value)) {
      return refuse(`the “${name}” of a key must be a text`)
    }
    kept[name] = value
  }
  if (kept.use !== undefined && kept.use !== 'sig')
    refuse('the “use” of each key must be “sig”, or be left out')
  const key = publicKey(kept)
  const alg = algOf(key)
  if (kept.alg !== undefined && kept.alg !== alg)
    refuse(`the “alg” of this key must be ${alg}, or be left out`)
  const certificate = certificateOf(jwk, key)
  return certificate === undefined ? kept : { ...kept, x5c: [certificate] }
}

/** The first of its certificates (RFC 7517 §4.7), by which a client may show who it is (RFC 8705 §2.2). */
function certificateOf(jwk: object, key: KeyObject): string | undefined {
  const { x5c } = jwk as { x5c?: unknown }
  if (x5c === undefined) return undefined
  const [first]: unknown[] = Array.isArray(x5c) ? x5c : []
  if (typeof first !== 'string' || first.length > MOST_CERTIFICATE)
    return refuse('the “x5c” of a key must be certificates')
  try {
    if (new X509Certificate(Buffer.from(first, 'base64')).publicKey.equals(key)) return first
  } catch {}
  return refuse('the first certificate in the “x5c” of a key must be of that key')
}

const MOST_CERTIFICATE = 8_192

function publicKey(key: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key, format: 'jwk' })
  } catch {
    return refuse('the members of one of its keys do not make a public key')
  }
}

function algOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): ClientAlg {
  const { namedCurve, modulusLength = 0 } = asymmetricKeyDetails ?? {}
  if (asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ES256'
  if (asymmetricKeyType !== 'rsa') return refuse('its keys must be EC on P-256, or RSA')
  if (modulusLength >= RSA_BITS.least && modulusLength <= RSA_BITS.most) return 'PS256'
  return refuse(`an RSA key must have ${RSA_BITS.least} to ${RSA_BITS.most} bits; one has ${modulusLength}`)
}

function refuse(detail: string): never {
  throw new Refusal('client_metadata_refused', { detail: `The jwks may not be used: ${detail}.` })
}
