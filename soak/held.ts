import { setTimeout as pause } from 'node:timers/promises'
import postgres from 'postgres'
import { addAgent, callsOf } from '../bench/support/agent.ts'
import { cpuOf } from '../bench/support/child.ts'
import { startBenchPostgres } from '../bench/support/database.ts'
import { inParallel } from '../bench/support/drive.ts'
import { atMost, median, type Report, spread } from '../bench/support/figures.ts'
import { temporaryFolder } from '../bench/support/folder.ts'
import { settingsOf } from '../bench/support/place.ts'
import { startServer } from '../bench/support/server.ts'
import { startSink } from '../bench/support/sink.ts'
import { openStock } from '../bench/support/stock.ts'
import type { SoakOptions } from './options.ts'

const [DELIVERIES, FLOWS, AT_ONCE, APPS] = [500, 100, 20, 64]
const BATCHES_BESIDE = 4
const REST_MS = 3_000
const TABLES = ['outbox', 'token_requests', 'request_handles', 'deliveries'] as const

interface Batch {
  /** Of the server and of PostgreSQL. */
  deliverUs: number
  /** Of PostgreSQL while nothing is to be done: what looking for work costs, in milliseconds a second. */
  restMs: number
  dead: Record<string, number>
}

/**
 * Somebody forgets a transaction on PostgreSQL: while it is open, no row that was deleted or changed since can be cleared
 * away. How many lie about, and what looking for work and delivering cost then, and after.
 */
export async function soakHeld({ minutes = 2, say }: SoakOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  await using cluster = await startBenchPostgres()
  await using sink = await startSink()
  const place = { data: folder.path, database: await cluster.database() }
  const stock = await openStock(place)
  await using server = await startServer({
    data: place.data,
    env: { ...settingsOf(place), COUNTERSIGN_CIBA_HOLD: '0s', COUNTERSIGN_CIBA_RATE_LIMIT: '1000000/1s' },
  })
  const agent = await addAgent(server, stock.db, FLOWS)
  const apps = await stock.apps(APPS, sink.url)
  const calls = callsOf(agent, server.address, AT_ONCE)
  const client = postgres(place.database, { max: 2, onnotice: () => {} })
  try {
    say('before: nothing is held')
    await batch()
    const before = await batches(BATCHES_BESIDE)

    const held = await client.reserve()
    await held`begin isolation level repeatable read`
    await held`select count(*) from outbox`
    say(`held: a transaction stays open for ${minutes} min`)
    const during: Batch[] = []
    const end = performance.now() + minutes * 60_000
    while (performance.now() < end || during.length < BATCHES_BESIDE) {
      during.push(await batch())
      const { dead, deliverUs, restMs } = during.at(-1) as Batch
      say(
        `held: outbox ${dead.outbox} dead rows, a delivery ${deliverUs.toFixed(0)} µs, at rest ${restMs.toFixed(0)} ms a second`,
      )
    }
    await held`rollback`
    held.release()

    say('after: the tables are vacuumed, as autovacuum would within a minute or so')
    for (const table of TABLES) await client.unsafe(`vacuum ${table}`)
    const after = await batches(BATCHES_BESIDE)
    return report(minutes, { before, held: during.slice(-BATCHES_BESIDE), after })
  } finally {
    await calls.close()
    await client.end()
    await stock.close()
  }

  async function batches(count: number): Promise<Batch[]> {
    const found: Batch[] = []
    while (found.length < count) found.push(await batch())
    return found
  }

  /** Asks, approvals and results, then deliveries, then a rest. */
  async function batch(): Promise<Batch> {
    await inParallel(AT_ONCE, agent.users, async (user) => {
      const handle = await calls.ask(user)
      await calls.approve(handle)
      await calls.redeem(handle)
    })
    await stock.layUp(DELIVERIES, apps, sink.url)
    const used = () => cpuOf(server.pid) + cluster.cpuUs()
    const from = used()
    await stock.letGo()
    await stock.drained()
    const deliverUs = (used() - from) / DELIVERIES
    const restFrom = cluster.cpuUs()
    await pause(REST_MS)
    const restMs = (cluster.cpuUs() - restFrom) / REST_MS
    const rows = await client<{ relname: string; dead: string }[]>`
      select relname, n_dead_tup as dead from pg_stat_user_tables where relname in ${client(TABLES)}`
    const dead = Object.fromEntries(rows.map((row) => [row.relname, Number(row.dead)]))
    return { deliverUs, restMs, dead }
  }
}

function report(minutes: number, phases: Record<'before' | 'held' | 'after', Batch[]>): Report {
  const mid = (phase: keyof typeof phases, of: (each: Batch) => number) => median(phases[phase].map(of))
  const times = (phase: 'held' | 'after', of: (each: Batch) => number) => mid(phase, of) / mid('before', of)
  const [deliver, rest] = [(each: Batch) => each.deliverUs, (each: Batch) => each.restMs]
  return {
    name: 'held',
    about: `dead rows of PostgreSQL: before, at the end of ${minutes} min in which a transaction was open, and after it and a vacuum`,
    rows: (['before', 'held', 'after'] as const).map((phase) => ({
      phase,
      ...Object.fromEntries(
        TABLES.map((table) => [`dead in ${table}`, phases[phase].at(-1)?.dead[table] ?? 0]),
      ),
      'CPU µs a delivery': spread(phases[phase].map(deliver)),
      'CPU ms a second at rest': spread(phases[phase].map(rest)),
    })),
    bars: [
      atMost('CPU of a delivery while held, times that before', times('held', deliver), 2),
      atMost('CPU of a delivery after, times that before', times('after', deliver), 1.2),
      atMost('CPU at rest after, times that before', times('after', rest), 1.5),
    ],
  }
}
