import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import type { Transaction } from '#store/database.ts'
import { promiseAnnouncement } from './announce.ts'
import { type Decided, tidy } from './approve.ts'
import type { RequestContext } from './context.ts'
import { isBegunByUser } from './open.ts'
import { redirectWith } from './redirect.ts'
import { pendingRequest } from './review.ts'
import { settle } from './settle.ts'
import { blockClient, noteRejection } from './standing.ts'
import { insertDecision } from './store.ts'

/**
 * Rejects a request. To refuse must be the cheap way: a session is enough, or a tap in a messenger.
 *
 * @param channel where the user said so: `web`, or the name of a channel
 * @param isReport the user did not expect it: the client may not ask them again, and the operator hears of it
 * @throws Refusal `request_not_found`, `request_settled`
 */
export const rejectRequest = (
  { db, now }: Pick<RequestContext, 'db' | 'now'>,
  userId: string,
  id: string,
  channel: string,
  address: string | null,
  isReport = false,
) =>
  db.transaction(async (tx) => {
    const at = now()
    const decided = await rejectInside(tx, userId, id, channel, address, at)
    if (isReport) await blockClient(tx, { userId, clientId: decided.clientId }, id, at)
    return decided
  })

/** The same, as part of a larger transaction. */
export async function rejectInside(
  tx: Transaction,
  userId: string,
  id: string,
  channel: string,
  address: string | null,
  at: number,
): Promise<Decided & { clientId: string }> {
  const { request, client } = await pendingRequest(tx, userId, id, at)
  if (!(await settle(tx, id, 'rejected', at))) throw new Refusal('request_settled')
  await insertDecision(tx, {
    requestId: id,
    userId,
    decision: 'rejected',
    channel,
    evidence: null,
    decidedAt: at,
  })
  await recordEvent(tx, {
    kind: 'rejected',
    actor: channel === 'web' ? 'user' : channel,
    requestId: id,
    userId,
    clientId: client.id,
    address,
    at,
  })
  if (!isBegunByUser(request)) await noteRejection(tx, { userId, clientId: client.id }, at)
  await tidy(tx, id, 'rejected', at)
  await promiseAnnouncement(tx, request, at)
  return {
    status: 'rejected',
    clientId: client.id,
    redirectTo: redirectWith(request, { error: 'access_denied' }),
  }
}
