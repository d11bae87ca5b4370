import { newId } from '#base/ids.ts'
import { cancel, enqueue } from '#outbox/store.ts'
import type { Transaction } from '#store/database.ts'
import { activeContacts, cancelNotices, insertNotice } from './store.ts'

export interface Telling {
  requestId: string
  clientId: string
  userId: string
  expiresAt: number
}

/** Promises to tell a user that a request waits, on each of their contacts, in the transaction that opens it. */
export async function tellUser(
  tx: Transaction,
  { requestId, clientId, userId, expiresAt }: Telling,
  now: number,
) {
  for (const { id: contactId, channel } of await activeContacts(tx, userId)) {
    const id = newId('ntc')
    await insertNotice(tx, { id, requestId, clientId, userId, contactId, channel, expiresAt, createdAt: now })
    await enqueue(tx, { kind: 'notify', ref: id, lane: channel, dueAt: now })
  }
}

/** Calls off what was not told yet, in the transaction that settles the request. */
export async function stopTelling(tx: Transaction, requestId: string, now: number) {
  for (const { id } of await cancelNotices(tx, requestId, now)) await cancel(tx, 'notify', id)
}
