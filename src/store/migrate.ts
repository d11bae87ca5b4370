import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { StoreUnavailable } from '#base/errors.ts'
import type { Database } from './database.ts'
import { sql } from './sql.ts'

const FOLDER = new URL('./migrations/', import.meta.url)

/** Names of all that this release knows for an engine, in their order. */
export const migrationNames = async (engine: Database['engine'], folder = FOLDER): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith(`.${engine}.sql`)).sort()

/**
 * Brings the store to the form this release wants. Each migration runs once, in a transaction of its own that also
 * notes its name; a second process that starts at the same time waits for the first and finds nothing to do. What a
 * newer release has added meanwhile is let be: it only ever adds what an older one need not know (docs/upgrading.md).
 *
 * @param folder where the migrations lie, for tests of what a later release may do
 * @returns the names of those that ran now
 */
export async function migrate(db: Database, now: number, folder = FOLDER): Promise<string[]> {
  const names = await migrationNames(db.engine, folder)
  const scripts = await Promise.all(
    names.map(async (name) => ({ name, text: await readFile(new URL(name, folder), 'utf8') })),
  )
  await makeTable(db)
  return patiently(() => runDue(db, now, scripts))
}

const runDue = (db: Database, now: number, scripts: { name: string; text: string }[]) =>
  db.transaction(async (tx) => {
    if (tx.engine === 'postgres') await tx.script(`set local lock_timeout = '${LOCK_PATIENCE}'`)
    // Who holds this row migrates; the others wait here.
    await tx.run(
      sql`insert into schema_migrations (name, applied_at) values ('lock', 0) on conflict do nothing`,
    )
    await tx.one(sql`select name from schema_migrations where name = 'lock' /* for update */`)
    const rows = await tx.all<{ name: string }>(sql`select name from schema_migrations`)
    const done = new Set(rows.map((row) => row.name))
    const due = scripts.filter(({ name }) => !done.has(name))
    for (const { name, text } of due) {
      await tx.script(text)
      await tx.run(sql`insert into schema_migrations (name, applied_at) values (${name}, ${now})`)
    }
    return due.map(({ name }) => name)
  })

/** While a change of a table waits for its lock, everything else that wants the table waits behind it: not for long. */
const LOCK_PATIENCE = '1s'
const LOCK_PAUSE_MS = 2_000
/** A dump holds its locks until it is done. */
const LOCK_TRIES = 30

/** Repeats what came upon a lock, with a while between in which the others go on. @throws StoreUnavailable in the end */
async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt()
    } catch (fault) {
      if ((fault as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw fault
      if (tries === LOCK_TRIES) throw new StoreUnavailable(LOCKED, { cause: fault })
      await pause(LOCK_PAUSE_MS)
    }
  }
}

/** PostgreSQL, appendix A. */
const LOCK_NOT_AVAILABLE = '55P03'
const LOCKED =
  'The tables cannot be brought to the form of this release: something holds them, a pg_dump perhaps. Wait for it, then start again.'

/** In PostgreSQL even `if not exists` can lose a race against another process: then the other one has made it. */
async function makeTable(db: Database): Promise<void> {
  const make = () =>
    db.transaction((tx) =>
      tx.script(
        'create table if not exists schema_migrations (name text primary key, applied_at bigint not null)',
      ),
    )
  await make().catch(make)
}
