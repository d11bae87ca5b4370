import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Database, Transaction } from '#store/database.ts'
import { migrate } from '#store/migrate.ts'
import { openPostgres } from '#store/postgres.ts'
import { sql } from '#store/sql.ts'
import { openSqlite } from '#store/sqlite.ts'
import { newDatabase } from './engine.ts'

/** A store of its own in the form of this release: in a folder of its own, or in the database that is named. */
export async function startStore(databaseOf: () => Promise<string | undefined> = newDatabase) {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-store-'))
  const path = join(folder, 'countersign.db')
  const url = await databaseOf()
  const open = async () => (url ? openPostgres(url) : openSqlite(path))
  const db = await open()
  await migrate(db, Date.now())
  return Object.assign(db, {
    path,
    /** Opens the same store once more, as another process would. */
    again: open,
    async [Symbol.asyncDispose]() {
      await db.close()
      await rm(folder, { recursive: true, force: true })
    },
  })
}

/** Writes a row that means nothing. */
export const put = (tx: Transaction, name: string) =>
  tx.run(sql`insert into store_facts (name, value) values (${name}, ${new Uint8Array([1])})`)

/** Names of such rows. */
export const names = async (db: Database) =>
  (await db.read<{ name: string }>(sql`select name from store_facts order by name`)).map(({ name }) => name)
