import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

/**
 * A secret of ours: prefix, 32 random bytes in base62, and six characters of CRC-32, so that a scanner of source code
 * knows a leaked one without asking anybody.
 */
export type SecretPrefix =
  | 'cs_secret'
  | 'cs_test'
  | 'cs_admin'
  | 'cs_enrol'
  | 'cs_session'
  | 'cs_code'
  | 'cs_tap'
  | 'cs_token'
  | 'cs_refresh'

/** The published form of every secret, for scanners. */
export const SECRET_PATTERN =
  /cs_(?:secret|test|admin|enrol|session|code|tap|token|refresh)_[0-9A-Za-z]{43}[0-9A-Za-z]{6}/

const WHOLE_SECRET = new RegExp(`^${SECRET_PATTERN.source}$`)

export function newSecret(prefix: SecretPrefix): string {
  const random = base62(randomBytes(32), 43)
  return `${prefix}_${random}${checksum(`${prefix}_${random}`)}`
}

/** Tells whether a text can be a secret of ours at all: right form, right checksum. No secret is needed to know it. */
export function isWellFormedSecret(text: string): boolean {
  return WHOLE_SECRET.test(text) && checksum(text.slice(0, -6)) === text.slice(-6)
}

/** SHA-256, which is all that is kept of a secret. They are random, so no slow hash is called for. */
export const hashSecret = (text: string): Buffer => hash('sha256', text, 'buffer')

/** Compares two hashes in constant time. */
export const sameHash = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && timingSafeEqual(a, b)

const checksum = (text: string): string => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(text))
  return base62(bytes, 6)
}

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

function base62(bytes: Buffer, length: number): string {
  let number = BigInt(`0x${bytes.toString('hex')}`)
  let text = ''
  for (let i = 0; i < length; i += 1) {
    text = ALPHABET[Number(number % 62n)] + text
    number /= 62n
  }
  return text
}
