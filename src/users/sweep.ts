import { DAY } from '#base/clock.ts'
import type { Transaction } from '#store/database.ts'
import {
  deleteOldAttempts,
  deleteOldChallenges,
  deleteOldProviderSignIns,
  deleteOldSessions,
} from './store.ts'

/** Clears away what nobody can use any more. */
export async function sweepUsers(tx: Transaction, now: number): Promise<void> {
  await deleteOldChallenges(tx, now)
  await deleteOldSessions(tx, now)
  await deleteOldProviderSignIns(tx, now)
  await deleteOldAttempts(tx, now - DAY)
}
