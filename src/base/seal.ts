import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'

/**
 * Closes and opens what must not lie in plain text. Envelope encryption: each value has a data key of its own, wrapped
 * by the master key, both AES-256-GCM. `place` names the row, its client and its purpose, and is bound as additional
 * data: a sealed value moved to another row does not open.
 */
export interface Vault {
  seal(place: string, plain: Uint8Array): Buffer
  open(place: string, sealed: Uint8Array): Buffer
  /** Signs a text for our own eyes (HMAC-SHA256, base64url), for one purpose, so that it need not be kept. */
  mac(purpose: string, text: string): string
}

/** @param masterKey 32 bytes */
export function createVault(masterKey: Uint8Array): Vault {
  const master = createSecretKey(masterKey)
  const macKey = createSecretKey(Buffer.from(hkdfSync('sha256', masterKey, '', 'countersign-mac-v1', KEY)))
  return {
    seal(place, plain) {
      const dataKey = randomBytes(KEY)
      const wrapped = encrypt(master, place, dataKey)
      const body = encrypt(createSecretKey(dataKey), place, plain)
      return Buffer.concat([VERSION, wrapped, body])
    },
    open(place, sealed) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
      if (bytes[0] !== VERSION[0])
        throw new Error('A sealed value is of a form that this release does not know.')
      const dataKey = decrypt(master, place, bytes.subarray(1, 1 + WRAPPED))
      return decrypt(createSecretKey(dataKey), place, bytes.subarray(1 + WRAPPED))
    },
    mac: (purpose, text) => createHmac('sha256', macKey).update(`${purpose}\0${text}`).digest('base64url'),
  }
}

const VERSION = Buffer.of(1)
const KEY = 32
const NONCE = 12
const TAG = 16
const WRAPPED = NONCE + KEY + TAG

function encrypt(key: KeyObject, place: string, plain: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(Buffer.from(place))
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: KeyObject, place: string, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE))
  decipher.setAAD(Buffer.from(place))
  decipher.setAuthTag(sealed.subarray(-TAG))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE, -TAG)), decipher.final()])
  } catch (cause) {
    throw new Error('A sealed value does not open: the master key is another one, or the value was moved.', {
      cause,
    })
  }
}
