import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { deleteLink } from '#clients/store.ts'
import { stopDelivery } from '#deliveries/deliver.ts'
import { endAccess } from '#tokens/revoke.ts'
import { liveAccessOfUser } from '#tokens/store.ts'
import { requireOperator } from '#users/roles.ts'
import { promiseAnnouncement } from './announce.ts'
import type { RequestContext } from './context.ts'
import { pendingOfPair } from './store.ts'
import { withdrawInside } from './withdraw.ts'

export type UnlinkedBy = { actor: 'user' | 'client' } | { actor: 'operator'; actorId: string }

const DETAIL = 'the app was unlinked'

/**
 * Ends what a user and an app had with each other: it may not ask any more, what it asked is withdrawn, what is on its
 * way to it is taken back, and its access ends. To the app it is as if it had never been linked; linked anew, it knows
 * the user by another name.
 *
 * @throws Refusal `link_not_found`, `not_operator`
 */
export async function unlinkUser(
  { db, now }: Pick<RequestContext, 'db' | 'now'>,
  { userId, clientId }: { userId: string; clientId: string },
  by: UnlinkedBy,
): Promise<void> {
  await db.transaction(async (tx) => {
    const at = now()
    if (by.actor === 'operator') await requireOperator(tx, by.actorId)
    // First the link, which whoever asks or fetches locks: from here on nothing new comes of it.
    const link = await deleteLink(tx, userId, clientId)
    if (!link) throw new Refusal('link_not_found')
    for (const each of await pendingOfPair(tx, userId, clientId)) {
      const isWithdrawn = await withdrawInside(tx, each, at, { ...by, detail: DETAIL })
      if (isWithdrawn && by.actor !== 'client') await promiseAnnouncement(tx, each, at)
    }
    for (const access of await liveAccessOfUser(tx, userId, at)) {
      if (access.clientId !== clientId) continue
      await stopDelivery(tx, access.requestId, at)
      await endAccess(tx, access.requestId, by.actor, at, DETAIL)
    }
    await recordEvent(tx, { ...by, kind: 'app_unlinked', userId, clientId, at })
  })
}
