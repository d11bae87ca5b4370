import { recordEvent } from '#audit/events.ts'
import type { Transaction } from '#store/database.ts'
import { type ClientLink, insertLink } from './store.ts'

/**
 * Notes that a user lets an initiator ask them, for these scopes at most. One that is linked already stays as it is.
 *
 * @returns whether the link is new
 */
export async function linkUser(
  tx: Transaction,
  {
    clientId,
    userId,
    scopes,
    actor,
  }: Pick<ClientLink, 'clientId' | 'userId' | 'scopes'> & { actor: 'user' | 'operator' },
  now: number,
): Promise<boolean> {
  if (!(await insertLink(tx, { clientId, userId, scopes, linkedAt: now }))) return false
  await recordEvent(tx, { kind: 'app_linked', actor, clientId, userId, detail: scopes, at: now })
  return true
}
