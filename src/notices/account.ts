import { newId } from '#base/ids.ts'
import { enqueue } from '#outbox/store.ts'
import type { Transaction } from '#store/database.ts'
import { activeContacts, insertAccountNotice } from './store.ts'

/** News of an account that has to do with no request. */
export interface AccountNews {
  userId: string
  about: 'new_passkey_link'
  /** When what is told of begins, epoch milliseconds. */
  at: number
}

/**
 * Promises to tell a user what is about to happen to their account, on every contact they have. The open page shows it
 * by itself.
 *
 * @returns on how many contacts
 */
export async function tellOfAccount(tx: Transaction, { userId, about, at }: AccountNews, now: number) {
  const contacts = await activeContacts(tx, userId)
  for (const { id: contactId, channel } of contacts) {
    const id = newId('ntc')
    await insertAccountNotice(tx, {
      id,
      userId,
      contactId,
      channel,
      about,
      at,
      expiresAt: at,
      createdAt: now,
    })
    await enqueue(tx, { kind: 'notify', ref: id, lane: channel, dueAt: now })
  }
  return contacts.length
}
