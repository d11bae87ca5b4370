import { readdirSync, readFileSync } from 'node:fs'
import postgres from 'postgres'
import { startPostgres } from '../../test/support/postgres.ts'
import { cpuOf } from './child.ts'

export const ENGINES = { sqlite: 'SQLite', postgres: 'PostgreSQL' } as const
export type Engine = keyof typeof ENGINES

/** PostgreSQL of its own, whose processor time can be read. */
export async function startBenchPostgres() {
  const server = await startPostgres()
  const client = postgres(await server.database(), { max: 1 })
  const [row] = await client<{ pid: number }[]>`select pg_backend_pid() as pid`
  const root = parentOf(row?.pid ?? 0)
  await client.end()
  return {
    database: () => server.database(),
    /** Of all its processes so far, those that have ended included, in microseconds. */
    cpuUs: () =>
      cpuOf(root, true) + childrenOf(root).reduce((sum, pid) => sum + patiently(() => cpuOf(pid)), 0),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

function parentOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

const childrenOf = (root: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => patiently(() => parentOf(pid)) === root)

/** A process may end while it is looked at. */
function patiently(look: () => number): number {
  try {
    return look()
  } catch {
    return 0
  }
}
