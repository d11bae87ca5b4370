import type { FastifyRequest } from 'fastify'
import { renderSVG } from 'uqr'
import { MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { makeLinkCode } from '#clients/link-codes.ts'
import { requireLinkable, scopesToLink } from '#clients/links.ts'
import { linkBySubject, linkCodeById, linkOf } from '#clients/store.ts'
import { callLimit } from '#http/limits.ts'
import type { Server } from '#http/server.ts'
import type { LinkContext } from '#requests/link-offer.ts'
import { unlinkUser } from '#requests/unlink.ts'
import { type CallerContext, callingClient } from './caller.ts'
import type { ClientLinkCard, LinkCodeCard, LinkCodeStatus } from './contract.ts'
import { Id } from './shapes.ts'

/** Codes that one app may make. */
const CODES = [{ most: 60, ms: MINUTE }]

/** Links as their app sees them: begun by a code, read, ended. The app authenticates by HTTP Basic. */
export function clientLinkRoutes(
  server: Server,
  context: LinkContext & CallerContext & { steady: () => number },
) {
  const { db, now, site, linkRules } = context
  const limitCodes = callLimit(CODES, context.steady)

  const wish = {
    body: Type.Union([
      Type.Object({
        scope: Type.Optional(
          Type.String({
            maxLength: 2_000,
            pattern: '^[ -~]*$',
            description: 'Words apart by spaces; all that the app is registered for, if not said',
          }),
        ),
      }),
      Type.Null(),
    ]),
  }
  server.post('/v1/links/codes', { schema: wish }, async (http, reply) => {
    const { id: clientId, scopes: registered } = await linkable(http)
    limitCodes(clientId)
    const scopes = scopesToLink(http.body?.scope, registered)
    const made = await makeLinkCode(context, { clientId, scopes, lifeMs: linkRules.codeLifeMs })
    const url = `${site.origin}/link#${made.code}`
    const card: LinkCodeCard = {
      id: made.id,
      code: made.code,
      url,
      qr_svg: picture(url),
      expires_at: made.expiresAt,
    }
    return reply.code(201).send(card)
  })

  server.get('/v1/links/codes/:id', { schema: { params: Id } }, async (http): Promise<LinkCodeStatus> => {
    const client = await callingClient(context, http)
    const code = await linkCodeById(db, client.id, http.params.id)
    if (!code) throw new Refusal('link_not_found', { detail: 'This app has no such code.' })
    const link = code.userId === null ? undefined : await linkOf(db, code.userId, client.id)
    const isOver = code.state === 'open' && code.expiresAt <= now()
    return {
      id: code.id,
      status: isOver ? 'expired' : code.state,
      link_id: link?.subject ?? null,
      scope: link?.scopes ?? null,
      expires_at: code.expiresAt,
    }
  })

  server.get('/v1/links/:id', { schema: { params: Id } }, async (http): Promise<ClientLinkCard> => {
    const { subject, scopes, linkedAt } = await ownLink(http, http.params.id)
    return { link_id: subject, scope: scopes, linked_at: linkedAt }
  })

  server.delete('/v1/links/:id', { schema: { params: Id } }, async (http, reply) => {
    await unlinkUser(context, await ownLink(http, http.params.id), { actor: 'client' })
    return reply.code(204).send()
  })

  // Drawn of the address alone: whether there is such an app is not looked up, so the picture tells nothing.
  server.get('/v1/links/qr/:id', { schema: { params: Id } }, async (http, reply) => {
    reply.headers({
      'content-security-policy': "default-src 'none'; sandbox; frame-ancestors 'none'",
      // It is made to stand on the app's own site.
      'cross-origin-resource-policy': 'cross-origin',
      'cache-control': 'public, max-age=86400',
    })
    return reply
      .type('image/svg+xml')
      .send(picture(`${site.origin}/link/${encodeURIComponent(http.params.id)}`))
  })

  async function linkable(http: FastifyRequest) {
    const { id } = await callingClient(context, http)
    const { initiator } = await requireLinkable(db, id).catch((fault: unknown) => {
      const isOfOneUser = fault instanceof Refusal && fault.code === 'client_not_found'
      throw isOfOneUser ? new Refusal('client_not_initiator') : fault
    })
    return { id, scopes: initiator.scopes }
  }

  async function ownLink(http: FastifyRequest, subject: string) {
    const client = await callingClient(context, http)
    const link = await linkBySubject(db, client.id, subject)
    if (!link) throw new Refusal('link_not_found')
    return link
  }
}

/** Dark on white whatever stands around it, with the quiet zone that readers need (ISO/IEC 18004 §5.3.8: 4 modules). */
const picture = (text: string): string => renderSVG(text, { ecc: 'M', border: 4 })
