import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import type { Transaction } from '#store/database.ts'
import { requireOperator } from './roles.ts'
import { deleteEnrolments, insertEnrolment, lockUser, passkeysInside } from './store.ts'
import { newLink, type UsersContext } from './users.ts'

export interface Renewal {
  by: string
  /** How long a link waits that takes the place of passkeys, in milliseconds. */
  waitMs: number
  /** Says so to the user, wherever they can be told, in the transaction that makes the link. */
  tell: (tx: Transaction, userId: string, worksAt: number) => Promise<number>
}

/**
 * Makes a new enrolment link; older ones stop working. For somebody who has a passkey it works only after a wait, of
 * which they are told: whoever is behind the link will be able to approve in their name.
 *
 * @returns when it begins to work, and on how many contacts that is told
 * @throws Refusal `user_not_found`, `user_disabled`, `own_account`
 */
export async function renewEnrolment({ db, now, site }: UsersContext, userId: string, renewal: Renewal) {
  const { by, waitMs, tell } = renewal
  // More passkeys for oneself are made on one's own pages.
  if (by === userId) throw new Refusal('own_account')
  return db.transaction(async (tx) => {
    await requireOperator(tx, by)
    const user = await lockUser(tx, userId)
    if (!user) throw new Refusal('user_not_found')
    if (user.state !== 'active') throw new Refusal('user_disabled')
    const hasPasskey = (await passkeysInside(tx, userId)) > 0
    const link = newLink(site, now(), hasPasskey ? waitMs : 0)
    await deleteEnrolments(tx, userId)
    await insertEnrolment(tx, { userId, ...link.row })
    await recordEvent(tx, {
      kind: hasPasskey ? 'reenrolment_made' : 'invitation_made',
      actor: 'operator',
      actorId: by,
      userId,
      at: now(),
    })
    const told = hasPasskey ? await tell(tx, userId, link.row.worksAt) : 0
    return { enrolmentUrl: link.url, worksAt: link.row.worksAt, expiresAt: link.row.expiresAt, told }
  })
}

/** Takes back the link of a user that was not used yet. @returns whether there was one */
export async function callOffEnrolment(
  { db, now }: Pick<UsersContext, 'db' | 'now'>,
  userId: string,
  { by }: { by?: string },
): Promise<boolean> {
  return db.transaction(async (tx) => {
    if (by !== undefined) await requireOperator(tx, by)
    if ((await deleteEnrolments(tx, userId)) === 0) return false
    await recordEvent(tx, {
      kind: 'enrolment_called_off',
      ...(by === undefined ? { actor: 'user' } : { actor: 'operator', actorId: by }),
      userId,
      at: now(),
    })
    return true
  })
}
