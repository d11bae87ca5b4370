import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'

/**
 * Closes and opens what must not lie in plain text. Envelope encryption: each value has a data key of its own, wrapped
 * by a master key, both AES-256-GCM. A value names the master key that it was sealed under. `place` names the row, its
 * client and its purpose, and is bound as additional data: a sealed value moved to another row does not open.
 */
export interface Vault {
  seal(place: string, plain: Uint8Array): Buffer
  open(place: string, sealed: Uint8Array): Buffer
  /** Wraps the data key of a value anew, and leaves its body alone. Undefined if it is under the current key already. */
  rewrap(place: string, sealed: Uint8Array): Buffer | undefined
  /** How every value begins that is sealed under the current key. */
  header(): Buffer
  /** Signs a text for our own eyes (HMAC-SHA256, base64url), for one purpose, so that it need not be kept. */
  mac(purpose: string, text: string): string
  /** Whether we signed it so. Takes the same time whatever is wrong. */
  isMac(purpose: string, text: string, mac: string): boolean
}

/** A master key, made ready once. */
export interface MasterKey {
  /** The first four bytes of its SHA-256, in hex. */
  name: string
  wrapping: KeyObject
}

/** The master keys in force: one seals, all of them open. */
export interface KeyRing {
  current(): MasterKey
  /** Undefined when no key in force has this name. */
  named(name: string): MasterKey | undefined
}

/**
 * @param keys the key ring, or the bytes of an only master key
 * @param macKey 32 bytes that outlive a master key; made from the current one if there are none
 */
export function createVault(keys: KeyRing | Uint8Array, macKey?: Uint8Array): Vault {
  const ring = keys instanceof Uint8Array ? fixedRing([toMasterKey(keys)]) : keys
  const signing = createSecretKey(macKey ?? derivedMacKey(ring.current()))
  const mac = (purpose: string, text: string) =>
    createHmac('sha256', signing).update(`${purpose}\0${text}`).digest('base64url')

  function unwrap(place: string, sealed: Uint8Array) {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
    if (bytes[0] !== VERSION) throw new Error('A sealed value is of a form that this release does not know.')
    const name = bytes.toString('hex', 1, HEADER)
    const key = ring.named(name)
    if (!key) throw new Error(`A sealed value needs the master key ${name}, which is not in force here.`)
    const dataKey = decrypt(key.wrapping, `key\0${place}`, bytes.subarray(HEADER, HEADER + WRAPPED))
    return { name, dataKey, body: bytes.subarray(HEADER + WRAPPED) }
  }
  const wrap = (key: MasterKey, place: string, dataKey: Buffer) =>
    Buffer.concat([headerOf(key), encrypt(key.wrapping, `key\0${place}`, dataKey)])

  return {
    seal(place, plain) {
      const dataKey = randomBytes(KEY)
      const body = encrypt(createSecretKey(dataKey), `body\0${place}`, plain)
      return Buffer.concat([wrap(ring.current(), place, dataKey), body])
    },
    open(place, sealed) {
      const { dataKey, body } = unwrap(place, sealed)
      return decrypt(createSecretKey(dataKey), `body\0${place}`, body)
    },
    rewrap(place, sealed) {
      const { name, dataKey, body } = unwrap(place, sealed)
      const key = ring.current()
      return name === key.name ? undefined : Buffer.concat([wrap(key, place, dataKey), body])
    },
    header: () => headerOf(ring.current()),
    mac,
    isMac(purpose, text, given) {
      const expected = Buffer.from(mac(purpose, text))
      const bytes = Buffer.from(given)
      return bytes.length === expected.length && timingSafeEqual(bytes, expected)
    },
  }
}

/** @param bytes 32 of them */
export const toMasterKey = (bytes: Uint8Array): MasterKey => ({
  name: hash('sha256', bytes, 'buffer').toString('hex', 0, NAME),
  wrapping: createSecretKey(bytes),
})

/** A ring that stays as it is: the first key seals. */
export function fixedRing(keys: readonly MasterKey[]): KeyRing {
  const [first] = keys
  if (!first) throw new Error('A key ring holds one key at least.')
  return { current: () => first, named: (name) => keys.find((each) => each.name === name) }
}

const VERSION = 2
const NAME = 4
const HEADER = 1 + NAME
const KEY = 32
const NONCE = 12
const TAG = 16
const WRAPPED = NONCE + KEY + TAG

const headerOf = ({ name }: MasterKey): Buffer =>
  Buffer.concat([Buffer.of(VERSION), Buffer.from(name, 'hex')])

const derivedMacKey = ({ wrapping }: MasterKey): Buffer =>
  Buffer.from(hkdfSync('sha256', wrapping, '', 'countersign-mac-v1', KEY))

function encrypt(key: KeyObject, place: string, plain: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  cipher.setAAD(Buffer.from(place))
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: KeyObject, place: string, sealed: Buffer): Buffer {
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE), { authTagLength: TAG })
    decipher.setAAD(Buffer.from(place))
    decipher.setAuthTag(sealed.subarray(-TAG))
    return Buffer.concat([decipher.update(sealed.subarray(NONCE, -TAG)), decipher.final()])
  } catch (cause) {
    throw new Error('A sealed value does not open: it was damaged, or moved from another row.', { cause })
  }
}
