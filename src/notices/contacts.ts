import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import type { Database, Transaction } from '#store/database.ts'
import { type Contact, insertContact, usersWithout } from './store.ts'

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
    const users = await usersWithout(db, 'http', BATCH)
    await db.transaction(async (tx) => {
      for (const { id: userId } of users) await addAppContact(tx, userId, now)
    })
    if (users.length < BATCH) return
  }
}

/** The same for one user, as part of a larger transaction. */
export const addAppContact = (tx: Transaction, userId: string, now: number) =>
  insertContact(tx, newContact({ userId, channel: 'http', address: userId }, now))

/** @returns the digits alone, country code first (E.164 without its plus); undefined when it is no such number */
export function readPhone(text: string): string | undefined {
  const digits = text.replace(/[\s().-]/g, '').replace(/^\+|^00/, '')
  return /^[1-9]\d{6,14}$/.test(digits) ? digits : undefined
}
