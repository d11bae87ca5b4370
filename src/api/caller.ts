import type { FastifyRequest } from 'fastify'
import type { Clock } from '#base/clock.ts'
import { authenticateClient } from '#clients/authenticate.ts'
import { type CredentialsContext, identifyInitiator } from '#clients/credentials.ts'
import type { Client } from '#clients/store.ts'
import { type Certificates, certificateOf } from '#http/certificates.ts'
import { BY_JWT, originsOf, readCredentials } from '#http/credentials.ts'

/** What it takes to know who calls, beside the time and our own address. */
export interface CallerContext extends CredentialsContext {
  certificates: Certificates | undefined
}

/**
 * The client that calls, by whatever it authenticates by at the token endpoint: its id and secret by HTTP Basic, a JWT
 * that it would send there, as its bearer (RFC 7523 §2.2), or its certificate with `client_id` in the query (RFC 8705 §2).
 *
 * @throws Refusal `client_credentials_wrong`
 */
export async function callingClient(
  context: CallerContext & { now: Clock; site: { origin: string } },
  http: FastifyRequest,
): Promise<Client> {
  const { authorization } = http.headers
  const [scheme, token] = (authorization ?? '').split(' ')
  const isJwt = scheme?.toLowerCase() === 'bearer'
  const { client_id } = http.query as { client_id?: unknown }
  const said = {
    client_id: typeof client_id === 'string' ? client_id : undefined,
    ...(isJwt ? { client_assertion: token ?? '', client_assertion_type: BY_JWT } : {}),
  } as Record<string, string | undefined>
  const certificate = context.certificates && certificateOf(context.certificates, http, context.now())
  const shown = readCredentials(
    { header: isJwt ? undefined : authorization, parameter: (name) => said[name], certificate },
    originsOf(context),
  )
  // An app of one user has a secret too, and is no initiator.
  if ('secret' in shown) return authenticateClient(context, shown.clientId, shown.secret)
  return (await identifyInitiator(context, shown)).client
}
