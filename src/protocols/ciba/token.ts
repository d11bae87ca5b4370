import type { FastifyReply } from 'fastify'
import { collectResult } from '#requests/collect.ts'
import type { Granted } from '#requests/grant.ts'
import { requireResource } from './backchannel.ts'
import { CibaRefusal, invalidRequest } from './errors.ts'
import type { CibaContext, ClientCall, ClientRoute } from './routes.ts'

export const CIBA_GRANT = 'urn:openid:params:grant-type:ciba'

/** The token endpoint (CIBA Core 1.0 §10.1), at the address that Auth0's libraries know too. */
export function tokenRoute(clientRoute: ClientRoute, context: CibaContext) {
  const respond = async (call: ClientCall, reply: FastifyReply) => {
    const grant = call.form.get('grant_type')
    if (grant === undefined) throw invalidRequest('grant_type is missing.')
    if (grant === CIBA_GRANT) return tokenAnswer(await collect(context, call, reply))
    throw new CibaRefusal('unsupported_grant_type', `This server knows the grant ${CIBA_GRANT}.`)
  }
  clientRoute('/token', respond)
  clientRoute('/oauth/token', respond)
}

async function collect(context: CibaContext, { form, client, initiator }: ClientCall, reply: FastifyReply) {
  const at = context.now()
  if (initiator.deliveryMode === 'push') {
    throw new CibaRefusal('unauthorized_client', 'To this client tokens are pushed.')
  }
  const handle = form.get('auth_req_id')
  requireResource(form, context.issuer.audience)
  if (handle === undefined) throw invalidRequest('auth_req_id is missing.')
  const hungUp = new AbortController()
  reply.raw.once('close', () => hungUp.abort())
  const poll = { clientId: client.id, handle, at }
  return collectResult(context, poll, { holdMs: context.holdMs, gone: hungUp.signal })
}

/** RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3. */
const tokenAnswer = ({ token, idToken, scopes }: Granted) => ({
  access_token: token.text,
  token_type: 'Bearer',
  expires_in: Math.floor((token.grant.expiresAt - token.grant.issuedAt) / 1_000),
  id_token: idToken,
  scope: scopes.join(' '),
})
