import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrate } from '#store/migrate.ts'
import { openSqlite } from '#store/sqlite.ts'

/** A store of its own in a folder of its own, in the form of this release. */
export async function startStore() {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-store-'))
  const path = join(folder, 'countersign.db')
  const db = await openSqlite(path)
  await migrate(db, Date.now())
  return Object.assign(db, {
    path,
    async [Symbol.asyncDispose]() {
      await db.close()
      await rm(folder, { recursive: true, force: true })
    },
  })
}
