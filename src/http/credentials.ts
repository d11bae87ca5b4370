import { Refusal } from '#base/errors.ts'
import type { ShownCertificate } from './certificates.ts'

/** RFC 7523 §2.2. */
export const BY_JWT = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Parameters by which a client authenticates; all others are what it asks. */
export const CREDENTIAL_PARAMETERS = [
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
] as const

/** What a call says of who makes it. */
interface Said {
  /** Its `authorization` header. */
  header: string | undefined
  parameter: (name: (typeof CREDENTIAL_PARAMETERS)[number]) => string | undefined
  /** What it has shown by TLS; by that alone it authenticates if there is nothing else. */
  certificate: ShownCertificate | undefined
}

/** One way to authenticate, and what is shown by it. */
type Shown =
  | { method: 'client_secret_basic' | 'client_secret_post'; clientId: string; secret: string }
  | {
      method: 'private_key_jwt'
      clientId: string | undefined
      assertion: string
      audiences: readonly string[]
    }
  | ({ method: 'certificate'; clientId: string } & ShownCertificate)

/**
 * Reads what a client shows of itself (RFC 6749 §2.3.1, RFC 7523 §2.2, RFC 8705 §2).
 *
 * @param origins our own, for whose addresses an assertion must be meant
 * @throws Refusal `client_credentials_wrong`; `input_invalid` when it does so in two ways at once
 */
export function readCredentials({ header, parameter, certificate }: Said, origins: readonly string[]): Shown {
  const secret = parameter('client_secret')
  const assertion = parameter('client_assertion')
  if ([header, secret, assertion].filter((each) => each !== undefined).length > 1) {
    throw new Refusal('input_invalid', { detail: 'The client authenticates in two ways at once.' })
  }
  const clientId = parameter('client_id')
  if (header !== undefined) return basic(header, clientId)
  if (assertion !== undefined) {
    if (parameter('client_assertion_type') !== BY_JWT) {
      throw new Refusal('input_invalid', { detail: `client_assertion_type must be ${BY_JWT}.` })
    }
    return { method: 'private_key_jwt', clientId, assertion, audiences: origins.flatMap(audiencesOf) }
  }
  if (clientId !== undefined && secret === undefined && certificate) {
    return { method: 'certificate', clientId, ...certificate }
  }
  if (clientId === undefined || secret === undefined) throw new Refusal('client_credentials_wrong')
  return { method: 'client_secret_post', clientId, secret }
}

/** CIBA Core 1.0 §7.1: the issuer, the token endpoint or the backchannel endpoint; Auth0's libraries name theirs with a slash. */
const audiencesOf = (issuer: string) => [
  issuer,
  `${issuer}/`,
  ...['/token', '/oauth/token', '/bc-authorize', '/introspect', '/revoke'].map((path) => issuer + path),
]

function basic(header: string, alsoNamed: string | undefined): Shown {
  const [scheme, encoded = ''] = header.split(' ')
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const at = pair.indexOf(':')
  if (scheme?.toLowerCase() !== 'basic' || at < 0) throw new Refusal('client_credentials_wrong')
  const clientId = formDecode(pair.slice(0, at))
  if (alsoNamed !== undefined && alsoNamed !== clientId) throw new Refusal('client_credentials_wrong')
  return { method: 'client_secret_basic', clientId, secret: formDecode(pair.slice(at + 1)) }
}

/** RFC 6749 §2.3.1 wants id and secret form-encoded; many clients send them plain, which reads the same for ours. */
function formDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

/** Under which addresses of ours a client may know us, where certificates are taken too. */
export const originsOf = ({
  site,
  certificates,
}: {
  site: { origin: string }
  certificates: { origin: string | undefined } | undefined
}): string[] => (certificates?.origin === undefined ? [site.origin] : [site.origin, certificates.origin])
