import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import type { Vault } from '#base/seal.ts'
import { readCookie, sessionCookie } from '#http/cookies.ts'
import type { Server } from '#http/server.ts'
import { requireSession } from '#users/sessions.ts'
import type { UsersContext } from '#users/users.ts'
import type { WhatsappSettings } from './channel.ts'
import { makeLink } from './link.ts'
import { ownNumber } from './number.ts'
import { knownLanguage, linkWords } from './words.ts'

type Context = UsersContext & { vault: Vault }

/** Where a signed-in user begins to be told by WhatsApp. @param settings undefined where the channel is off */
export function whatsappLinkRoutes(server: Server, context: Context, settings: WhatsappSettings | undefined) {
  const { db, now, vault, site } = context
  const number = settings && ownNumber(settings)
  const signedIn = (http: Parameters<typeof readCookie>[0]) =>
    requireSession(context, readCookie(http, sessionCookie(site.origin)))

  server.get('/v1/me/whatsapp', async (http) => {
    await signedIn(http)
    return { is_on: number !== undefined }
  })

  const body = Type.Object({ language: Type.Optional(Type.String({ maxLength: 35 })) })
  server.post('/v1/me/whatsapp/link', { schema: { body } }, async (http, reply) => {
    const { userId } = await signedIn(http)
    if (!number) throw new Refusal('channel_off')
    // Asked first: a code that cannot be sent anywhere would be none.
    const to = await number()
    const asking = { userId, language: knownLanguage(http.body.language), address: http.ip }
    const { code, expiresAt } = await db.transaction((tx) => makeLink(tx, vault, asking, now()))
    const text = linkWords(asking.language, code)
    const url = `https://wa.me/${to}?text=${encodeURIComponent(text)}`
    return reply.code(201).send({ url, text, number: `+${to}`, expires_at: expiresAt })
  })
}
