import { recordEvent } from '#audit/events.ts'
import type { Clock } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { whose } from '#clients/edit.ts'
import { readIcon } from '#clients/icon.ts'
import { deleteIcon, iconOfClient, putIcon } from '#clients/store.ts'
import type { Server } from '#http/server.ts'
import type { UsersContext } from '#users/users.ts'
import { signedIn } from './guard.ts'
import { ownApp } from './own-app.ts'
import { Id } from './shapes.ts'

/** Opened as a page of its own, a picture may load nothing, run nothing and be framed by nobody. */
const CONTENT_SECURITY_POLICY = "default-src 'none'; sandbox; frame-ancestors 'none'"

/** Pictures of apps: set by their owner, seen by whoever is signed in. */
export function iconRoutes(server: Server, context: UsersContext & { now: Clock }) {
  const { db, now } = context

  server.get('/v1/icons/:id', { schema: { params: Id } }, async (http, reply) => {
    await signedIn(context, http)
    const icon = await iconOfClient(db, http.params.id)
    if (!icon) throw new Refusal('icon_not_found')
    reply.headers({
      'content-security-policy': CONTENT_SECURITY_POLICY,
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'private, max-age=86400',
    })
    return reply.type(icon.mediaType).send(Buffer.from(icon.bytes))
  })

  server.register(async (scope) => {
    for (const type of ['image/png', 'image/webp'])
      scope.addContentTypeParser(type, { parseAs: 'buffer' }, (_http, bytes, done) => done(null, bytes))

    scope.put<{ Params: { id: string } }>(
      '/v1/me/apps/:id/icon',
      { schema: { params: Id } },
      async (http, reply) => {
        const { userId } = await signedIn(context, http)
        const client = await ownApp(context, userId, http.params.id)
        if (!Buffer.isBuffer(http.body)) throw new Refusal('icon_refused')
        const icon = readIcon(http.body)
        await db.transaction(async (tx) => {
          await putIcon(tx, client.id, { ...icon, setAt: now() })
          await recordEvent(tx, { ...whose(client), kind: 'app_icon_changed', actor: 'user', at: now() })
        })
        return reply.code(204).send()
      },
    )
  })

  server.delete('/v1/me/apps/:id/icon', { schema: { params: Id } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const { id } = await ownApp(context, userId, http.params.id)
    await db.transaction((tx) => deleteIcon(tx, id))
    return reply.code(204).send()
  })
}
