import { setTimeout as pause } from 'node:timers/promises'
import { SECOND } from '#base/clock.ts'
import type { Database } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import { lastEvent } from './events.ts'

/** Where the database does not tell who is writing, no transaction is taken to last longer. */
const SETTLE_MS = 5 * SECOND

/**
 * Up to which number no event can come any more. On PostgreSQL a transaction may take its number before another one and
 * commit after it, or never: a number that is missing says nothing until its writer is gone. So who writes is noted now,
 * and looked at again a little later. A writer holds its lock on the table from before it takes a number until it is over.
 *
 * @returns undefined while one of those writers is still at it
 */
export async function settledUpTo(db: Database, signal?: AbortSignal): Promise<number | undefined> {
  const last = await lastEvent(db)
  // One writer after the other: what is there is all there will be.
  if (db.engine === 'sqlite') return last
  const writers = new Set(await writersNow(db))
  await pause(SETTLE_MS, undefined, signal && { signal })
  return (await writersNow(db)).some((each) => writers.has(each)) ? undefined : last
}

async function writersNow(db: Database): Promise<string[]> {
  const rows = await db.read<{ name: string }>(sql`
    select distinct virtualtransaction as name
      from pg_locks where relation = 'events'::regclass and mode = 'RowExclusiveLock'`)
  return rows.map(({ name }) => name)
}
