import type { FastifyReply } from 'fastify'
import { scopeList } from '#clients/scopes.ts'
import { preferredWaitMs } from '#http/prefer.ts'
import { collectResult } from '#requests/collect.ts'
import type { Granted } from '#requests/grant.ts'
import { type NewToken, tokenTypeOf } from '#tokens/issue.ts'
import { refreshAccess } from '#tokens/refresh.ts'
import { requireResources } from './backchannel.ts'
import type { CibaContext, ClientCall, ClientRoute } from './context.ts'
import { CibaRefusal, invalidRequest } from './errors.ts'
import { readTokenForm } from './sender.ts'

export const CIBA_GRANT = 'urn:openid:params:grant-type:ciba'
export const REFRESH_GRANT = 'refresh_token'

/** The token endpoint (CIBA Core 1.0 §10.1), at the address that Auth0's libraries know too. */
export function tokenRoute(clientRoute: ClientRoute, context: CibaContext) {
  const respond = async (call: ClientCall, reply: FastifyReply) => {
    const grant = call.form.get('grant_type')
    if (grant === undefined) throw invalidRequest('grant_type is missing.')
    if (grant === CIBA_GRANT) return grantedAnswer(await collect(context, call, reply))
    if (grant === REFRESH_GRANT) return refresh(context, call, reply)
    throw new CibaRefusal(
      'unsupported_grant_type',
      `This server knows the grants ${CIBA_GRANT} and ${REFRESH_GRANT}.`,
    )
  }
  clientRoute('/token', respond)
  clientRoute('/oauth/token', respond)
}

async function collect(context: CibaContext, call: ClientCall, reply: FastifyReply) {
  const { http, form, client, initiator } = call
  const at = context.now()
  if (initiator.deliveryMode === 'push') {
    throw new CibaRefusal('unauthorized_client', 'To this client tokens are pushed.')
  }
  const handle = form.get('auth_req_id')
  const resources = requireResources(form, context.issuer)
  if (handle === undefined) throw invalidRequest('auth_req_id is missing.')
  const poll = { clientId: client.id, handle, at, resources, form: await readTokenForm(context, call, reply) }
  const holdMs = Math.min(context.holdMs, preferredWaitMs(http.headers) ?? Infinity)
  return collectResult(context, poll, { holdMs, whenGone: () => whenClosed(reply) })
}

function whenClosed({ raw }: FastifyReply): AbortSignal {
  const hungUp = new AbortController()
  if (raw.destroyed) hungUp.abort()
  else raw.once('close', () => hungUp.abort())
  return hungUp.signal
}

/** RFC 6749 §6. That the user is there again is not said, so no ID Token is among it (OpenID Connect Core 1.0 §12.2). */
async function refresh(context: CibaContext, call: ClientCall, reply: FastifyReply) {
  const { form, client } = call
  const resources = requireResources(form, context.issuer)
  const refreshToken = form.get('refresh_token')
  if (refreshToken === undefined) throw invalidRequest('refresh_token is missing.')
  const scope = form.get('scope')
  const scopes = scope === undefined ? undefined : scopeList(scope)
  const refreshed = await refreshAccess(context, {
    clientId: client.id,
    refreshToken,
    scopes,
    resources,
    details: form.get('authorization_details'),
    form: await readTokenForm(context, call, reply),
  })
  return { ...tokenAnswer(refreshed.token), refresh_token: refreshed.refreshToken }
}

/** OpenID Connect Core 1.0 §3.1.3.3. */
const grantedAnswer = ({ token, idToken, family }: Granted) => ({
  ...tokenAnswer(token),
  id_token: idToken,
  ...(family ? { refresh_token: family.refreshToken } : {}),
})

/** RFC 6749 §5.1. */
const tokenAnswer = ({ text, grant }: NewToken) => ({
  access_token: text,
  token_type: tokenTypeOf(grant.claims),
  expires_in: Math.floor((grant.expiresAt - grant.issuedAt) / 1_000),
  scope: grant.claims?.scope ?? '',
  // What was granted, not what was asked (RFC 9396 §7).
  ...(grant.claims?.authorization_details
    ? { authorization_details: grant.claims.authorization_details }
    : {}),
})
