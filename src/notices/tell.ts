import { recordEvent } from '#audit/events.ts'
import { DAY, MINUTE } from '#base/clock.ts'
import { newId } from '#base/ids.ts'
import { clientInside } from '#clients/store.ts'
import { cancel, enqueue } from '#outbox/store.ts'
import type { Transaction } from '#store/database.ts'
import { spendBudget } from './budget.ts'
import { hearsNews, REPLACING } from './channel.ts'
import { noticeSettingsInside, tellableAt } from './settings.ts'
import {
  activeContacts,
  type Contact,
  cancelNotices,
  contactById,
  insertNotice,
  isNewsTold,
  type Notice,
  type Outcome,
  toldNotices,
} from './store.ts'

export interface Telling {
  requestId: string
  clientId: string
  userId: string
  expiresAt: number
  /** `traceparent` of the ask. */
  trace?: string | null
}

/** Whether a user will be told: `undeliverable` if there is nowhere, `throttled` if they may not be told now. */
export type Told = 'queued' | 'throttled' | 'undeliverable'

/**
 * Promises to tell a user that a request waits, in the transaction that opens it: on the first channel of their order
 * now, on each next one a while later, unless one of the earlier was shown by then.
 */
export async function tellUser(tx: Transaction, telling: Telling, now: number): Promise<Told> {
  const contacts = await activeContacts(tx, telling.userId)
  if (contacts.length === 0) return 'undeliverable'
  const settings = await noticeSettingsInside(tx, telling.userId)
  const firstAt = tellableAt(settings, now)
  if (firstAt >= telling.expiresAt || !(await spendBudget(tx, telling.userId, now))) {
    await recordEvent(tx, { kind: 'notice_throttled', actor: 'system', ...who(telling), at: now })
    return 'throttled'
  }
  const steps = stepsOf(contacts, settings.channels)
  for (const [step, each] of steps.entries()) {
    const dueAt = firstAt + step * settings.nextAfterMs
    for (const { id: contactId, channel } of each)
      await promise(tx, { ...telling, contactId, channel, step, about: 'waiting' }, { now, dueAt })
  }
  return 'queued'
}

const who = ({ requestId, userId, clientId }: Telling) => ({ requestId, userId, clientId })

/** The contacts of each channel, in the user's order of channels. */
function stepsOf(contacts: Contact[], order: string[]): Contact[][] {
  const channels = new Set([...order, ...contacts.map(({ channel }) => channel)])
  return [...channels]
    .map((channel) => contacts.filter((each) => each.channel === channel))
    .filter((each) => each.length > 0)
}

/** How long news of an outcome is worth anything. */
const NEWS_LIFE_MS = 10 * MINUTE

/**
 * Calls off what was not told yet, in the transaction that settles the request. What still stands on a screen is
 * replaced, so that nobody opens a request that is over; a chat that is open hears what its user has decided.
 */
export async function stopTelling(
  tx: Transaction,
  { requestId, outcome }: { requestId: string; outcome: Outcome },
  now: number,
) {
  await callOff(tx, requestId, now)
  for (const told of await toldNotices(tx, requestId)) {
    const contact = await contactById(tx, told.contactId)
    // A chat cannot take back what stands in it, and rings: at night for what merely ran out, it would be a nuisance.
    const isWorthIt = REPLACING.has(told.channel) || outcome === 'approved' || outcome === 'rejected'
    if (isWorthIt && contact && hearsNews(contact, now)) await promiseNews(tx, told, outcome, now)
  }
}

/** Tells somebody who answered too late how the request had ended: once, and only if they have not heard it. */
export async function tellTooLate(tx: Transaction, told: Notice, outcome: Outcome, now: number) {
  const contact = await contactById(tx, told.contactId)
  if (!contact || !hearsNews(contact, now) || (await isNewsTold(tx, told))) return
  await promiseNews(tx, told, outcome, now)
}

const promiseNews = (tx: Transaction, told: Notice, outcome: Outcome, now: number) =>
  promise(tx, { ...told, step: 0, about: outcome, expiresAt: now + NEWS_LIFE_MS }, { now, dueAt: now })

/** Calls off what was not told yet: the user has seen the request already. */
export async function callOff(tx: Transaction, requestId: string, now: number) {
  for (const { id } of await cancelNotices(tx, requestId, now)) await cancel(tx, 'notify', id)
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
  if ((await clientInside(tx, clientId))?.mode === 'test') return
  for (const contact of await activeContacts(tx, userId)) {
    const { id: contactId, channel } = contact
    if (!hearsNews(contact, now)) continue
    const telling = { requestId, clientId, userId, contactId, channel, expiresAt: now + DAY }
    await promise(tx, { ...telling, step: 0, about: 'undelivered' }, { now, dueAt: now })
  }
}

type Promised = Telling & Pick<Notice, 'contactId' | 'channel' | 'step' | 'about'>

async function promise(tx: Transaction, told: Promised, { now, dueAt }: { now: number; dueAt: number }) {
  const id = newId('ntc')
  const { requestId, clientId, userId, contactId, channel, step, about, expiresAt, trace } = told
  await insertNotice(tx, {
    id,
    requestId,
    clientId,
    userId,
    contactId,
    channel,
    step,
    about,
    expiresAt,
    ...(trace ? { trace } : {}),
    createdAt: now,
  })
  await enqueue(tx, { kind: 'notify', ref: id, lane: channel, dueAt, plannedAt: now })
}
