import { setTimeout as pause } from 'node:timers/promises'
import { DAY } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Database, Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import { lastEvent } from './events.ts'

/** What is counted of each app. */
export const TALLIED = [
  'asked',
  'approved',
  'rejected',
  'expired',
  'withdrawn',
  'token_delivered',
  'token_undeliverable',
  'delivery_failed',
] as const
export type Tallied = (typeof TALLIED)[number]

const TICK_MS = 5_000
const BATCH = 2_000
/** Between two batches, so that a long way to catch up on holds up nobody who writes, in this process or another. */
const REST_MS = 50
/** So many days are kept. */
const KEPT_DAYS = 400

/** Number of the day, UTC. */
export const dayOf = (at: number): number => Math.floor(at / DAY)

/**
 * Counts what happens to each app by day, out of the audit log and a few seconds behind it: an ask writes nothing more
 * for it, and nobody ever counts the log to draw a picture. What is counted and how far share a commit, so that each
 * event counts once, whichever node does it and whenever it dies.
 */
export function startTally({ db, log }: { db: Database; log: Log }) {
  // Events up to the last one of the tick before: on many nodes a smaller number may be committed a moment later.
  let horizon = 0
  let isBusy = false
  let isStopping = false

  async function tick() {
    if (isBusy) return
    isBusy = true
    try {
      const upTo = horizon
      horizon = await lastEvent(db)
      while (!isStopping && (await tallyEvents(db, upTo)) === BATCH) await pause(REST_MS)
    } catch (fault) {
      log.error('What happened could not be counted.', fault)
    } finally {
      isBusy = false
    }
  }

  const timer = setInterval(tick, TICK_MS)
  timer.unref()
  return {
    stop() {
      isStopping = true
      clearInterval(timer)
    },
  }
}

/**
 * Counts events up to a number, at most a batch of them.
 *
 * @returns how many were read
 */
export async function tallyEvents(db: Database, upTo: number): Promise<number> {
  const [known] = await db.read<{ seq: number }>(sql`select seq from event_tally_position where id = 1`)
  if ((known?.seq ?? 0) >= upTo) return 0
  return db.transaction(async (tx) => {
    await tx.run(sql`insert into event_tally_position (id, seq) values (1, 0) on conflict do nothing`)
    const position = await tx.one<{ seq: number }>(
      sql`select seq from event_tally_position where id = 1 /* for update */`,
    )
    const from = position?.seq ?? 0
    const events = await tx.all<{ seq: number; clientId: string | null; kind: string; at: number }>(sql`
      select seq, client_id, kind, at
        from events where seq > ${from} and seq <= ${upTo} order by seq limit ${BATCH}`)
    for (const tally of tallied(events)) await addTally(tx, tally)
    const reached = events.length === BATCH ? (events.at(-1)?.seq ?? upTo) : upTo
    if (reached > from) await tx.run(sql`update event_tally_position set seq = ${reached} where id = 1`)
    return events.length
  })
}

interface Tally {
  clientId: string
  day: number
  kind: string
  count: number
}

function tallied(events: readonly { clientId: string | null; kind: string; at: number }[]): Tally[] {
  const tallies = new Map<string, Tally>()
  for (const { clientId, kind, at } of events) {
    if (clientId === null || !(TALLIED as readonly string[]).includes(kind)) continue
    const day = dayOf(at)
    const key = `${clientId} ${day} ${kind}`
    const tally = tallies.get(key) ?? { clientId, day, kind, count: 0 }
    tally.count += 1
    tallies.set(key, tally)
  }
  return [...tallies.values()]
}

const addTally = (tx: Transaction, { clientId, day, kind, count }: Tally) =>
  tx.run(sql`
    insert into event_tallies (client_id, day, kind, count) values (${clientId}, ${day}, ${kind}, ${count})
    on conflict (client_id, day, kind) do update set count = event_tallies.count + excluded.count`)

/** Counts of an app from a day on, in no order. */
export const talliesOfApp = (db: Database, clientId: string, fromDay: number) =>
  db.read<Omit<Tally, 'clientId'>>(sql`
    select day, kind, count from event_tallies where client_id = ${clientId} and day >= ${fromDay}`)

/** Forgets what is too old for any picture. */
export const sweepTallies = (tx: Transaction, now: number, most: number) =>
  tx.run(sql`
    delete from event_tallies
     where (client_id, day, kind) in (
       select client_id, day, kind from event_tallies where day < ${dayOf(now) - KEPT_DAYS} limit ${most})`)
