import { Type } from '#base/schema.ts'
import { readCookie, sessionCookie } from '#http/cookies.ts'
import type { Server } from '#http/server.ts'
import { contactByAddress, deleteContact } from '#notices/store.ts'
import { requireSession } from '#users/sessions.ts'
import type { UsersContext } from '#users/users.ts'
import type { PushContext } from './channel.ts'
import { CHANNEL, readSubscription, subscribe } from './subscriptions.ts'
import { LANGUAGES } from './texts.ts'

const Endpoint = Type.String({ minLength: 1, maxLength: 2_048 })
const Key = Type.String({ minLength: 1, maxLength: 200, pattern: '^[\\w-]+$' })

/** Where a browser says that it wants to be told. */
export function pushRoutes(server: Server, context: UsersContext & PushContext) {
  const { db, now, vault, site, vapid, outbound, hosts } = context
  const signedIn = (http: Parameters<typeof readCookie>[0]) =>
    requireSession(context, readCookie(http, sessionCookie(site.origin)))

  server.get('/v1/me/push', async (http) => {
    await signedIn(http)
    return { public_key: vapid.publicKey }
  })

  const subscription = Type.Object({
    endpoint: Endpoint,
    keys: Type.Object({ p256dh: Key, auth: Key }),
    language: Type.Optional(Type.String({ maxLength: 35 })),
  })
  server.put('/v1/me/push', { schema: { body: subscription } }, async (http, reply) => {
    const { id: sessionId, userId } = await signedIn(http)
    const { endpoint, keys, language } = http.body
    const given = readSubscription({ endpoint, ...keys }, outbound.policy, hosts)
    const subscriber = {
      userId,
      sessionId,
      label: http.headers['user-agent']?.slice(0, 300) ?? null,
      language: LANGUAGES.find((each) => each === language?.split('-')[0]) ?? null,
    }
    const { id, isNew } = await db.transaction((tx) => subscribe(tx, vault, given, subscriber, now()))
    return reply.code(isNew ? 201 : 200).send({ id, is_new: isNew })
  })

  server.delete(
    '/v1/me/push',
    { schema: { body: Type.Object({ endpoint: Endpoint }) } },
    async (http, reply) => {
      const { userId } = await signedIn(http)
      await db.transaction(async (tx) => {
        const contact = await contactByAddress(tx, CHANNEL, http.body.endpoint)
        if (contact) await deleteContact(tx, contact.id, userId)
      })
      return reply.code(204).send()
    },
  )
}
