import { hash, randomFillSync, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

/**
 * A secret of ours: prefix, 43 random characters of base62 (256 bits), and six characters of CRC-32, so that a scanner of
 * source code knows a leaked one without asking anybody.
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
  const text = `${prefix}_${randomText(43)}`
  return text + checksum(text)
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

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
/** The largest multiple of 62 in a byte: bytes from there on would make some characters likelier than others. */
const EVEN = 248

/** Random bytes are fetched by the thousand: by the handful they cost fifteen times as much. Those that were used are wiped. */
const pool = Buffer.alloc(4_096)
let used = pool.length

function randomByte(): number {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const byte = pool[used] as number
  pool[used] = 0
  used += 1
  return byte
}

function randomText(length: number): string {
  const text = Buffer.alloc(length)
  for (let at = 0; at < length; ) {
    const byte = randomByte()
    if (byte >= EVEN) continue
    text[at] = ALPHABET.charCodeAt(byte % 62)
    at += 1
  }
  return text.toString('latin1')
}

function checksum(text: string): string {
  let number = crc32(text)
  let written = ''
  for (let i = 0; i < 6; i += 1) {
    written = ALPHABET[number % 62] + written
    number = Math.floor(number / 62)
  }
  return written
}
