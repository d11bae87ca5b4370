import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import type { FastifyReply } from 'fastify'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { sessionCookie, setCookie } from '#http/cookies.ts'
import type { Server } from '#http/server.ts'
import { contactsOfUser, deleteContactsOfSession, deleteContactsOfSessions } from '#notices/store.ts'
import type { Transaction } from '#store/database.ts'
import { confirmOptions, confirmSession, PRESENCE, requirePresence } from '#users/confirm.ts'
import { addPasskey, enrol, enrolmentOptions, morePasskeyOptions } from '#users/enrol.ts'
import { callOffEnrolment } from '#users/renew.ts'
import { SESSION_IDLE_MS, SESSION_LIFE_MS, signIn, signInOptions } from '#users/sessions.ts'
import { deletePasskey, deleteSession, openEnrolment, passkeysOfUser, sessionsOfUser } from '#users/store.ts'
import { requireUser, type UsersContext } from '#users/users.ts'
import type { EnrolmentOptions, Me, PasskeyCard, SessionCard } from './contract.ts'
import { deviceOf, signedIn } from './guard.ts'
import { Credential, Id, Label, labelOf } from './shapes.ts'

export interface SessionContext extends UsersContext {
  /** Counts one call of somebody who is not signed in, and refuses it when there were too many. */
  limitStranger: (address: string) => Promise<void>
}

/** Enrolment, sign-in, and what a user may see and end of it. */
export function sessionRoutes(server: Server, context: SessionContext) {
  const { db, now, site } = context
  const cookie = sessionCookie(site.origin)
  const startSession = sessionStarter(context)

  const token = Type.String({ minLength: 1, maxLength: 200 })
  server.post('/v1/enrolment/options', { schema: { body: Type.Object({ token }) } }, async (http) => {
    await context.limitStranger(http.ip)
    const { options, user } = await enrolmentOptions(context, http.body.token)
    return { options: options as unknown as Record<string, unknown>, user } satisfies EnrolmentOptions
  })

  const enrolment = Type.Object({ token, credential: Credential, label: Label })
  server.post('/v1/enrolment', { schema: { body: enrolment } }, async (http, reply) => {
    await context.limitStranger(http.ip)
    const { token, credential, label } = http.body
    const passkey = credential as unknown as RegistrationResponseJSON
    const made = await enrol(
      context,
      token,
      passkey,
      labelOf(label),
      deviceOf(http),
      deleteContactsOfSessions,
    )
    return startSession(reply, made.userId, made.sessionSecret)
  })

  server.post('/v1/session/options', async (http) => {
    await context.limitStranger(http.ip)
    return { options: await signInOptions(context) }
  })

  server.post(
    '/v1/session',
    { schema: { body: Type.Object({ credential: Credential }) } },
    async (http, reply) => {
      const credential = http.body.credential as unknown as AuthenticationResponseJSON
      const { userId, sessionSecret } = await signIn(context, credential, deviceOf(http))
      return startSession(reply, userId, sessionSecret)
    },
  )

  server.delete('/v1/session', async (http, reply) => {
    const session = await signedIn(context, http)
    await db.transaction((tx) => endSession(tx, session.id, session.userId))
    return setCookie(reply, cookie, '', 0).code(204).send()
  })

  server.get('/v1/me', async (http): Promise<Me> => {
    const { id, userId, handle, name, role, passkeyAt } = await signedIn(context, http)
    const contacts = await contactsOfUser(db, userId)
    const link = await openEnrolment(db, userId, now())
    const channels = contacts.filter(({ state }) => state === 'active').map(({ channel }) => channel)
    return {
      user_id: userId,
      handle,
      name,
      role,
      session_id: id,
      by_passkey: passkeyAt !== null,
      new_link: link ? { works_at: link.worksAt } : null,
      channels,
    }
  })

  // Whoever still has a passkey need not lose it to a link they did not ask for.
  server.delete('/v1/me/enrolment', async (http, reply) => {
    const { userId } = await signedIn(context, http)
    await callOffEnrolment(context, userId, {})
    return reply.code(204).send()
  })

  server.post('/v1/session/confirm/options', async (http) => {
    const { userId } = await signedIn(context, http)
    return { options: await confirmOptions(context, userId, PRESENCE) }
  })

  const confirmation = { schema: { body: Type.Object({ credential: Credential }) } }
  server.post('/v1/session/confirm', confirmation, async (http, reply) => {
    const session = await signedIn(context, http)
    await confirmSession(context, session, http.body.credential as unknown as AuthenticationResponseJSON)
    return reply.code(204).send()
  })

  server.get('/v1/me/passkeys', async (http) => {
    const { userId } = await signedIn(context, http)
    const passkeys = await passkeysOfUser(db, userId)
    return {
      passkeys: passkeys.map(
        (each): PasskeyCard => ({
          id: each.id,
          label: each.label,
          created_at: each.createdAt,
          last_used_at: each.lastUsedAt,
          synced: each.isSynced === 1,
        }),
      ),
    }
  })

  server.post('/v1/me/passkeys/options', async (http) => {
    const session = await signedIn(context, http)
    await requirePresence(context, session)
    const { userId } = session
    return { options: await morePasskeyOptions(context, await requireUser(context, userId)) }
  })

  const newPasskey = Type.Object({ credential: Credential, label: Label })
  server.post('/v1/me/passkeys', { schema: { body: newPasskey } }, async (http, reply) => {
    const session = await signedIn(context, http)
    await requirePresence(context, session)
    const { userId } = session
    const credential = http.body.credential as unknown as RegistrationResponseJSON
    return reply
      .code(201)
      .send({ id: await addPasskey(context, userId, credential, labelOf(http.body.label)) })
  })

  server.delete('/v1/me/passkeys/:id', { schema: { params: Id } }, async (http, reply) => {
    const { userId, passkeyAt } = await signedIn(context, http)
    if (passkeyAt === null) throw new Refusal('confirm_first')
    const passkeys = await passkeysOfUser(db, userId)
    if (!passkeys.some(({ id }) => id === http.params.id)) throw new Refusal('passkey_not_found')
    const removed = await db.transaction((tx) => deletePasskey(tx, http.params.id, userId))
    if (removed === 0) throw new Refusal('last_passkey')
    return reply.code(204).send()
  })

  server.get('/v1/me/sessions', async (http) => {
    const current = await signedIn(context, http)
    const sessions = await sessionsOfUser(db, current.userId, now(), now() - SESSION_IDLE_MS)
    return {
      sessions: sessions.map(
        (each): SessionCard => ({
          id: each.id,
          current: each.id === current.id,
          user_agent: each.userAgent,
          address: each.address,
          created_at: each.createdAt,
          last_seen_at: each.lastSeenAt,
        }),
      ),
    }
  })

  server.delete('/v1/me/sessions/:id', { schema: { params: Id } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const ended = await db.transaction((tx) => endSession(tx, http.params.id, userId))
    if (ended === 0) throw new Refusal('session_not_found')
    return reply.code(204).send()
  })
}

/** Answers with the cookie of a session that was just opened. */
export function sessionStarter({ site }: UsersContext) {
  const cookie = sessionCookie(site.origin)
  return (reply: FastifyReply, userId: string, secret: string) => {
    setCookie(reply, cookie, secret, SESSION_LIFE_MS)
    return reply.code(201).send({ user_id: userId })
  }
}

/** A device that is signed out is no longer told either. */
async function endSession(tx: Transaction, id: string, userId: string): Promise<number> {
  await deleteContactsOfSession(tx, id, userId)
  return deleteSession(tx, id, userId)
}
