import type { X509Certificate } from 'node:crypto'
import { decodeJwt } from 'jose'
import { MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { type AuthenticateContext, authenticateClient, requireActive } from './authenticate.ts'
import { isSubject } from './certificates.ts'
import { type ClientKeys, JwtRefused } from './client-keys.ts'
import { type Client, clientById, type Initiator, initiatorOf } from './store.ts'

/** What a caller shows of itself, and in which way (OpenID Connect Core 1.0 §9). */
export type Credentials =
  | { method: 'client_secret_basic' | 'client_secret_post'; clientId: string; secret: string }
  | {
      method: 'private_key_jwt'
      /** Left out, the assertion says it. */
      clientId: string | undefined
      assertion: string
      /** Our own addresses, any of which it may be meant for. */
      audiences: readonly string[]
    }
  | {
      method: 'certificate'
      clientId: string
      x509: X509Certificate
      /** Issued by an authority that the operator has named. */
      isTrusted: boolean
    }

export interface CredentialsContext extends AuthenticateContext {
  clientKeys: ClientKeys
}

/** A client and what it registered to ask many users. */
interface Known {
  client: Client
  initiator: Initiator
}

/**
 * Finds the initiator that calls, as long as it is active.
 *
 * @throws Refusal as `identifyInitiator`, and why it is not active
 */
export async function authenticateInitiator(
  context: CredentialsContext,
  credentials: Credentials,
): Promise<Known> {
  const known = await identifyInitiator(context, credentials)
  requireActive(known.client)
  return known
}

/**
 * Finds the initiator that calls. It must come in the way it is registered for, and in no other.
 *
 * @throws Refusal `client_credentials_wrong`; for who it is known to be `client_not_initiator`
 */
export async function identifyInitiator(
  context: CredentialsContext,
  credentials: Credentials,
): Promise<Known> {
  if (credentials.method === 'private_key_jwt') return bySignature(context, credentials)
  if (credentials.method === 'certificate') return byCertificate(context, credentials)
  return bySecret(context, credentials)
}

async function bySecret(
  context: CredentialsContext,
  { method, clientId, secret }: Extract<Credentials, { secret: string }>,
): Promise<Known> {
  const client = await authenticateClient(context, clientId, secret)
  const initiator = await initiatorOf(context.db, client.id)
  if (!initiator) throw new Refusal('client_not_initiator')
  if (initiator.authMethod !== method) throw new Refusal('client_credentials_wrong')
  return { client, initiator }
}

/** The longest that an assertion may be good. */
const LONGEST_MS = 10 * MINUTE

/** RFC 7523 §3, OpenID Connect Core 1.0 §9. */
async function bySignature(
  { db, clientKeys }: CredentialsContext,
  { clientId, assertion, audiences }: Extract<Credentials, { assertion: string }>,
): Promise<Known> {
  const sub = subjectOf(assertion)
  if (clientId !== undefined && clientId !== sub) throw new Refusal('client_credentials_wrong')
  const [client, initiator] = await Promise.all([clientById(db, sub), initiatorOf(db, sub)])
  if (!client || initiator?.authMethod !== 'private_key_jwt') throw new Refusal('client_credentials_wrong')
  try {
    await clientKeys.take(initiator, assertion, { use: 'assertion', audiences, longestMs: LONGEST_MS })
  } catch (fault) {
    if (!(fault instanceof JwtRefused)) throw fault
    const detail = `The client assertion is not taken. ${fault.message}`
    throw new Refusal('client_credentials_wrong', { detail, cause: fault })
  }
  return { client, initiator }
}

/** RFC 8705 §2.1, §2.2. That the caller holds the key of its certificate is what TLS has shown. */
async function byCertificate(
  { db, clientKeys }: CredentialsContext,
  { clientId, x509, isTrusted }: Extract<Credentials, { method: 'certificate' }>,
): Promise<Known> {
  // PostgreSQL has no text with a NUL in it, so no client either.
  if (clientId.includes('\0')) throw new Refusal('client_credentials_wrong')
  const [client, initiator] = await Promise.all([clientById(db, clientId), initiatorOf(db, clientId)])
  if (!client || !initiator) throw new Refusal('client_credentials_wrong')
  if (!(await isCertificateOf(clientKeys, initiator, x509, isTrusted))) {
    throw new Refusal('client_credentials_wrong', { detail: 'The certificate is not one of this client.' })
  }
  return { client, initiator }
}

async function isCertificateOf(
  clientKeys: ClientKeys,
  initiator: Initiator,
  x509: X509Certificate,
  isTrusted: boolean,
): Promise<boolean> {
  const { authMethod, tlsSubject } = initiator
  if (authMethod === 'tls_client_auth') return isTrusted && tlsSubject !== null && isSubject(tlsSubject, x509)
  if (authMethod !== 'self_signed_tls_client_auth') return false
  return clientKeys.holds(initiator, x509.raw).catch((fault) => {
    if (fault instanceof JwtRefused)
      throw new Refusal('client_credentials_wrong', { detail: fault.message, cause: fault })
    throw fault
  })
}

/** Who an assertion claims to be from; nothing of it is believed yet. */
function subjectOf(assertion: string): string {
  try {
    const { sub } = decodeJwt(assertion)
    // PostgreSQL has no text with a NUL in it, so no client either.
    if (typeof sub === 'string' && !sub.includes('\0')) return sub
  } catch {}
  throw new Refusal('client_credentials_wrong', { detail: 'The client assertion is no JWT with a sub.' })
}
