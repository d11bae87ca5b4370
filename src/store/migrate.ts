import { readdir, readFile } from 'node:fs/promises'
import type { Database } from './database.ts'
import { sql } from './sql.ts'

const FOLDER = new URL('./migrations/', import.meta.url)

/** Names of all that this release knows for an engine, in their order. */
export const migrationNames = async (engine: Database['engine'], folder = FOLDER): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith(`.${engine}.sql`)).sort()

/**
 * Brings the store to the form this release wants. Each migration runs once, in a transaction of its own that also
 * notes its name; a second process that starts at the same time waits for the first and finds nothing to do. What a
 * newer release has added meanwhile is let be: it only ever adds what an older one need not know (docs/postgres.md).
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

  return db.transaction(async (tx) => {
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
}

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
