import type { FastifyRequest } from 'fastify'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { type AuthenticateContext, authenticateClient, requireActive } from '#clients/authenticate.ts'
import type { ClientsContext } from '#clients/register.ts'
import type { Client } from '#clients/store.ts'
import { type ProofContext, requireProven } from '#deliveries/proof.ts'
import type { Server } from '#http/server.ts'
import { traceOf } from '#http/trace.ts'
import { parseOutboundUrl } from '#outbound/url.ts'
import type { RequestContext } from '#requests/context.ts'
import { sooner } from '#requests/expiry.ts'
import { openRequest } from '#requests/open.ts'
import { cleanReason } from '#requests/reason.ts'
import { requireUser } from '#users/users.ts'
import { UpstoxRefusal } from './errors.ts'

export interface UpstoxContext extends RequestContext, ClientsContext, AuthenticateContext, ProofContext {
  /** When a request opened now, and its token, end: epoch milliseconds. */
  nextExpiry: (now: number) => number
  /** Count one call, and refuse it when there were too many. */
  limitClient: (clientId: string) => void
  limitAddress: (address: string) => void
}

/** No body of this API is longer than a few hundred bytes. */
export const BODY_LIMIT = 16 * 1024

const Answer = Type.Object({
  status: Type.Literal('success'),
  data: Type.Object({ authorization_expiry: Type.String(), notifier_url: Type.String() }),
})

/** Access Token Request: the client's id says whom to ask, so nothing else is sent. */
export function tokenRequestRoute(server: Server, context: UpstoxContext) {
  const schema = { params: Type.Object({ client_id: Type.String() }), response: { 200: Answer } }
  const options = { schema, bodyLimit: BODY_LIMIT }
  server.post('/login/auth/token/request/:client_id', options, async (http, reply) => {
    const { clientId, secret, reason } = readAsk(http)
    const client = await authenticate(context, http, clientId, secret)
    const { userId, notifierUrl } = requireAskable(client, context)
    await requireUser(context, userId)
    await requireProven(context, client)

    const at = context.now()
    const expiresAt = sooner(context.nextExpiry(at), client, at)
    const { request, told } = await openRequest(context, {
      client,
      userId,
      protocol: 'upstox',
      delivery: 'notifier',
      // One open request for each pair: a repeat is the same request and rings no phone again.
      fold: 'upstox',
      reason,
      address: http.ip,
      trace: traceOf(http),
      expiresAt,
      tokenExpiresAt: expiresAt,
    })
    reply.header('location', `/v1/requests/${request.id}`)
    // Nobody is told: the asker hears so at once, and need not wait in silence.
    if (told !== 'queued') reply.header('countersign-telling', told)
    const data = { authorization_expiry: String(request.expiresAt), notifier_url: notifierUrl }
    return { status: 'success' as const, data }
  })

  server.post('/login/auth/token/request/', { bodyLimit: BODY_LIMIT }, async () => {
    throw new UpstoxRefusal(400, 'UDAPI1017', 'API Key is required')
  })
}

/** The body by hand, for the codes and the leniency of this protocol: unknown fields are let pass. */
function readAsk(http: FastifyRequest) {
  const { client_id } = http.params as { client_id: string }
  if (client_id.trim() === '') throw new UpstoxRefusal(400, 'UDAPI1017', 'API Key is required')

  const body: unknown = http.body
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new UpstoxRefusal(
      400,
      'UDAPI1024',
      'App Secret is required. Send it as JSON: {"client_secret": "…"}',
    )
  }
  const { client_secret, reason } = body as Record<string, unknown>
  if (client_secret === undefined || client_secret === null || client_secret === '') {
    throw new UpstoxRefusal(400, 'UDAPI1024', 'App Secret is required')
  }
  if (typeof client_secret !== 'string') {
    throw new Refusal('input_invalid', { detail: '“client_secret” must be a string.' })
  }
  if (reason !== undefined && reason !== null && typeof reason !== 'string') {
    throw new Refusal('input_invalid', { detail: '“reason” must be a string of at most 140 characters.' })
  }
  return { clientId: client_id, secret: client_secret, reason: reason ? cleanReason(reason) : null }
}

/** Only a caller who knows the secret uses up the calls of a client; all others, those of their address. */
async function authenticate(context: UpstoxContext, http: FastifyRequest, clientId: string, secret: string) {
  try {
    const client = await authenticateClient(context, clientId, secret)
    context.limitClient(client.id)
    return client
  } catch (fault) {
    if (fault instanceof Refusal && fault.code === 'client_credentials_wrong') context.limitAddress(http.ip)
    throw fault
  }
}

/** @throws Refusal for each reason why this client may not ask now */
function requireAskable(
  client: Client,
  { urlPolicy }: ClientsContext,
): { userId: string; notifierUrl: string } {
  requireActive(client)
  if (client.kind !== 'individual' || !client.userId) throw new Refusal('client_not_individual')
  if (!client.notifierUrl) throw new Refusal('notifier_missing')
  parseOutboundUrl(client.notifierUrl, urlPolicy)
  return { userId: client.userId, notifierUrl: client.notifierUrl }
}
