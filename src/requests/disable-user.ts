import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { stopDelivery } from '#deliveries/deliver.ts'
import { endAccess } from '#tokens/revoke.ts'
import { liveAccessOfUser } from '#tokens/store.ts'
import { requireOperator } from '#users/roles.ts'
import {
  deleteEnrolments,
  deleteSessionsOfUser,
  disableUserAt,
  enableUserAgain,
  lockUser,
} from '#users/store.ts'
import type { RequestContext } from './context.ts'
import { pendingInside } from './store.ts'
import { withdrawInside } from './withdraw.ts'

type Context = Pick<RequestContext, 'db' | 'now'>

/**
 * Disables an account, at once and whole: its sessions and enrolment links end, its open requests are withdrawn, its
 * tokens are revoked, what is on its way is taken back, and what was approved and not yet fetched is given out no more.
 * Passkeys and contacts stay, for the day it is enabled again.
 *
 * @throws Refusal `user_not_found`, `own_account`, `not_operator`
 */
export async function disableUser({ db, now }: Context, userId: string, by: string): Promise<void> {
  if (by === userId) throw new Refusal('own_account')
  await db.transaction(async (tx) => {
    const at = now()
    await requireOperator(tx, by)
    // First of all: an approval that is under way is waited for, and what it brings is found below.
    if (!(await lockUser(tx, userId))) throw new Refusal('user_not_found')
    if (!(await disableUserAt(tx, userId, at))) return
    const detail = 'the account is disabled'
    await recordEvent(tx, { kind: 'user_disabled', actor: 'operator', actorId: by, userId, at })
    await deleteSessionsOfUser(tx, userId)
    await deleteEnrolments(tx, userId)
    for (const each of await pendingInside(tx, userId))
      await withdrawInside(tx, each, at, { actor: 'operator', actorId: by, detail })
    for (const { requestId } of await liveAccessOfUser(tx, userId, at)) {
      await stopDelivery(tx, requestId, at)
      await endAccess(tx, requestId, 'operator', at, detail)
    }
  })
}

/**
 * Enables an account again. What ended with it stays ended; its user signs in by the passkey they have.
 *
 * @throws Refusal `user_not_found`, `not_operator`
 */
export async function enableUser({ db, now }: Context, userId: string, by: string): Promise<void> {
  await db.transaction(async (tx) => {
    await requireOperator(tx, by)
    if (!(await lockUser(tx, userId))) throw new Refusal('user_not_found')
    if (!(await enableUserAgain(tx, userId))) return
    await recordEvent(tx, { kind: 'user_enabled', actor: 'operator', actorId: by, userId, at: now() })
  })
}
