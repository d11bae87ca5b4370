import { lockLink } from '#clients/store.ts'
import type { Transaction } from '#store/database.ts'
import { lockUser } from '#users/store.ts'
import type { TokenRequest } from './store.ts'

/**
 * Whether what a user approved may still be handed over. It may not once their account was disabled, or the app was
 * unlinked, also if that was undone since: what ended stays ended.
 */
export async function isStillWanted(
  tx: Transaction,
  { userId, clientId, delivery, requestedAt, settledAt }: TokenRequest,
): Promise<boolean> {
  const user = await lockUser(tx, userId)
  if (user?.state !== 'active') return false
  if (user.disabledAt !== null && user.disabledAt >= (settledAt ?? requestedAt)) return false
  // An app of one user is linked by nobody.
  if (delivery === 'notifier' || delivery === 'code') return true
  const link = await lockLink(tx, userId, clientId)
  return link !== undefined && link.linkedAt <= requestedAt
}
