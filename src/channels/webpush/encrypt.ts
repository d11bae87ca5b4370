import { createCipheriv, createECDH, createHmac, randomBytes } from 'node:crypto'

/** What a browser gives with its subscription (Push API §8.1), as bytes. */
export interface PushKeys {
  /** P-256 public key of the browser, an uncompressed point of 65 bytes. */
  p256dh: Buffer
  /** 16 bytes that only the browser and we know. */
  auth: Buffer
}

/** Fixed by the test of the standard's own example; random otherwise. */
interface Fixed {
  salt?: Buffer
  privateKey?: Buffer
  size?: number
}

/** Bytes of every message before encryption, text and padding: its length tells nothing. */
const SIZE = 2_048
const RECORD_SIZE = 4_096
const TAG = 16

/**
 * Encrypts a message so that only the browser can read it, not the push service that carries it: `aes128gcm` of one
 * record (RFC 8291 §3.4, RFC 8188 §2.1), padded to one size.
 *
 * @throws RangeError when the text is longer than fits
 * @throws Error when the browser's key is not on the curve
 */
export function encryptPush(
  { p256dh, auth }: PushKeys,
  text: string,
  { salt = randomBytes(16), privateKey, size = SIZE }: Fixed = {},
): Buffer {
  const plain = Buffer.from(text)
  if (plain.length >= size) throw new RangeError(`A push message holds at most ${size - 1} bytes.`)
  const pair = createECDH('prime256v1')
  if (privateKey) pair.setPrivateKey(privateKey)
  else pair.generateKeys()
  const ownKey = pair.getPublicKey()

  const combined = expand(
    extract(auth, pair.computeSecret(p256dh)),
    Buffer.concat([Buffer.from('WebPush: info\0'), p256dh, ownKey]),
    32,
  )
  const secret = extract(salt, combined)
  const key = expand(secret, Buffer.from('Content-Encoding: aes128gcm\0'), 16)
  const nonce = expand(secret, Buffer.from('Content-Encoding: nonce\0'), 12)

  // The delimiter 2 marks the last record; zeros after it are padding (RFC 8188 §2).
  const padded = Buffer.alloc(size)
  plain.copy(padded)
  padded[plain.length] = 2
  const cipher = createCipheriv('aes-128-gcm', key, nonce, { authTagLength: TAG })
  const sealed = [cipher.update(padded), cipher.final(), cipher.getAuthTag()]

  const header = Buffer.alloc(21)
  salt.copy(header)
  header.writeUInt32BE(RECORD_SIZE, 16)
  header[20] = ownKey.length
  return Buffer.concat([header, ownKey, ...sealed])
}

/** HKDF in its two steps (RFC 5869 §2), since the standard takes them apart. */
const extract = (salt: Buffer, secret: Buffer): Buffer => createHmac('sha256', salt).update(secret).digest()

/** At most one block of SHA-256 is ever asked for. */
const expand = (key: Buffer, info: Buffer, length: number): Buffer =>
  createHmac('sha256', key).update(info).update(Buffer.of(1)).digest().subarray(0, length)
