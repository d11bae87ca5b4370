import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import type { Transaction } from '#store/database.ts'
import { insertContact } from './store.ts'

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
  const made = await insertContact(tx, {
    id: newId('con'),
    userId,
    channel,
    address: phoneNumber(phone),
    sealed: null,
    label: null,
    language: null,
    sessionId: null,
    createdAt: now,
  })
  if (!made) throw new Refusal('contact_taken')
}

/** @throws Refusal `phone_invalid` */
function phoneNumber(text: string): string {
  const digits = text.replace(/[\s().-]/g, '').replace(/^\+|^00/, '')
  if (!/^[1-9]\d{6,14}$/.test(digits)) throw new Refusal('phone_invalid')
  return digits
}
