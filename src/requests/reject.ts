import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import type { Transaction } from '#store/database.ts'
import { type Decided, tidy } from './approve.ts'
import type { RequestContext } from './context.ts'
import { redirectWith } from './redirect.ts'
import { pendingRequest } from './review.ts'
import { insertDecision, settleRequest } from './store.ts'

/**
 * Rejects a request. To refuse must be the cheap way: a session is enough, or a tap in a messenger.
 *
 * @param channel where the user said so: `web`, or the name of a channel
 * @throws Refusal `request_not_found`, `request_settled`
 */
export const rejectRequest = (
  { db, now }: Pick<RequestContext, 'db' | 'now'>,
  userId: string,
  id: string,
  channel: string,
  address: string | null,
) => db.transaction((tx) => rejectInside(tx, userId, id, channel, address, now()))

/** The same, as part of a larger transaction. */
export async function rejectInside(
  tx: Transaction,
  userId: string,
  id: string,
  channel: string,
  address: string | null,
  at: number,
): Promise<Decided> {
  const { request, client } = await pendingRequest(tx, userId, id, at)
  if (!(await settleRequest(tx, id, 'rejected', at))) throw new Refusal('request_settled')
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
  await tidy(tx, id, 'rejected', at)
  return { status: 'rejected', redirectTo: redirectWith(request, { error: 'access_denied' }) }
}
