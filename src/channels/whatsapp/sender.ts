import { type Contact, contactByAddress, contactByScopedId } from '#notices/store.ts'
import type { Transaction } from '#store/database.ts'
import type { Sender } from './events.ts'

export const CHANNEL = 'whatsapp'

/** The contact that somebody wrote from. A user may be known by number, or, once they hide it, by Meta's id of them. */
export const contactOf = async (tx: Transaction, { phone, scopedId }: Sender): Promise<Contact | undefined> =>
  (phone === undefined ? undefined : await contactByAddress(tx, CHANNEL, phone)) ??
  (scopedId === undefined ? undefined : await contactByScopedId(tx, CHANNEL, scopedId))
