import { setTimeout as pause } from 'node:timers/promises'
import type { Database } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import { addClients, addPeople, askFor } from './support/approvals.ts'
import { startBenchPostgres } from './support/database.ts'
import { inParallel } from './support/drive.ts'
import { type BenchOptions, type Report, ratios, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { openBeside, type Place, settingsOf } from './support/place.ts'
import { startServer } from './support/server.ts'
import { startSink } from './support/sink.ts'

/** Whole flows for each second that is asked for. */
const FLOWS_A_SECOND = 500
const AT_ONCE = 8
/** A store is at rest then: what was gathered is written, the log is cut. */
const REST_MS = 3_000
const ALL = 'all tables'
const LOG = 'write-ahead log'

/** Bytes of each table with its indexes, and of the log where there is one that grows. */
type Sizes = Map<string, number>

/** How much a store grows by a request that was asked, approved and delivered, table by table. */
export async function benchSizes({ seconds, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  await using postgres = await startBenchPostgres()
  const flows = AT_ONCE * Math.ceil((FLOWS_A_SECOND * seconds) / AT_ONCE)
  const places: [string, Place][] = [
    ['SQLite', { data: `${folder.path}/sqlite` }],
    ['PostgreSQL', { data: `${folder.path}/postgres`, database: await postgres.database() }],
  ]
  const grown: Sizes[] = []
  for (const [engine, place] of places) {
    say(`sizes: ${engine}, ${flows} flows`)
    grown.push(await growthOf(place, flows))
  }
  const [sqlite, other] = grown as [Sizes, Sizes]
  const tables = [...new Set([...sqlite.keys(), ...other.keys()])].filter(
    (table) => Math.abs(sqlite.get(table) ?? 0) + Math.abs(other.get(table) ?? 0) >= 1,
  )
  const inOrder = tables.sort((a, b) => (other.get(b) ?? 0) - (other.get(a) ?? 0))
  return {
    name: 'sizes',
    about: `bytes by which a store grows with each request that is asked, approved and delivered, indexes included; ${flows} of them`,
    rows: inOrder.map((table) => {
      const [small, large] = [sqlite.get(table), other.get(table)]
      return {
        table,
        ...(small === undefined ? {} : { 'SQLite, bytes a request': spread([small]) }),
        ...(large === undefined ? {} : { 'PostgreSQL, bytes a request': spread([large]) }),
        ...(small && large ? { 'PostgreSQL, times SQLite': spread(ratios([large], [small])) } : {}),
      }
    }),
    bars: [],
  }
}

async function growthOf(place: Place, flows: number): Promise<Sizes> {
  await using sink = await startSink()
  await using server = await startServer({ data: place.data, env: settingsOf(place) })
  const people = await addPeople(server, AT_ONCE)
  const shares: { person: (typeof people)[number]; clients: Awaited<ReturnType<typeof addClients>> }[] = []
  for (const person of people)
    shares.push({ person, clients: await addClients(server, person, sink.url, flows / AT_ONCE) })
  const db = await openBeside(place)
  try {
    const before = await sizesOf(db)
    await inParallel(AT_ONCE, shares, async ({ person, clients }) => {
      for (const client of clients) {
        const answer = await person.approve(await askFor(server, client))
        await answer.text()
        if (!answer.ok) throw new Error(`approve: ${answer.status}`)
      }
    })
    await pause(REST_MS)
    const after = await sizesOf(db)
    return new Map([...after].map(([table, bytes]) => [table, (bytes - (before.get(table) ?? 0)) / flows]))
  } finally {
    await db.close()
  }
}

async function sizesOf(db: Database): Promise<Sizes> {
  const rows =
    db.engine === 'postgres'
      ? await db.read<{ name: string; bytes: number }>(sql`
          select relname as name, pg_total_relation_size(oid) as bytes
            from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`)
      : await db.read<{ name: string; bytes: number }>(sql`
          select schema.tbl_name as name, sum(pages.pgsize) as bytes
            from dbstat as pages join sqlite_schema as schema on schema.name = pages.name group by schema.tbl_name`)
  const sizes = new Map(rows.map(({ name, bytes }) => [name, Number(bytes)]))
  sizes.set(
    ALL,
    rows.reduce((sum, { bytes }) => sum + Number(bytes), 0),
  )
  if (db.engine === 'postgres') {
    const [log] = await db.read<{ bytes: number }>(
      sql`select cast(pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as bigint) as bytes`,
    )
    sizes.set(LOG, log?.bytes ?? 0)
  }
  return sizes
}
