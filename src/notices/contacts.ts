import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import type { Database, Transaction } from '#store/database.ts'
import {
  type Contact,
  contactById,
  deleteContact,
  insertContact,
  setContactState,
  usersWithout,
} from './store.ts'

/**
 * Notes a phone where a user can be told. Its number is kept in the form of E.164 without its plus, as messengers send it.
 *
 * @throws Refusal `phone_invalid`, `contact_taken`
 */
export async function addPhone(
  tx: Transaction,
  { userId, channel, phone }: { userId: string; channel: string; phone: string },
  now: number,
): Promise<void> {
  const address = readPhone(phone)
  if (address === undefined) throw new Refusal('phone_invalid')
  const made = await insertContact(tx, newContact({ userId, channel, address }, now))
  if (!made) throw new Refusal('contact_taken')
}

/** A contact of which nothing is known but where it is. */
export const newContact = (
  { userId, channel, address }: Pick<Contact, 'userId' | 'channel' | 'address'>,
  now: number,
) => ({
  id: newId('con'),
  userId,
  channel,
  address,
  sealed: null,
  label: null,
  language: null,
  sessionId: null,
  createdAt: now,
})

/** One transaction adds so many: the one writer is held for milliseconds. */
const BATCH = 500

/** Sees to it that every user is told by the operator's own app as well, which knows them by their id. */
export async function addAppContacts(db: Database, now: number): Promise<void> {
  for (;;) {
    const users = await usersWithout(db, APP, BATCH)
    await db.transaction(async (tx) => {
      for (const { id: userId } of users) await addAppContact(tx, userId, now)
    })
    if (users.length < BATCH) return
  }
}

/** The same for one user, as part of a larger transaction. */
export const addAppContact = (tx: Transaction, userId: string, now: number) =>
  insertContact(tx, newContact({ userId, channel: APP, address: userId }, now))

/** Who takes a contact away, or brings it back, and of whom. */
interface Change {
  id: string
  userId: string
  by: { actor: 'user' } | { actor: 'operator'; actorId: string }
}

/**
 * Takes a contact away. That of the operator's own app, which every user has, is kept as removed, so that it is not added
 * once more.
 *
 * @throws Refusal `contact_not_found`
 */
export async function removeContact(tx: Transaction, { id, userId, by }: Change, now: number) {
  const contact = await contactById(tx, id)
  if (contact?.userId !== userId) throw new Refusal('contact_not_found')
  const { channel } = contact
  if (channel === APP) await setContactState(tx, id, 'removed')
  else await deleteContact(tx, id, userId)
  await recordEvent(tx, { kind: 'contact_removed', ...by, userId, detail: channel, at: now })
}

/**
 * Has the operator's own app tell again, after it was taken away or knew its user no longer.
 *
 * @throws Refusal `contact_not_found` also for a contact of another channel: those prove themselves again
 */
export async function resumeContact(tx: Transaction, { id, userId, by }: Change, now: number) {
  const contact = await contactById(tx, id)
  if (contact?.userId !== userId || contact.channel !== APP) throw new Refusal('contact_not_found')
  await setContactState(tx, id, 'active')
  await recordEvent(tx, { kind: 'contact_resumed', ...by, userId, detail: APP, at: now })
}

/** The operator's own app. */
const APP = 'http'

/** @returns the digits alone, country code first (E.164 without its plus); undefined when it is no such number */
export function readPhone(text: string): string | undefined {
  const digits = text.replace(/[\s().-]/g, '').replace(/^\+|^00/, '')
  return /^[1-9]\d{6,14}$/.test(digits) ? digits : undefined
}
