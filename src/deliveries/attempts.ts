import { leaseOf } from '#outbox/store.ts'
import type { Database } from '#store/database.ts'
import { type DeliveryAttempt, keptAttempts } from './store.ts'

/**
 * All attempts of a delivery, in order. The one that is under way is its job's lease: that is on disk before the first
 * byte leaves, and is all there is to say of it.
 */
export async function attemptsOf(db: Database, deliveryId: string): Promise<DeliveryAttempt[]> {
  // In this order: one that ends meanwhile is then found among the others.
  const lease = await leaseOf(db, 'deliver', deliveryId)
  const kept = await keptAttempts(db, deliveryId)
  if (!lease || kept.some(({ number }) => number === lease.attempt)) return kept
  return [...kept, unended('started', lease.attempt, lease.leasedAt)]
}

/** An attempt of which nothing more is known, or not yet. */
export const unended = (
  state: 'started' | 'unknown',
  number: number,
  startedAt: number,
): DeliveryAttempt => ({
  number,
  state,
  startedAt,
  endedAt: null,
  status: null,
  failure: null,
  response: null,
  sentHeaders: null,
  sentBody: null,
  answerHeaders: null,
})
