import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { authenticateClient, requireActive } from '#clients/authenticate.ts'
import { clientById } from '#clients/store.ts'
import type { Server } from '#http/server.ts'
import { redeemCode } from '#tokens/codes.ts'
import { requireUser } from '#users/users.ts'
import { UpstoxRefusal } from './errors.ts'
import { BODY_LIMIT, type UpstoxContext } from './token-request.ts'

/** Authorize and Get Token: the way through the user's own browser, for clients that call it next. */
export function loginRoutes(server: Server, context: UpstoxContext) {
  const query = Type.Object({
    client_id: Type.Optional(Type.String()),
    redirect_uri: Type.Optional(Type.String()),
    response_type: Type.Optional(Type.String()),
    state: Type.Optional(Type.String({ maxLength: 1_000 })),
  })
  server.get('/login/authorization/dialog', { schema: { querystring: query } }, async (http, reply) => {
    const { client_id = '', redirect_uri = '', response_type, state } = http.query
    if (response_type !== 'code') {
      throw new Refusal('input_invalid', { detail: '“response_type” must be “code”.' })
    }
    const client = client_id.includes('\0') ? undefined : await clientById(context.db, client_id)
    if (!client?.redirectUrl || client.redirectUrl !== redirect_uri) {
      // Nobody is sent to an address that is not registered, not even with an error.
      throw new UpstoxRefusal(
        401,
        'UDAPI100068',
        'Check your client_id and redirect_uri; one or both are incorrect.',
      )
    }
    requireActive(client)
    // Nothing is opened yet: only who is signed in can be asked, and that the page finds out.
    const page = new URL('/authorize', context.site.origin)
    page.search = new URLSearchParams({
      client_id,
      redirect_uri,
      ...(state === undefined ? {} : { state }),
    }).toString()
    return reply.redirect(page.href, 302)
  })

  server.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: BODY_LIMIT },
    (_http, text, done) => done(null, Object.fromEntries(new URLSearchParams(text as string))),
  )
  server.post('/login/authorization/token', async (http) => {
    const form = (http.body ?? {}) as Record<string, unknown>
    const field = (name: string) => (typeof form[name] === 'string' ? form[name] : '')
    if (field('client_id') === '') throw new UpstoxRefusal(400, 'UDAPI1017', 'API Key is required')
    if (field('client_secret') === '') throw new UpstoxRefusal(400, 'UDAPI1024', 'App Secret is required')
    if (field('grant_type') !== 'authorization_code') {
      throw new Refusal('input_invalid', { detail: '“grant_type” must be “authorization_code”.' })
    }
    const client = await authenticateClient(context, field('client_id'), field('client_secret')).catch(
      (fault) => {
        if (fault instanceof Refusal) context.limitAddress(http.ip)
        throw fault
      },
    )
    context.limitClient(client.id)
    requireActive(client)
    const { accessToken, userId } = await redeemCode(context, {
      clientId: client.id,
      code: field('code'),
      redirectUrl: field('redirect_uri'),
    })
    const user = await requireUser(context, userId)
    return {
      email: null,
      exchanges: [],
      products: [],
      broker: 'UPSTOX',
      user_id: user.id,
      user_name: user.name ?? user.handle,
      order_types: [],
      user_type: 'individual',
      poa: false,
      is_active: true,
      access_token: accessToken,
      extended_token: null,
    }
  })
}
