import { recordEvent } from '#audit/events.ts'
import { HOUR, MINUTE } from '#base/clock.ts'
import type { Vault } from '#base/seal.ts'
import { newContact } from '#notices/contacts.ts'
import {
  contactByAddress,
  contactByScopedId,
  deleteContact,
  insertContact,
  noteHeard,
  reviveContact,
} from '#notices/store.ts'
import type { Transaction } from '#store/database.ts'
import { lockUser } from '#users/store.ts'
import { answer } from './answer.ts'
import { newCode } from './code.ts'
import type { Sender } from './events.ts'
import { CHANNEL } from './sender.ts'
import { countTry, deleteLink, linkByCode, putLink, triesOf } from './store.ts'

/** How long a code may be sent. */
const CODE_LIFE_MS = 15 * MINUTE
/** Wrong codes of one sender; more are not even answered, until the time is over. */
const MOST_TRIES = 5
export const TRIES_MS = HOUR

interface Asking {
  userId: string
  language: string | null
  /** Where the user was when they asked for it; kept with the consent. */
  address: string | null
}

/** Makes the code by which a user shows that a number is theirs. An older one of theirs ends. */
export async function makeLink(tx: Transaction, vault: Vault, asking: Asking, now: number) {
  const code = newCode()
  const expiresAt = now + CODE_LIFE_MS
  await putLink(tx, { ...asking, code: kept(vault, code), expiresAt })
  return { code, expiresAt }
}

/** All that is kept of a code. Without our key nothing can be tried against it. */
const kept = (vault: Vault, code: string) => vault.mac('whatsapp_link', code)

interface Sent {
  sender: Sender
  code: string
  isMove: boolean
  heardAt: number
}

/**
 * A message with a code proves a number, and is the consent to be told there: the user asked for it signed in, and sent
 * it from the phone. The number may have been another account's; if it still is, its user must say so on the phone.
 */
export async function takeLink(tx: Transaction, vault: Vault, sent: Sent, now: number): Promise<void> {
  const { phone, scopedId = null } = sent.sender
  const recipient = phone ?? scopedId
  if (recipient === null) return
  const trier = vault.mac('whatsapp_try', recipient)
  if ((await triesOf(tx, trier, now - TRIES_MS)) >= MOST_TRIES) return

  const link = await linkByCode(tx, kept(vault, sent.code), now)
  const user = link && (await lockUser(tx, link.userId))
  if (!link || user?.state !== 'active') {
    await countTry(tx, trier, now, now - TRIES_MS)
    return answer(tx, { recipient, about: 'code_wrong', language: null, detail: null }, now)
  }

  const byAddress = await contactByAddress(tx, CHANNEL, recipient)
  const byScopedId = scopedId === null ? undefined : await contactByScopedId(tx, CHANNEL, scopedId)
  const known = [byAddress, byScopedId?.id === byAddress?.id ? undefined : byScopedId].filter(
    (each) => each !== undefined,
  )
  const own = known.find(({ userId }) => userId === user.id)
  const others = known.filter(({ userId }) => userId !== user.id)
  const { language, address } = link
  if (others.some(({ state }) => state === 'active') && !sent.isMove) {
    return answer(tx, { recipient, about: 'move', language, detail: user.handle }, now)
  }

  await deleteLink(tx, user.id)
  for (const { id, userId } of others) {
    await deleteContact(tx, id, userId)
    await recordEvent(tx, { kind: 'contact_moved', actor: CHANNEL, userId, detail: CHANNEL, at: now })
  }
  const fresh = newContact({ userId: user.id, channel: CHANNEL, address: recipient }, now)
  const contactId = own?.id ?? fresh.id
  if (!own) await insertContact(tx, { ...fresh, language })
  await reviveContact(tx, { id: contactId, scopedId })
  await noteHeard(tx, contactId, sent.heardAt)
  await recordEvent(tx, {
    kind: 'contact_connected',
    actor: CHANNEL,
    userId: user.id,
    detail: `${CHANNEL}: ${CONSENT}`,
    address,
    at: now,
  })
  await answer(tx, { recipient, about: 'connected', language, detail: user.handle }, now)
}

/** The words that the user agreed to, `contacts.whatsapp.consent` of the pages. A change of them gets a new number. */
const CONSENT = 'consent 1'
