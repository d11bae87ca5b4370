import { recordEvent } from '#audit/events.ts'
import type { Clock } from '#base/clock.ts'
import { stopTelling } from '#notices/tell.ts'
import type { Handler } from '#outbox/worker.ts'
import type { Transaction } from '#store/database.ts'
import { promiseAnnouncement } from './announce.ts'
import { saySettled } from './settle.ts'
import { deleteReviews, expireRequestRow } from './store.ts'

/** Ends requests whose time is over. All of it is one transaction, so there is no attempt to wait for. */
export const expireHandler = ({ now }: { now: Clock }): Handler => ({
  slots: 200,
  laneSlots: 200,
  deadlineMs: 5_000,
  async start(tx, job) {
    await expireInside(tx, job.ref, now())
    return undefined
  },
})

/** Does nothing to a request that is settled already. */
export async function expireInside(tx: Transaction, id: string, now: number): Promise<void> {
  const request = await expireRequestRow(tx, id, now)
  if (!request) return
  await deleteReviews(tx, id)
  await stopTelling(tx, { requestId: id, outcome: 'expired' }, now)
  await promiseAnnouncement(tx, request, now)
  const { userId, clientId, expiresAt } = request
  saySettled(tx, request, 'expired', expiresAt)
  await recordEvent(tx, { kind: 'expired', actor: 'system', requestId: id, userId, clientId, at: expiresAt })
}
