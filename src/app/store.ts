import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '#base/clock.ts'
import type { Database } from '#store/database.ts'
import { migrate } from '#store/migrate.ts'
import { openSqlite } from '#store/sqlite.ts'
import type { Config } from '../config.ts'

/** Where the embedded store lies. */
export const storePath = ({ data }: Pick<Config, 'data'>): string => join(data, 'countersign.db')

/** Opens the store of the settings, in the form this release wants. The commands use it too, also while a server runs. */
export async function openStore(config: Config, now: Clock): Promise<Database> {
  await mkdir(config.data, { recursive: true, mode: 0o700 })
  const db = config.database
    ? (await import('#store/postgres.ts')).openPostgres(config.database, {
        pool: config.databasePool,
        listens: config.databaseListens,
      })
    : await openSqlite(storePath(config))
  try {
    await migrate(db, now())
    return db
  } catch (fault) {
    await db.close()
    throw fault
  }
}
