import { recordEvent } from '#audit/events.ts'
import { type Clock, DAY, MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import { hashSecret, newSecret } from '#base/secrets.ts'
import type { Database, Transaction } from '#store/database.ts'
import { insertEnrolment, insertUser, type User, userByHandle, userById } from './store.ts'

/** The pages' own place on the web, as WebAuthn needs to know it. */
export interface Site {
  /** For instance `https://sign.example.com`, without a slash at the end. */
  origin: string
  /** Relying party id: the host name (WebAuthn Level 3 §4). */
  rpId: string
  /** Of the operator's own apps, in which the same passkeys sign: `android:apk-key-hash:…`, `https://…`. */
  appOrigins?: readonly string[]
}

export interface UsersContext {
  db: Database
  now: Clock
  site: Site
}

export interface NewUser {
  handle: string
  name?: string | undefined
  /** The operator's own id of the user (a client code, say); one is made if there is none. */
  id?: string | undefined
  /** Which operator adds them. */
  by: string
}

/** A person needs time to find their phone; a challenge left lying is worth nothing after this. */
export const CHALLENGE_LIFE_MS = 10 * MINUTE
/** An enrolment link works once, and this long. */
const ENROLMENT_LIFE_MS = 3 * DAY

/**
 * Adds an account holder and makes the one-time link by which they bind their first passkey.
 *
 * @param also what else must be noted of the user, or there is no user
 * @throws Refusal `handle_taken`
 */
export async function addUser(
  { db, now, site }: UsersContext,
  { handle, name, id = newId('usr'), by }: NewUser,
  also?: (tx: Transaction, userId: string) => Promise<void>,
): Promise<{ userId: string; enrolmentUrl: string }> {
  const link = newLink(site, now())
  await db.transaction(async (tx) => {
    const inserted = await insertUser(tx, { id, handle, name: name ?? null, createdAt: now() })
    if (!inserted) throw new Refusal('handle_taken')
    await insertEnrolment(tx, { userId: id, ...link.row })
    await recordEvent(tx, {
      kind: 'user_added',
      actor: 'operator',
      actorId: by,
      userId: id,
      detail: handle,
      at: now(),
    })
    await also?.(tx, id)
  })
  return { userId: id, enrolmentUrl: link.url }
}

/** A one-time link, and the row by which it is known. */
export function newLink(site: Site, now: number, waitMs = 0) {
  const token = newSecret('cs_enrol')
  const worksAt = now + waitMs
  return {
    url: `${site.origin}/enrol#${token}`,
    row: { tokenHash: hashSecret(token), createdAt: now, worksAt, expiresAt: worksAt + ENROLMENT_LIFE_MS },
  }
}

/** @throws Refusal `user_not_found`, `user_disabled` */
export async function requireUser({ db }: { db: Database }, id: string): Promise<User> {
  return requireActive(await userById(db, id))
}

/** The same for what a person types: an id or a handle. @throws Refusal `user_not_found`, `user_disabled` */
export async function findUser({ db }: { db: Database }, text: string): Promise<User> {
  return requireActive((await userById(db, text)) ?? (await userByHandle(db, text)))
}

function requireActive(user: User | undefined): User {
  if (!user) throw new Refusal('user_not_found')
  if (user.state !== 'active') throw new Refusal('user_disabled')
  return user
}
