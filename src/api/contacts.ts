import { SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import type { Vault } from '#base/seal.ts'
import type { Server } from '#http/server.ts'
import { removeContact, resumeContact } from '#notices/contacts.ts'
import { advanceNotice } from '#notices/progress.ts'
import { noticeOfReceipt } from '#notices/receipt.ts'
import { changeNoticeSettings, type NoticeSettings, noticeSettings } from '#notices/settings.ts'
import { type Contact, contactsOfUser, noticeById } from '#notices/store.ts'
import type { UsersContext } from '#users/users.ts'
import type { ContactCard, NoticeSettingsCard } from './contract.ts'
import { signedIn } from './guard.ts'
import { Id } from './shapes.ts'

const Time = Type.String({ minLength: 5, maxLength: 5 })
const Change = Type.Object(
  {
    channels: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 20 }), { minItems: 1, maxItems: 10 }),
    ),
    next_after_seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 600 })),
    quiet: Type.Optional(
      Type.Union([
        Type.Object({ from: Time, to: Time, zone: Type.String({ minLength: 1, maxLength: 64 }) }),
        Type.Null(),
      ]),
    ),
    muted_until: Type.Optional(
      Type.Union([Type.Integer({ minimum: 0, maximum: 8_640_000_000_000_000 }), Type.Null()]),
    ),
    language: Type.Optional(Type.Union([Type.String({ pattern: '^[a-z]{2,3}$' }), Type.Null()])),
  },
  { additionalProperties: false },
)

/** Where a user is told, how, and the end of it. */
export function contactRoutes(server: Server, context: UsersContext & { vault: Vault }) {
  const { db, now, vault } = context

  server.get('/v1/me/contacts', async (http) => {
    const { userId } = await signedIn(context, http)
    return { contacts: (await contactsOfUser(db, userId)).map(contactCard) }
  })

  server.get('/v1/me/notice-settings', async (http) => {
    const { userId } = await signedIn(context, http)
    return settingsCard(await noticeSettings(db, userId))
  })

  server.patch('/v1/me/notice-settings', { schema: { body: Change } }, async (http) => {
    const { userId } = await signedIn(context, http)
    const { channels, next_after_seconds, quiet, muted_until, language } = http.body
    const change = {
      ...(channels && { channels }),
      ...(next_after_seconds !== undefined && { nextAfterMs: next_after_seconds * SECOND }),
      ...(quiet !== undefined && { quiet }),
      ...(muted_until !== undefined && { mutedUntil: muted_until }),
      ...(language !== undefined && { language }),
    }
    return settingsCard(await db.transaction((tx) => changeNoticeSettings(tx, userId, change, now())))
  })

  server.delete('/v1/me/contacts/:id', { schema: { params: Id } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const removal = { id: http.params.id, userId, by: { actor: 'user' } } as const
    await db.transaction((tx) => removeContact(tx, removal, now()))
    return reply.code(204).send()
  })

  server.post('/v1/me/contacts/:id/resume', { schema: { params: Id } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const change = { id: http.params.id, userId, by: { actor: 'user' } } as const
    await db.transaction((tx) => resumeContact(tx, change, now()))
    return reply.code(204).send()
  })

  // By receipt and not by session: a device shows notices also after a session has ended.
  const shown = Type.Object({ receipt: Type.String({ maxLength: 200 }) })
  server.post('/v1/notices/shown', { schema: { body: shown } }, async (http, reply) => {
    const noticeId = noticeOfReceipt(vault, http.body.receipt)
    if (!noticeId) throw new Refusal('receipt_wrong')
    await db.transaction(async (tx) => {
      const notice = await noticeById(tx, noticeId)
      if (notice) await advanceNotice(tx, notice, 'shown', now())
    })
    return reply.code(204).send()
  })
}

export const contactCard = ({ id, channel, address, label, state, createdAt }: Contact): ContactCard => ({
  id,
  channel,
  // The endpoint of a browser is a capability and means nothing to people.
  // So is Meta's id of somebody who hides their number.
  address: channel === 'whatsapp' && /^\d/.test(address) ? `+${address}` : null,
  label,
  state,
  created_at: createdAt,
})

const settingsCard = (settings: NoticeSettings): NoticeSettingsCard => ({
  channels: settings.channels,
  next_after_seconds: settings.nextAfterMs / SECOND,
  quiet: settings.quiet,
  muted_until: settings.mutedUntil,
  language: settings.language,
})
