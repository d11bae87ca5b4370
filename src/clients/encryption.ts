import { createPublicKey, hash, type JsonWebKey, type KeyObject } from 'node:crypto'
import { CompactEncrypt } from 'jose'
import { Refusal } from '#base/errors.ts'
import { canonicalJson } from '#base/json.ts'

/** How a client's key is known, and what is done with it (RFC 7518 §4.3, §4.6). */
export interface EncryptionKeyCard {
  kid: string
  alg: 'ECDH-ES+A256KW' | 'RSA-OAEP-256'
}

type EncryptionKey = EncryptionKeyCard & { use: 'enc' } & (
    | { kty: 'EC'; crv: 'P-256'; x: string; y: string }
    | { kty: 'RSA'; n: string; e: string }
  )

/**
 * Reads the public key that a client wants its deliveries encrypted to: a JWK (RFC 7517), an EC key on P-256 or an RSA
 * key of 2048 bits or more. What is kept is its public members alone.
 *
 * @returns JSON text of the key, as it is kept
 * @throws Refusal `encryption_key_refused` with what is wrong
 */
export function readEncryptionKey(text: string): string {
  const jwk = parse(text)
  if (PRIVATE_MEMBERS.some((name) => name in jwk)) {
    refuse('This is a private key, and it has left your hands. Make a new pair, and give its public half.')
  }
  if (jwk.use !== undefined && jwk.use !== 'enc') refuse('Its “use” must be “enc”, or be left out.')
  const operations = Array.isArray(jwk.key_ops) ? jwk.key_ops : []
  if (operations.some((each) => each === 'sign' || each === 'verify')) {
    refuse('Its “key_ops” are those of a signature. Give a key that is for encryption alone.')
  }
  const kept = jwk.kty === 'RSA' ? rsaKey(jwk) : jwk.kty === 'EC' ? ecKey(jwk) : undefined
  if (!kept) return refuse('Its “kty” must be “EC” (on P-256) or “RSA”.')
  if (jwk.alg !== undefined && jwk.alg !== kept.alg) {
    refuse(`Its “alg” must be “${kept.alg}”, or be left out.`)
  }
  return JSON.stringify({ ...kept, kid: kidOf(jwk) ?? thumbprint(kept), use: 'enc' })
}

/** What of a kept key is shown. */
export function encryptionKeyCard(kept: string): EncryptionKeyCard {
  const { kid, alg } = JSON.parse(kept) as EncryptionKey
  return { kid, alg }
}

/** Encrypts a payload so that the client's private key alone opens it: a compact JWE (RFC 7516), A256GCM. */
export async function encryptFor(kept: string, payload: Uint8Array): Promise<Uint8Array> {
  const { kid, alg } = encryptionKeyCard(kept)
  const jwe = await new CompactEncrypt(payload)
    .setProtectedHeader({ alg, enc: 'A256GCM', kid, cty: 'application/json' })
    .encrypt(toPublicKey(JSON.parse(kept)))
  return Buffer.from(jwe)
}

/** Members of RFC 7518 §6 that only a private or a secret key has. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
const LEAST_RSA_BITS = 2_048
const MOST_RSA_BITS = 4_096
const LEAST_EXPONENT = 65_537n
const MOST_EXPONENT = 2n ** 32n
const MOST_KID = 200

function parse(text: string): Record<string, unknown> {
  try {
    const jwk: unknown = JSON.parse(text)
    if (jwk && typeof jwk === 'object' && !Array.isArray(jwk)) return jwk as Record<string, unknown>
  } catch {}
  return refuse('It must be one public key as a JWK (RFC 7517), a JSON object.')
}

function ecKey({ crv, x, y }: Record<string, unknown>) {
  if (crv !== 'P-256') refuse('An EC key must be on the curve P-256.')
  toPublicKey({ kty: 'EC', crv, x, y } as JsonWebKey)
  return {
    kty: 'EC' as const,
    crv: 'P-256' as const,
    x: String(x),
    y: String(y),
    alg: 'ECDH-ES+A256KW' as const,
  }
}

function rsaKey({ n, e }: Record<string, unknown>) {
  const { modulusLength = 0, publicExponent = 0n } =
    toPublicKey({ kty: 'RSA', n, e } as JsonWebKey).asymmetricKeyDetails ?? {}
  if (modulusLength < LEAST_RSA_BITS || modulusLength > MOST_RSA_BITS) {
    refuse(`An RSA key must have ${LEAST_RSA_BITS} to ${MOST_RSA_BITS} bits; this one has ${modulusLength}.`)
  }
  if (publicExponent < LEAST_EXPONENT || publicExponent > MOST_EXPONENT || publicExponent % 2n === 0n) {
    refuse('The exponent of an RSA key must be 65537, as it nearly always is.')
  }
  return { kty: 'RSA' as const, n: String(n), e: String(e), alg: 'RSA-OAEP-256' as const }
}

/** A point that is not on its curve is found out here too. */
function toPublicKey(key: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key, format: 'jwk' })
  } catch {
    return refuse('Its members do not make a public key.')
  }
}

function kidOf({ kid }: Record<string, unknown>): string | undefined {
  if (kid === undefined) return undefined
  if (typeof kid === 'string' && kid.length > 0 && kid.length <= MOST_KID && !/\p{C}/u.test(kid)) return kid
  return refuse(`Its “kid” must be a text of 1 to ${MOST_KID} characters, or be left out.`)
}

/** RFC 7638: SHA-256 over the required members in the one spelling of RFC 8785. */
function thumbprint(key: ReturnType<typeof ecKey> | ReturnType<typeof rsaKey>): string {
  const { alg: _, ...required } = key
  return hash('sha256', canonicalJson(required), 'base64url')
}

function refuse(detail: string): never {
  throw new Refusal('encryption_key_refused', { detail: `The encryption key may not be used. ${detail}` })
}
