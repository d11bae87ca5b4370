import type { DeliveryMode } from '#clients/store.ts'
import { askUser, type Hint, type InitiatorAsk } from '#requests/ask.ts'
import { invalidRequest } from './errors.ts'
import type { Parameters } from './form.ts'
import type { CibaContext, ClientCall, ClientRoute } from './routes.ts'

/** Backchannel Authentication Request (CIBA Core 1.0 §7). */
export function backchannelRoute(clientRoute: ClientRoute, context: CibaContext) {
  clientRoute('/bc-authorize', async (call, reply) => {
    context.limitInitiator(call.client.id)
    const { request, handle, expiresIn, intervalSeconds } = await askUser(
      context,
      readAsk(call, context.site.origin),
    )
    reply.header('location', `/v1/requests/${request.id}`)
    const answer = { auth_req_id: handle, expires_in: expiresIn }
    return request.delivery === 'push' ? answer : { ...answer, interval: intervalSeconds }
  })
}

/** The parameters of CIBA Core 1.0 §7.1. Unknown ones are let pass. */
function readAsk({ http, form, client, initiator }: ClientCall, issuer: string): InitiatorAsk {
  if (form.get('request') || form.get('request_uri')) {
    throw invalidRequest('Signed requests are not taken; send the parameters as a form.')
  }
  const scope = form.get('scope')
  if (scope === undefined) throw invalidRequest('The scope is missing; it must contain openid.')
  const key = http.headers['idempotency-key']
  return {
    client,
    initiator,
    hint: readHint(form, issuer),
    scope,
    bindingMessage: form.get('binding_message'),
    requestedExpiry: readExpiry(form.get('requested_expiry')),
    bearer: readBearer(initiator.deliveryMode, form.get('client_notification_token')),
    idempotencyKey: typeof key === 'string' && key !== '' ? key : undefined,
    address: http.ip,
  }
}

const HINTS = ['login_hint', 'login_hint_token', 'id_token_hint']

function readHint(form: Parameters, issuer: string): Hint {
  const given = HINTS.filter((name) => form.get(name) !== undefined)
  if (given.length !== 1) {
    throw invalidRequest(`Send one of ${HINTS.join(', ')}; there were ${given.length}.`)
  }
  const hint = form.get('login_hint')
  if (hint === undefined) throw invalidRequest(`${given[0]} is not taken here; send a login_hint.`)
  return hint.startsWith('{') ? readSubject(hint, issuer) : { handle: hint }
}

/** A subject identifier (RFC 9493 §3.2.3), as Auth0's libraries send it: {"format":"iss_sub","iss":"…","sub":"…"}. */
function readSubject(hint: string, issuer: string): Hint {
  const { format, iss, sub } = parseObject(hint)
  // Auth0 writes its own issuer with a slash at the end.
  const isOurs = iss === issuer || iss === `${issuer}/`
  if (format === 'iss_sub' && isOurs && typeof sub === 'string') return { userId: sub }
  throw invalidRequest('A login_hint in JSON must be of the format iss_sub, with this server as its iss.')
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {}
  throw invalidRequest('The login_hint is not JSON, though it begins like it.')
}

/** By which the client will know a ping or push as ours (§7.1); one that polls has no use for it. */
function readBearer(mode: DeliveryMode, token: string | undefined): string | undefined {
  if (mode === 'poll') return undefined
  if (token === undefined) throw invalidRequest(`client_notification_token is missing; the mode is ${mode}.`)
  if (token.length <= 1_024 && /^[A-Za-z0-9._~+/-]+=*$/.test(token)) return token
  throw invalidRequest('client_notification_token must be a bearer token of at most 1024 characters.')
}

/** Seconds. */
function readExpiry(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw invalidRequest('requested_expiry must be a whole number of seconds, 1 or more.')
}
