import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import type { Log } from '#base/log.ts'
import type { Vault } from '#base/seal.ts'
import { advanceNotice } from '#notices/progress.ts'
import {
  type Contact,
  contactById,
  learnScopedId,
  type Notice,
  noteHeard,
  noticeByExternalId,
  noticeById,
  setContactState,
} from '#notices/store.ts'
import { tellTooLate } from '#notices/tell.ts'
import { rejectInside } from '#requests/reject.ts'
import { requestInside } from '#requests/store.ts'
import type { Transaction } from '#store/database.ts'
import { answer } from './answer.ts'
import { meaningOfReport } from './errors.ts'
import type { Sender, Status, WhatsappEvent } from './events.ts'
import { takeLink } from './link.ts'
import { noticeOfPayload } from './payload.ts'
import { CHANNEL, contactOf } from './sender.ts'
import { identityOf, noteEvent, putIdentity } from './store.ts'

interface TakeContext {
  vault: Vault
  log: Log
}

/** Does what an event asks for, once, however often it is brought. */
export async function takeEvent(tx: Transaction, context: TakeContext, event: WhatsappEvent, at: number) {
  const key = event.type === 'status' ? `status:${event.id}:${event.status}` : `${event.type}:${event.id}`
  if (!(await noteEvent(tx, key, at))) return
  if (event.type === 'status') return takeStatus(tx, context.log, event, at)

  // It may be brought a week late, and then opens nothing.
  const contact = await contactOf(tx, event.sender)
  const heardAt = Math.min(event.at ?? at, at)
  if (contact) await noteHeard(tx, contact.id, heardAt)
  // Whoever sends a code that only the user can read has just shown that the new phone is theirs.
  if (contact && event.type !== 'link') await heedIdentity(tx, contact, event, heardAt, at)
  if (event.type === 'tap') await takeTap(tx, context.vault, event, at)
  if (event.type === 'link') await takeLink(tx, context.vault, { ...event, heardAt }, at)
  if (event.type === 'link') await noteIdentity(tx, event, heardAt)
  if (event.type === 'leaving') await takeLeaving(tx, contact, event, at)
}

/** Another phone may be in other hands: a contact whose keys have changed decides nothing until it is connected again. */
async function heedIdentity(
  tx: Transaction,
  contact: Contact,
  { identity }: { identity: string | undefined },
  heardAt: number,
  at: number,
) {
  if (identity === undefined) return
  const known = await identityOf(tx, contact.id)
  // Events come late and in any order: what was said before does not speak of today's phone.
  if (known && known.seenAt > heardAt) return
  if (known && known.hash !== identity && contact.state === 'active')
    await suspend(tx, contact, 'number or phone changed', at)
  else if (contact.state === 'active') await putIdentity(tx, contact.id, identity, heardAt)
}

/** The keys of a phone that has just been connected. */
async function noteIdentity(tx: Transaction, { sender, identity }: Event<'link'>, heardAt: number) {
  const contact = await contactOf(tx, sender)
  if (contact?.state === 'active' && identity !== undefined)
    await putIdentity(tx, contact.id, identity, heardAt)
}

type Event<Type> = Extract<WhatsappEvent, { type: Type }>

/** A tap counts if we wrote its button, on the message it was tapped on, for the person who tapped. */
async function takeTap(tx: Transaction, vault: Vault, tap: Event<'tap'>, at: number) {
  const noticeId = noticeOfPayload(vault, tap.payload)
  const notice = noticeId === undefined ? undefined : await noticeById(tx, noticeId)
  const contact = notice && (await contactById(tx, notice.contactId))
  if (notice?.channel !== CHANNEL || !contact) return refuseTap(tx, 'the button is not ours', undefined, at)

  const isElsewhere =
    tap.contextId !== undefined && notice.externalId !== null && tap.contextId !== notice.externalId
  if (isElsewhere) return refuseTap(tx, 'the button is of another message', notice, at)
  if (!isSenderOf(contact, tap.sender)) return refuseTap(tx, 'somebody else tapped', notice, at)
  if (contact.state !== 'active') return refuseTap(tx, 'the contact is suspended', notice, at)
  await learn(tx, contact, tap.sender)

  try {
    await rejectInside(tx, notice.userId, notice.requestId, CHANNEL, null, at)
  } catch (fault) {
    // Refused before anything was written. A tap may come a week late, or after a decision elsewhere.
    if (!(fault instanceof Refusal)) throw fault
    const state = (await requestInside(tx, notice.requestId))?.state
    if (state) await tellTooLate(tx, notice, state === 'pending' ? 'expired' : state, at)
  }
}

/** A user may be known by number alone, or, once they hide it, by Meta's id of them alone. */
const isSenderOf = (contact: Contact, { phone, scopedId }: Sender): boolean =>
  phone === contact.address || (scopedId !== undefined && scopedId === contact.scopedId)

/** Meta's id of a user is believed when it comes with the number we know. */
async function learn(tx: Transaction, contact: Contact, { phone, scopedId }: Sender) {
  if (contact.scopedId === null && scopedId !== undefined && phone === contact.address) {
    await learnScopedId(tx, contact.id, scopedId)
  }
}

const refuseTap = (tx: Transaction, why: string, notice: Notice | undefined, at: number) =>
  recordEvent(tx, {
    kind: 'whatsapp_tap_refused',
    actor: CHANNEL,
    ...(notice && { requestId: notice.requestId, userId: notice.userId, clientId: notice.clientId }),
    detail: why,
    at,
  })

const PROGRESS = {
  sent: 'sent',
  delivered: 'delivered',
  read: 'shown',
  failed: 'failed',
} as const satisfies Record<Status, string>

/** A report may come before the answer to our own sending, so it is joined by what we sent along as well. */
async function takeStatus(
  tx: Transaction,
  log: Log,
  { id, status, noticeId, errorCode }: Event<'status'>,
  at: number,
) {
  const notice =
    (await noticeByExternalId(tx, CHANNEL, id)) ??
    (noticeId === undefined ? undefined : await noticeById(tx, noticeId))
  if (notice?.channel !== CHANNEL) return
  if (status !== 'failed') return advanceNotice(tx, notice, PROGRESS[status], at)

  const { kind, advice } = meaningOfReport(errorCode)
  if (advice) log.warn('WhatsApp does not deliver our messages.', { kind, code: errorCode, advice })
  await advanceNotice(tx, notice, 'failed', at, kind)
  if (kind === 'undeliverable') await setContactState(tx, notice.contactId, 'unreachable')
}

/** Nothing more is sent to a suspended contact, and nothing it says decides. */
async function takeLeaving(
  tx: Transaction,
  contact: Contact | undefined,
  { why }: Event<'leaving'>,
  at: number,
) {
  if (contact?.state !== 'active') return
  await suspend(tx, contact, why, at)
  if (why === 'asked to stop') {
    const { address, language } = contact
    await answer(tx, { recipient: address, about: 'stopped', language, detail: null }, at)
  }
}

async function suspend(tx: Transaction, { id, userId }: Contact, why: Event<'leaving'>['why'], at: number) {
  await setContactState(tx, id, 'suspended')
  await recordEvent(tx, { kind: 'contact_suspended', actor: CHANNEL, userId, detail: why, at })
}
