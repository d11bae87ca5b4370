import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { SHARED_POSTGRES, startPostgres } from './postgres.ts'

let postgres: Awaited<ReturnType<typeof startPostgres>> | undefined

/** Before the first file of a whole run: what every file would otherwise make for itself. */
export async function globalSetup() {
  // The machine is not cut off from its power here; what a killed process wrote, the system still has. And a run leaves
  // hundreds of databases, with nothing in them that is worth a look.
  postgres = await startPostgres({ flags: ['fsync=off', 'full_page_writes=off', 'autovacuum=off'] })
  await postgres.makeTemplate()
  process.env[SHARED_POSTGRES] = postgres.url
  // Each file is a process that loads the same modules.
  process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), `countersign-compiled-${userInfo().uid}`)
}

export const globalTeardown = () => postgres?.[Symbol.asyncDispose]()
