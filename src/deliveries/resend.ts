import { recordEvent } from '#audit/events.ts'
import type { Clock } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { hurry } from '#outbox/store.ts'
import type { Database } from '#store/database.ts'
import { deliveryById, waitingDeliveries } from './store.ts'

interface ResendContext {
  db: Database
  now: Clock
  /** Ends the rest of a client whose endpoint kept failing: its owner knows better. */
  wakeDeliveries: (clientId: string) => void
}

/**
 * Sends a waiting delivery at once: a new attempt of the same `webhook-id` and the same token. What was taken, given up
 * or revoked is not there any more, and never made anew.
 *
 * @throws Refusal `delivery_not_found`, `delivery_over`
 */
export async function resendDelivery(
  { db, now, wakeDeliveries }: ResendContext,
  clientId: string,
  id: string,
) {
  const delivery = await deliveryById(db, id)
  if (delivery?.clientId !== clientId) throw new Refusal('delivery_not_found')
  if (delivery.state !== 'queued' || delivery.expiresAt <= now()) throw new Refusal('delivery_over')
  await db.transaction(async (tx) => {
    await hurry(tx, 'deliver', id, now())
    const { requestId, userId } = delivery
    await recordEvent(tx, { kind: 'delivery_resent', actor: 'user', requestId, userId, clientId, at: now() })
  })
  wakeDeliveries(clientId)
}

/**
 * Sends all that still waits, made since a time.
 *
 * @param since epoch milliseconds
 * @returns how many
 */
export async function recoverDeliveries(
  { db, now, wakeDeliveries }: ResendContext,
  clientId: string,
  since: number,
) {
  const count = await db.transaction(async (tx) => {
    const waiting = await waitingDeliveries(tx, clientId, since)
    for (const { id } of waiting) await hurry(tx, 'deliver', id, now())
    await recordEvent(tx, {
      kind: 'deliveries_recovered',
      actor: 'user',
      clientId,
      detail: String(waiting.length),
      at: now(),
    })
    return waiting.length
  })
  wakeDeliveries(clientId)
  return count
}
