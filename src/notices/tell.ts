import { DAY, MINUTE } from '#base/clock.ts'
import { newId } from '#base/ids.ts'
import { cancel, enqueue } from '#outbox/store.ts'
import type { Transaction } from '#store/database.ts'
import { REPLACING } from './channel.ts'
import {
  activeContacts,
  cancelNotices,
  insertNotice,
  type Notice,
  type Outcome,
  toldNotices,
} from './store.ts'

export interface Telling {
  requestId: string
  clientId: string
  userId: string
  expiresAt: number
}

/** Promises to tell a user that a request waits, on each of their contacts, in the transaction that opens it. */
export async function tellUser(tx: Transaction, telling: Telling, now: number) {
  for (const { id: contactId, channel } of await activeContacts(tx, telling.userId))
    await promise(tx, { ...telling, contactId, channel, about: 'waiting' }, now)
}

/** How long news of an outcome is worth anything. */
const NEWS_LIFE_MS = 10 * MINUTE

/**
 * Calls off what was not told yet, in the transaction that settles the request. What still stands on a screen is
 * replaced, so that nobody opens a request that is over.
 */
export async function stopTelling(
  tx: Transaction,
  { requestId, outcome }: { requestId: string; outcome: Outcome },
  now: number,
) {
  for (const { id } of await cancelNotices(tx, requestId, now)) await cancel(tx, 'notify', id)
  for (const told of await toldNotices(tx, requestId)) {
    if (!REPLACING.has(told.channel)) continue
    await promise(tx, { ...told, about: outcome, expiresAt: now + NEWS_LIFE_MS }, now)
  }
}

/**
 * Promises to tell a user that what they approved could not be handed over, in the transaction that gives it up: by
 * those of their contacts that carry more than a question.
 */
export async function tellUndelivered(
  tx: Transaction,
  { requestId, clientId, userId }: Omit<Telling, 'expiresAt'>,
  now: number,
) {
  for (const { id: contactId, channel } of await activeContacts(tx, userId)) {
    if (!REPLACING.has(channel)) continue
    const telling = { requestId, clientId, userId, contactId, channel, expiresAt: now + DAY }
    await promise(tx, { ...telling, about: 'undelivered' }, now)
  }
}

type Promised = Telling & Pick<Notice, 'contactId' | 'channel' | 'about'>

async function promise(tx: Transaction, told: Promised, now: number) {
  const id = newId('ntc')
  const { requestId, clientId, userId, contactId, channel, about, expiresAt } = told
  await insertNotice(tx, {
    id,
    requestId,
    clientId,
    userId,
    contactId,
    channel,
    about,
    expiresAt,
    createdAt: now,
  })
  await enqueue(tx, { kind: 'notify', ref: id, lane: channel, dueAt: now })
}
