import { DAY } from '#base/clock.ts'
import { newId } from '#base/ids.ts'
import { enqueue } from '#outbox/store.ts'
import type { Transaction } from '#store/database.ts'
import { type AccountNotice, activeContacts, insertAccountNotice } from './store.ts'

/** How long it is tried to tell of what has happened already. */
const NEWS_LIFE_MS = DAY

/** News of an account that has to do with no request. */
export interface AccountNews {
  userId: string
  about: AccountNotice['about']
  /** When what is told of begins or happened, epoch milliseconds. */
  at: number
}

/**
 * Promises to tell a user what becomes of their account, on every contact they have. The open page shows it
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
      expiresAt: at > now ? at : now + NEWS_LIFE_MS,
      createdAt: now,
    })
    await enqueue(tx, { kind: 'notify', ref: id, lane: channel, dueAt: now })
  }
  return contacts.length
}
