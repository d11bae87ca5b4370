import { Refusal } from '#base/errors.ts'
import type { Server } from '#http/server.ts'
import { type Contact, contactsOfUser, deleteContact } from '#notices/store.ts'
import type { UsersContext } from '#users/users.ts'
import type { ContactCard } from './contract.ts'
import { signedIn } from './guard.ts'
import { Id } from './shapes.ts'

/** Where a user is told, and the end of it. */
export function contactRoutes(server: Server, context: UsersContext) {
  const { db } = context

  server.get('/v1/me/contacts', async (http) => {
    const { userId } = await signedIn(context, http)
    return { contacts: (await contactsOfUser(db, userId)).map(contactCard) }
  })

  server.delete('/v1/me/contacts/:id', { schema: { params: Id } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const removed = await db.transaction((tx) => deleteContact(tx, http.params.id, userId))
    if (removed === 0) throw new Refusal('contact_not_found')
    return reply.code(204).send()
  })
}

const contactCard = ({ id, channel, address, label, state, createdAt }: Contact): ContactCard => ({
  id,
  channel,
  // The endpoint of a browser is a capability and means nothing to people.
  address: channel === 'whatsapp' ? `+${address}` : null,
  label,
  state,
  created_at: createdAt,
})
