import type { FastifyRequest } from 'fastify'
import { Refusal } from '#base/errors.ts'
import type { Credentials } from '#clients/credentials.ts'
import { CertificateRefused, certificateOf, type ShownCertificate } from '#http/certificates.ts'
import type { CibaContext } from './context.ts'
import { invalidRequest } from './errors.ts'
import type { Parameters } from './form.ts'

/** RFC 7523 §2.2. */
const BY_JWT = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/** Parameters by which a client authenticates; all others are what it asks. */
export const CREDENTIAL_PARAMETERS = [
  'client_id',
  'client_secret',
  'client_assertion',
  'client_assertion_type',
]

/**
 * Reads what a client shows of itself (RFC 6749 §2.3.1, RFC 7523 §2.2, RFC 8705 §2).
 *
 * @param origins our own, for whose addresses an assertion must be meant
 * @param certificate what it has shown by TLS; by that alone it authenticates if there is nothing else
 * @throws Refusal `client_credentials_wrong`
 * @throws CibaRefusal `invalid_request` when it does so in two ways at once
 */
export function readCredentials(
  http: FastifyRequest,
  form: Parameters,
  origins: readonly string[],
  certificate: ShownCertificate | undefined,
): Credentials {
  const secret = form.get('client_secret')
  const assertion = form.get('client_assertion')
  const header = http.headers.authorization
  if ([header, secret, assertion].filter((each) => each !== undefined).length > 1) {
    throw invalidRequest('The client authenticates in two ways at once.')
  }
  const clientId = form.get('client_id')
  if (header !== undefined) return basic(header, clientId)
  if (assertion !== undefined) {
    if (form.get('client_assertion_type') !== BY_JWT) {
      throw invalidRequest(`client_assertion_type must be ${BY_JWT}.`)
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

function basic(header: string, alsoNamed: string | undefined): Credentials {
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

/** What the caller has shown by TLS. @throws CibaRefusal `invalid_request` for a header of somebody who may not send it */
export function shownCertificate(
  { certificates, now }: CibaContext,
  http: FastifyRequest,
): ShownCertificate | undefined {
  try {
    return certificates && certificateOf(certificates, http, now())
  } catch (fault) {
    if (fault instanceof CertificateRefused) throw invalidRequest(fault.message)
    throw fault
  }
}

/** Under which a client may know us. */
export const originsOf = ({ site, certificates }: CibaContext): string[] =>
  certificates?.origin === undefined ? [site.origin] : [site.origin, certificates.origin]
