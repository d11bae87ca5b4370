import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import type { Server } from '#http/server.ts'
import { tellOfAccount } from '#notices/account.ts'
import { addAppContact, addPhone, removeContact } from '#notices/contacts.ts'
import { contactsOfUser } from '#notices/store.ts'
import { disableUser, enableUser } from '#requests/disable-user.ts'
import { callOffEnrolment, renewEnrolment } from '#users/renew.ts'
import { giveRole } from '#users/roles.ts'
import { openEnrolment, ROLES, type UserRow, userById, usersLike, usersWithRole } from '#users/store.ts'
import { addUser, type UsersContext } from '#users/users.ts'
import { contactCard } from './contacts.ts'
import type { AdminUserCard, AdminUserDetail, EnrolmentLink, Page } from './contract.ts'
import { actingOf } from './operator.ts'
import { Cursor, Id, likePattern, Printable } from './shapes.ts'

const PAGE = 50
/** Sorts after every id. */
const NEWEST = '~'

const NewUser = Type.Object({
  handle: Printable(100),
  user_id: Type.Optional(Printable(64)),
  name: Type.Optional(Type.String({ maxLength: 100 })),
  phone: Type.Optional(Type.String({ maxLength: 20 })),
})

export interface NewUserForm {
  handle: string
  user_id?: string | undefined
  name?: string | undefined
  phone?: string | undefined
}

/** Adds a user and where they can be told; what `user add` does. */
export async function addUserWithContact(
  context: UsersContext & { tellsApp?: boolean },
  { user_id, phone, ...form }: NewUserForm,
  by: string,
) {
  const { userId, enrolmentUrl } = await addUser(context, { ...form, id: user_id, by }, async (tx, id) => {
    if (context.tellsApp) await addAppContact(tx, id, context.now())
    if (phone) await addPhone(tx, { userId: id, channel: 'whatsapp', phone: phone }, context.now())
  })
  return { user_id: userId, enrolment_url: enrolmentUrl }
}

interface AdminUsersContext extends UsersContext {
  /** Whether every user is told by the operator's own app too. */
  tellsApp?: boolean
  /** How long a new link waits for somebody who has a passkey, in milliseconds. */
  reenrolWaitMs: number
}

/** Account holders, as operators see them. */
export function adminUserRoutes(server: Server, context: AdminUsersContext) {
  const { db, now } = context

  server.post('/v1/admin/users', { schema: { body: NewUser } }, async (http, reply) =>
    reply.code(201).send(await addUserWithContact(context, http.body, actingOf(http))),
  )

  const search = Type.Object({
    q: Type.Optional(Type.String({ maxLength: 100 })),
    cursor: Cursor,
    has_role: Type.Optional(Type.Boolean()),
  })
  server.get('/v1/admin/users', { schema: { querystring: search } }, async (http) => {
    const { q = '', cursor = NEWEST, has_role } = http.query
    const rows = has_role ? await usersWithRole(db) : await usersLike(db, likePattern(q), cursor, PAGE)
    const next = !has_role && rows.length === PAGE ? (rows.at(-1)?.id ?? null) : null
    return { users: rows.map(card), next } satisfies Page<'users', AdminUserCard>
  })

  server.get('/v1/admin/users/:id', { schema: { params: Id } }, async (http): Promise<AdminUserDetail> => {
    const { id } = http.params
    if (!(await userById(db, id))) throw new Refusal('user_not_found')
    const [rows, contacts, link] = await Promise.all([
      usersLike(db, likePattern(id), NEWEST, PAGE),
      contactsOfUser(db, id),
      openEnrolment(db, id, now()),
    ])
    const row = rows.find((each) => each.id === id)
    if (!row) throw new Refusal('user_not_found')
    return {
      ...card(row),
      contacts: contacts.map(contactCard),
      link: link ? { created_at: link.createdAt, works_at: link.worksAt, expires_at: link.expiresAt } : null,
    }
  })

  const state = Type.Object({ state: Type.Union([Type.Literal('active'), Type.Literal('disabled')]) })
  server.post('/v1/admin/users/:id/state', { schema: { params: Id, body: state } }, async (http, reply) => {
    const change = http.body.state === 'disabled' ? disableUser : enableUser
    await change(context, http.params.id, actingOf(http))
    return reply.code(204).send()
  })

  const role = Type.Object({ role: Type.Union(ROLES.map((each) => Type.Literal(each))) })
  server.post('/v1/admin/users/:id/role', { schema: { params: Id, body: role } }, async (http, reply) => {
    await giveRole(context, http.params.id, http.body.role, actingOf(http))
    return reply.code(204).send()
  })

  const contact = Type.Object({ ...Id.properties, contact: Id.properties.id })
  server.delete(
    '/v1/admin/users/:id/contacts/:contact',
    { schema: { params: contact } },
    async (http, reply) => {
      const { id: userId, contact: id } = http.params
      const removal = { id, userId, by: { actor: 'operator', actorId: actingOf(http) } } as const
      await db.transaction((tx) => removeContact(tx, removal, now()))
      return reply.code(204).send()
    },
  )

  const enrolment = '/v1/admin/users/:id/enrolment'
  server.post(enrolment, { schema: { params: Id } }, async (http, reply) => {
    const made = await renewEnrolment(context, http.params.id, {
      by: actingOf(http),
      waitMs: context.reenrolWaitMs,
      tell: (tx, userId, at) => tellOfAccount(tx, { userId, about: 'new_passkey_link', at }, now()),
    })
    const answer: EnrolmentLink = {
      enrolment_url: made.enrolmentUrl,
      works_at: made.worksAt,
      expires_at: made.expiresAt,
      told: made.told,
    }
    return reply.code(201).send(answer)
  })

  server.delete(enrolment, { schema: { params: Id } }, async (http, reply) => {
    await callOffEnrolment(context, http.params.id, { by: actingOf(http) })
    return reply.code(204).send()
  })
}

const card = (each: UserRow): AdminUserCard => ({
  id: each.id,
  handle: each.handle,
  name: each.name,
  state: each.state,
  role: each.role,
  passkeys: each.passkeys,
  created_at: each.createdAt,
  last_seen_at: each.lastSeenAt,
})
