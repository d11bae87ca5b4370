import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { linkUser, requireLinkable, scopesToLink } from '#clients/links.ts'
import { type ClientLink, clientById, linksOfClient, linksOfUser } from '#clients/store.ts'
import type { Server } from '#http/server.ts'
import type { RequestContext } from '#requests/context.ts'
import { unlinkUser } from '#requests/unlink.ts'
import { requireOperator } from '#users/roles.ts'
import { findUser } from '#users/users.ts'
import type { AdminLinkCard } from './contract.ts'
import { actingOf } from './operator.ts'
import { Id } from './shapes.ts'

const PAGE = 100

/** Links as the operator sees and mends them. */
export function adminLinkRoutes(server: Server, context: Pick<RequestContext, 'db' | 'now' | 'site'>) {
  const { db } = context

  server.get('/v1/admin/users/:id/links', { schema: { params: Id } }, async (http) => {
    const { id } = await findUser(context, http.params.id)
    return { links: await Promise.all((await linksOfUser(db, id)).map(card)) }
  })

  const query = Type.Object({
    cursor: Type.Optional(Type.String({ maxLength: 100, pattern: '^[!-~]+$' })),
  })
  const page = { params: Id, querystring: query }
  server.get('/v1/admin/clients/:id/links', { schema: page }, async (http) => {
    const { id } = http.params
    if (!(await clientById(db, id))) throw new Refusal('client_not_found')
    const found = await linksOfClient(db, id, http.query.cursor ?? '', PAGE)
    const next = found.length === PAGE ? (found.at(-1)?.subject ?? null) : null
    return { links: await Promise.all(found.map(card)), next }
  })

  const wish = {
    params: Id,
    body: Type.Object({
      user_id: Type.String({ minLength: 1, maxLength: 100, pattern: '^[!-~]+$' }),
      scope: Type.Optional(Type.String({ maxLength: 2_000, pattern: '^[ -~]*$' })),
    }),
  }
  server.post('/v1/admin/clients/:id/links', { schema: wish }, async (http, reply) =>
    reply
      .code(201)
      .send(await card(await linkByOperator(context, http.params.id, http.body, actingOf(http)))),
  )

  const Pair = Type.Object({
    id: Id.properties.id,
    user: Type.String({ minLength: 1, maxLength: 100, pattern: '^[!-~]+$' }),
  })
  server.delete('/v1/admin/clients/:id/links/:user', { schema: { params: Pair } }, async (http, reply) => {
    const { id: userId } = await findUser(context, http.params.user)
    await unlinkUser(
      context,
      { userId, clientId: http.params.id },
      { actor: 'operator', actorId: actingOf(http) },
    )
    return reply.code(204).send()
  })

  async function card({ subject, userId, clientId, scopes, linkedAt }: ClientLink): Promise<AdminLinkCard> {
    const client = await clientById(db, clientId)
    return {
      link_id: subject,
      user_id: userId,
      client_id: clientId,
      client_name: client?.name ?? 'A removed app',
      scope: scopes,
      linked_at: linkedAt,
    }
  }
}

/**
 * Links in a user's place, for one who has agreed elsewhere; what `client link` does.
 *
 * @param by which operator
 */
export async function linkByOperator(
  context: Pick<RequestContext, 'db' | 'now' | 'site'>,
  clientId: string,
  { user_id, scope }: { user_id: string; scope?: string | undefined },
  by: string,
): Promise<ClientLink> {
  const { initiator } = await requireLinkable(context.db, clientId)
  const { id: userId } = await findUser(context, user_id)
  const scopes = scopesToLink(scope, initiator.scopes).join(' ')
  return context.db.transaction(async (tx) => {
    await requireOperator(tx, by)
    return linkUser(tx, { clientId, userId, scopes, actor: 'operator', actorId: by }, context.now())
  })
}
