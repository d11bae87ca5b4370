import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'

/** What a checkpoint says of the log. */
export interface Checkpoint {
  /** Name of the log; it holds the fingerprint of the key. */
  origin: string
  /** Entries that are sealed so far. */
  size: number
  root: Buffer
  /** When it was sealed, by the clock of the server that did. */
  at: number
}

/** Signs checkpoints. */
export interface AuditKey {
  origin: string
  /** What others know it by: a verifier key of signed notes (https://c2sp.org/signed-note). */
  verifier: string
  privateKey: KeyObject
}

/** Knows checkpoints that are signed by one key. */
export interface Verifier {
  origin: string
  fingerprint: string
  keyId: Buffer
  publicKey: KeyObject
}

/** Ed25519, as signed notes number their algorithms. */
const ED25519 = 1
const ORIGIN = 'countersign/audit/'

/** @param pkcs8 an Ed25519 key in DER */
export function readAuditKey(pkcs8: Buffer): AuditKey {
  const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' })
  const raw = Buffer.from(x, 'base64url')
  const origin = ORIGIN + hash('sha256', raw).slice(0, 16)
  const id = keyIdOf(origin, raw).toString('hex')
  const verifier = `${origin}+${id}+${Buffer.concat([Buffer.of(ED25519), raw]).toString('base64')}`
  return { origin, verifier, privateKey }
}

/** @throws Error with a sentence */
export function readVerifier(text: string): Verifier {
  const [, origin = '', id = '', encoded = ''] = /^([^\s+]+)\+([0-9a-f]{8})\+([\w+/]+=*)$/.exec(text) ?? []
  const bytes = Buffer.from(encoded, 'base64')
  const raw = bytes.subarray(1)
  if (bytes[0] !== ED25519 || raw.length !== 32) throw new Error('This is not the key of an audit log.')
  const fingerprint = hash('sha256', raw)
  const keyId = keyIdOf(origin, raw)
  if (keyId.toString('hex') !== id || origin !== ORIGIN + fingerprint.slice(0, 16))
    throw new Error('The key of the audit log was cut or changed.')
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
    format: 'jwk',
  })
  return { origin, fingerprint, keyId, publicKey }
}

/** A checkpoint as a signed note (https://c2sp.org/tlog-checkpoint), its time in an extension line. */
export function signCheckpoint(key: AuditKey, { size, root, at }: Omit<Checkpoint, 'origin'>): string {
  const text = `${key.origin}\n${size}\n${root.toString('base64')}\ntime ${at}\n`
  const { keyId } = readVerifier(key.verifier)
  const signature = Buffer.concat([keyId, sign(null, Buffer.from(text), key.privateKey)])
  return `${text}\n— ${key.origin} ${signature.toString('base64')}\n`
}

/** @returns undefined unless it has the form of a checkpoint and is signed by this key */
export function openCheckpoint({ origin, keyId, publicKey }: Verifier, note: string): Checkpoint | undefined {
  const form = /^((\S+)\n(0|[1-9]\d{0,15})\n([\w+/]{43}=)\ntime (\d{1,15})\n)\n((?:— \S+ [\w+/]+=*\n)+)$/
  const [, text = '', name, size, root = '', at, lines = ''] = form.exec(note) ?? []
  if (name !== origin) return undefined
  const isSigned = lines.split('\n').some((line) => {
    const [, signer, encoded = ''] = line.split(' ')
    const bytes = Buffer.from(encoded, 'base64')
    if (signer !== origin || !bytes.subarray(0, 4).equals(keyId)) return false
    return verify(null, Buffer.from(text), publicKey, bytes.subarray(4))
  })
  if (!isSigned) return undefined
  return { origin, size: Number(size), root: Buffer.from(root, 'base64'), at: Number(at) }
}

const keyIdOf = (origin: string, raw: Buffer): Buffer =>
  hash('sha256', Buffer.concat([Buffer.from(`${origin}\n`), Buffer.of(ED25519), raw]), 'buffer').subarray(
    0,
    4,
  )
