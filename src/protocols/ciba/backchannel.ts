import { HintTokenRefused, type HintTokens } from '#clients/hint-tokens.ts'
import type { DeliveryMode } from '#clients/store.ts'
import { traceOf } from '#http/trace.ts'
import { askUser, type Hint, type InitiatorAsk } from '#requests/ask.ts'
import { verifyIdToken } from '#tokens/id-token.ts'
import type { Issuer } from '#tokens/issue.ts'
import type { CibaContext, ClientCall, ClientRoute } from './context.ts'
import { CibaRefusal, invalidRequest } from './errors.ts'
import type { Parameters } from './form.ts'
import { requireBinding } from './profile.ts'
import { readKeyToBe } from './sender.ts'
import { readParameters } from './signed-request.ts'

/** Backchannel Authentication Request (CIBA Core 1.0 §7). */
export function backchannelRoute(clientRoute: ClientRoute, context: CibaContext) {
  clientRoute('/bc-authorize', async (call, reply) => {
    context.limitInitiator(call.client.id)
    const parameters = await readParameters(context, call)
    const dpopJkt = await readKeyToBe(context, call, parameters.get('dpop_jkt'), reply)
    const ask = { ...(await readAsk(context, call, parameters)), dpopJkt }
    const { request, handle, expiresIn, intervalSeconds, matchCode } = await askUser(context, ask)
    reply.header('location', `/v1/requests/${request.id}`)
    const answer = {
      auth_req_id: handle,
      expires_in: expiresIn,
      // For the client to show, and its user to type where they approve.
      ...(matchCode === undefined ? {} : { match_code: matchCode }),
    }
    return request.delivery === 'push' ? answer : { ...answer, interval: intervalSeconds }
  })
}

/** The parameters of CIBA Core 1.0 §7.1. Unknown ones are let pass. */
async function readAsk(
  context: CibaContext,
  { http, client, initiator }: ClientCall,
  form: Parameters,
): Promise<Omit<InitiatorAsk, 'dpopJkt'>> {
  const { issuer, profile } = context
  requireBinding(profile, initiator, form)
  const scope = form.get('scope')
  if (scope === undefined) throw invalidRequest('The scope is missing; it must contain openid.')
  const key = http.headers['idempotency-key']
  return {
    client,
    initiator,
    hint: await readHint(context, client.id, form),
    scope,
    resources: requireResources(form, issuer),
    details: form.get('authorization_details'),
    userCode: form.get('user_code'),
    bindingMessage: form.get('binding_message'),
    requestContext: form.get('request_context'),
    requestedExpiry: readExpiry(form.get('requested_expiry')),
    bearer: readBearer(initiator.deliveryMode, form.get('client_notification_token')),
    trace: traceOf(http),
    idempotencyKey: typeof key === 'string' && key !== '' ? key : undefined,
    address: http.ip,
  }
}

const HINTS = ['login_hint', 'login_hint_token', 'id_token_hint']

async function readHint(
  { issuer, hintTokens }: CibaContext,
  clientId: string,
  form: Parameters,
): Promise<Hint> {
  const given = HINTS.filter((name) => form.get(name) !== undefined)
  if (given.length !== 1) {
    throw invalidRequest(`Send one of ${HINTS.join(', ')}; there were ${given.length}.`)
  }
  const idToken = form.get('id_token_hint')
  if (idToken !== undefined) return { userId: await readIdToken(issuer, clientId, idToken) }
  const token = form.get('login_hint_token')
  if (token !== undefined) return readHintToken(hintTokens, token)
  const hint = form.get('login_hint') ?? ''
  return hint.startsWith('{') ? readSubject(hint, issuer.issuer) : { handle: hint }
}

/** Of whom an issuer that the operator believes says so (CIBA Core 1.0 §7.1). */
async function readHintToken(hintTokens: HintTokens | undefined, token: string): Promise<Hint> {
  if (!hintTokens) throw invalidRequest('login_hint_token is not taken here; send a login_hint.')
  try {
    return await hintTokens.read(token)
  } catch (fault) {
    if (!(fault instanceof HintTokenRefused)) throw fault
    const error = fault.isExpired ? 'expired_login_hint_token' : 'invalid_request'
    throw new CibaRefusal(error, `The login_hint_token is not taken. ${fault.message}`)
  }
}

/** Of whom an ID Token says that this client was given it, also long ago (CIBA Core 1.0 §7.1). */
async function readIdToken(issuer: Issuer, clientId: string, text: string): Promise<string> {
  const known = await verifyIdToken(issuer, text)
  if (known?.clientId === clientId) return known.userId
  throw invalidRequest('The id_token_hint is no ID Token that this server gave this client.')
}

/**
 * The resources that a client names as what its token is for; none where it does not say (RFC 8707 §2).
 *
 * @throws CibaRefusal `invalid_target`
 */
export function requireResources({ resources }: Parameters, { audiences }: Issuer): string[] {
  if (resources.every((each) => audiences.includes(each))) return [...new Set(resources)]
  throw new CibaRefusal('invalid_target', `Tokens of this server are for ${audiences.join(', ')}.`)
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
