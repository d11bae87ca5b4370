import { setTimeout as pause } from 'node:timers/promises'
import { sweepTallies } from '#audit/tally.ts'
import { type Clock, DAY } from '#base/clock.ts'
import { deleteEndedJwts, deleteLinkCodes } from '#clients/store.ts'
import { sweepClients } from '#requests/retire.ts'
import type { Database, Transaction } from '#store/database.ts'
import { deleteEndedRefreshTokens } from '#tokens/store.ts'
import {
  deleteOldAttempts,
  deleteOldChallenges,
  deleteOldProviderSignIns,
  deleteOldSessions,
} from '#users/store.ts'

/** Takes away at most so many of what nobody can use any more. @returns how many there were */
type Sweep = (tx: Transaction, now: number, most: number) => Promise<number>

const SWEEPS: readonly Sweep[] = [
  deleteOldChallenges,
  deleteOldSessions,
  deleteOldProviderSignIns,
  (tx, now, most) => deleteOldAttempts(tx, now - DAY, most),
  deleteEndedJwts,
  deleteEndedRefreshTokens,
  sweepTallies,
  (tx, now, most) => deleteLinkCodes(tx, now - DAY, most),
]

/** Rows of one transaction, a few milliseconds of work: whoever waits behind it should not feel it. */
const BITE = 500
/** Between two of them. */
const REST_MS = 20

/** Clears away what has ended, bite by bite. */
export async function clearAway(
  { db, now }: { db: Database; now: Clock },
  signal?: AbortSignal,
): Promise<void> {
  await db.transaction((tx) => sweepClients(tx, now()))
  for (const sweep of SWEEPS) {
    while (!signal?.aborted && (await db.transaction((tx) => sweep(tx, now(), BITE))) === BITE)
      await pause(REST_MS)
  }
}
