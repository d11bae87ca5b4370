import { setTimeout as pause } from 'node:timers/promises'
import { sweepTallies } from '#audit/tally.ts'
import { type Clock, DAY } from '#base/clock.ts'
import { deleteEndedJwts, deleteLinkCodes } from '#clients/store.ts'
import { forgetRequests } from '#requests/forget.ts'
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

/** Requests of one transaction; each has some ten rows in as many tables. */
const REQUESTS_BITE = 25

export interface SweepContext {
  db: Database
  now: Clock
  /** How long ended requests stay; undefined for ever. */
  requestRetentionMs?: number | undefined
}

/** Clears away what has ended, bite by bite. */
export async function clearAway(context: SweepContext, signal?: AbortSignal): Promise<void> {
  const { db, now } = context
  await db.transaction((tx) => sweepClients(tx, now()))
  for (const sweep of SWEEPS) {
    while (!signal?.aborted && (await db.transaction((tx) => sweep(tx, now(), BITE))) === BITE)
      await pause(REST_MS)
  }
  await forgetOld(context, signal)
}

async function forgetOld({ db, now, requestRetentionMs }: SweepContext, signal?: AbortSignal) {
  if (requestRetentionMs === undefined) return
  for (let after: string | undefined = ''; after !== undefined && !signal?.aborted; ) {
    const from: string = after
    const at = now()
    const bite = { endedBefore: at - requestRetentionMs, after: from, now: at, most: REQUESTS_BITE }
    const done = await db.transaction((tx) => forgetRequests(tx, bite))
    after = done.after
    if (done.forgotten > 0) await pause(REST_MS)
  }
}
