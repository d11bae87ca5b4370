import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** What a server asks of a passkey, as far as this one reads it. */
interface Options {
  challenge: string
  rpId?: string
  rp?: { id?: string }
  user?: { id: string }
}

interface Whims {
  /** Answer without having verified the user (no fingerprint, no PIN). */
  withoutVerification?: boolean
  /** Answer as if the page were at another origin. */
  origin?: string
  /** Sign this challenge instead of the one asked for. */
  challenge?: string
}

export interface SoftwarePasskey {
  readonly credentialId: string
  /** Answers `navigator.credentials.create()`, in WebAuthn's JSON form. */
  register(
    options: Record<string, unknown>,
    whims?: Pick<Whims, 'withoutVerification'>,
  ): Record<string, unknown>
  /** Answers `navigator.credentials.get()`, in WebAuthn's JSON form. */
  assert(options: Record<string, unknown>, whims?: Whims): Record<string, unknown>
}

/**
 * A passkey made of software: P-256, resident, always says that it verified its user. It stands in for a person's phone
 * where no browser runs; it never belongs in a real sign-in.
 */
export function createPasskey(origin: string): SoftwarePasskey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const id = randomBytes(32)
  const credentialId = id.toString('base64url')
  let counter = 0
  let userHandle: string | undefined

  const authenticatorData = (rpId: string, flags: number, attested = Buffer.alloc(0)) => {
    counter += 1
    const count = Buffer.alloc(4)
    count.writeUInt32BE(counter)
    return Buffer.concat([sha256(rpId), Buffer.of(flags), count, attested])
  }
  const clientData = (type: string, challenge: string, from: string) =>
    Buffer.from(JSON.stringify({ type, challenge, origin: from, crossOrigin: false }))

  return {
    credentialId,

    register(given, { withoutVerification = false } = {}) {
      const options = given as unknown as Options
      userHandle = options.user?.id
      const keyLength = Buffer.alloc(2)
      keyLength.writeUInt16BE(id.length)
      const attested = Buffer.concat([Buffer.alloc(16), keyLength, id, coseKey(publicKey)])
      const data = authenticatorData(
        options.rp?.id ?? '',
        (withoutVerification ? UP : UP | UV) | AT,
        attested,
      )
      const attestation = Buffer.concat([
        Buffer.of(0xa3),
        cborText('fmt'),
        cborText('none'),
        cborText('attStmt'),
        Buffer.of(0xa0),
        cborText('authData'),
        cborBytes(data),
      ])
      return credential({
        clientDataJSON: clientData('webauthn.create', options.challenge, origin).toString('base64url'),
        attestationObject: attestation.toString('base64url'),
        transports: ['internal'],
      })
    },

    assert(given, { withoutVerification = false, origin: from = origin, challenge } = {}) {
      const options = given as unknown as Options
      const client = clientData('webauthn.get', challenge ?? options.challenge, from)
      const data = authenticatorData(options.rpId ?? '', withoutVerification ? UP : UP | UV)
      const signature = sign('sha256', Buffer.concat([data, sha256(client)]), privateKey)
      return credential({
        clientDataJSON: client.toString('base64url'),
        authenticatorData: data.toString('base64url'),
        signature: signature.toString('base64url'),
        ...(userHandle ? { userHandle } : {}),
      })
    },
  }

  function credential(response: Record<string, unknown>) {
    return {
      id: credentialId,
      rawId: credentialId,
      type: 'public-key',
      authenticatorAttachment: 'platform',
      clientExtensionResults: {},
      response,
    }
  }
}

/** Flags of authenticator data (WebAuthn Level 3 §6.1): user present, user verified, attested data included. */
const UP = 0x01
const UV = 0x04
const AT = 0x40

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest()

/** The key as COSE writes it (RFC 9053 §7.1.1): EC2, ES256, P-256. */
function coseKey(key: KeyObject): Buffer {
  const { x = '', y = '' } = key.export({ format: 'jwk' })
  return Buffer.concat([
    Buffer.of(0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21),
    cborBytes(Buffer.from(x, 'base64url')),
    Buffer.of(0x22),
    cborBytes(Buffer.from(y, 'base64url')),
  ])
}

const cborText = (text: string) => Buffer.concat([Buffer.of(0x60 | text.length), Buffer.from(text)])

function cborBytes(bytes: Buffer): Buffer {
  const head =
    bytes.length < 256
      ? Buffer.of(0x58, bytes.length)
      : Buffer.of(0x59, bytes.length >> 8, bytes.length & 255)
  return Buffer.concat([head, bytes])
}
