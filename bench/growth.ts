import { setTimeout as pause } from 'node:timers/promises'
import { sql } from '#store/sql.ts'
import { type Agent, addAgent, callsOf } from './support/agent.ts'
import { cpuOf, idleMemoryOf } from './support/child.ts'
import { startBenchPostgres } from './support/database.ts'
import { atMost, type BenchOptions, median, percentile, type Report, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { finishedRows } from './support/grown.ts'
import { measureCalls } from './support/measured.ts'
import { type Place, settingsOf } from './support/place.ts'
import { type BenchServer, startServer } from './support/server.ts'
import { startSink } from './support/sink.ts'
import { openStock, type Stock } from './support/stock.ts'

const SIZES = [10_000, 1_000_000]
const ENGINES = { sqlite: 'SQLite', postgres: 'PostgreSQL' } as const
const UNITS = ['ask', 'poll', 'redeem', 'deliver'] as const
type Unit = (typeof UNITS)[number]

const [FLOWS, WARM_UP] = [1_000, 300]
const AT_ONCE = 50
const APPS = 64
const IDLE_MS = 2_000
/** While old entries leave, as many ask at a time as would on a server that is not full. */
const AT_ONCE_BESIDE = 8
const BESIDE_MS = 15_000
/** The keeper looks each minute. */
const KEEPER_PATIENCE_MS = 90_000

export interface GrowthOptions extends Pick<BenchOptions, 'rounds' | 'say'> {
  store?: keyof typeof ENGINES | undefined
  /** Requests that ended long ago. */
  sizes?: readonly number[] | undefined
}

interface Side {
  engine: keyof typeof ENGINES
  size: number
  place: Place
  stock: Stock
  agent?: Agent
  apps: string[]
  cpuUs: Record<Unit, number[]>
  p99: Record<Unit, number[]>
  startMs: number[]
  mib: number[]
  beside?: { before: number; during: number; left: number }
}

/** What each unit of work costs in a store that has done much, beside one that has done little; and while old entries leave it. */
export async function benchGrowth({ rounds, say, store, sizes = SIZES }: GrowthOptions): Promise<Report> {
  await using sink = await startSink()
  const sides: Side[] = []
  for (const engine of store ? [store] : (['sqlite', 'postgres'] as const)) {
    // One store at a time is on the disk.
    await using folder = await temporaryFolder()
    await using postgres = engine === 'postgres' ? await startBenchPostgres() : undefined
    const own: Side[] = []
    try {
      for (const size of sizes) own.push(await fill(engine, size))
      for (let round = 0; round < rounds; round += 1)
        for (const side of round % 2 === 0 ? own : own.toReversed()) {
          await measure(side, postgres)
          const costs = UNITS.map((unit) => `${unit} ${side.cpuUs[unit].at(-1)?.toFixed(0)} µs`)
          say(`growth: round ${round + 1}, ${ENGINES[engine]}, ${side.size}: ${costs.join(', ')}`)
        }
      for (const side of own) await measureBeside(side)
    } finally {
      for (const { stock } of own) await stock.close()
    }
    sides.push(...own)

    async function fill(engine: Side['engine'], size: number): Promise<Side> {
      const data = `${folder.path}/${size}`
      const place: Place = postgres ? { data, database: await postgres.database() } : { data }
      const stock = await openStock(place)
      let saidAt = performance.now()
      await finishedRows(stock.db, size, (done) => {
        if (performance.now() - saidAt < 5_000) return
        saidAt = performance.now()
        say(`growth: ${ENGINES[engine]}, ${done} of ${size} requests laid down`)
      })
      const apps = await stock.apps(APPS, sink.url)
      const none = () => ({ ask: [], poll: [], redeem: [], deliver: [] })
      return { engine, size, place, stock, apps, cpuUs: none(), p99: none(), startMs: [], mib: [] }
    }
  }
  return report(sides)

  async function measure(side: Side, postgres: { cpuUs(): number } | undefined) {
    const { stock, place } = side
    await using server = await startGrown(place)
    side.startMs.push(server.startMs)
    side.mib.push(await idleMemoryOf(server.pid, IDLE_MS))
    side.agent ??= await addAgent(server, stock.db, FLOWS)
    const cpuUs = () => cpuOf(server.pid) + (postgres?.cpuUs() ?? 0)
    const note = (unit: Unit, { cpuUs, p99 }: { cpuUs: number; p99: number }) => {
      side.cpuUs[unit].push(cpuUs)
      side.p99[unit].push(p99)
    }

    const calls = callsOf(side.agent, server.address, AT_ONCE)
    const { users } = side.agent
    const flows = async (count: number) => {
      const how = { atOnce: AT_ONCE, cpuUs }
      const ask = await measureCalls(users.slice(0, count), how, calls.ask)
      const poll = await measureCalls(ask.answers, how, calls.poll)
      await measureCalls(ask.answers, how, calls.approve)
      const redeem = await measureCalls(ask.answers, how, calls.redeem)
      return { ask: ask.measured, poll: poll.measured, redeem: redeem.measured }
    }
    await flows(WARM_UP)
    const found = await flows(FLOWS)
    note('ask', found.ask)
    note('poll', found.poll)
    note('redeem', found.redeem)
    await calls.close()

    const deliver = async (count: number) => {
      await stock.layUp(count, side.apps, sink.url)
      await sink.take()
      const before = cpuUs()
      await stock.letGo()
      await stock.drained()
      const used = cpuUs() - before
      const { posts } = await sink.take()
      if (posts !== count) throw new Error(`${posts} posts came of ${count}.`)
      return { cpuUs: used / count, p99: Number.NaN }
    }
    await deliver(WARM_UP)
    note('deliver', await deliver(FLOWS))
  }

  /** How long asks take before the keeper lets old entries go, and while it does. */
  async function measureBeside(side: Side) {
    const { stock, place, agent, engine, size } = side
    if (!agent) return
    await using server = await startGrown(place, { COUNTERSIGN_AUDIT_RETENTION: '30d' })
    const calls = callsOf(agent, server.address, AT_ONCE_BESIDE)
    const p99Of = async (isOver: () => boolean) => {
      const latencies: number[] = []
      const work = async (_: unknown, nth: number) => {
        for (let at = nth; !isOver(); at += AT_ONCE_BESIDE) {
          const from = performance.now()
          await calls.ask(agent.users[at % agent.users.length] as string)
          latencies.push(performance.now() - from)
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE_BESIDE }, work))
      return percentile(latencies, 0.99)
    }
    const forMs = (ms: number) => {
      const end = performance.now() + ms
      return () => performance.now() > end
    }
    await p99Of(forMs(2_000))
    const before = await p99Of(forMs(BESIDE_MS))
    const sealed = await lastSize(stock)
    const all = await sealsLeft(stock, sealed)
    const giveUpAt = performance.now() + KEEPER_PATIENCE_MS
    let left = all
    while (left === all && performance.now() < giveUpAt) {
      await pause(200)
      left = await sealsLeft(stock, sealed)
    }
    if (left === all) throw new Error('The keeper let nothing go.')
    let isGone = false
    const looking = setInterval(async () => {
      left = await sealsLeft(stock, sealed)
      isGone = left <= 1
    }, 500)
    const until = forMs(BESIDE_MS)
    const during = await p99Of(() => isGone || until())
    clearInterval(looking)
    await calls.close()
    side.beside = { before, during, left: all - left }
    say(
      `growth: ${ENGINES[engine]}, ${size}: p99 of asks ${before.toFixed(1)} ms, while old entries leave ${during.toFixed(1)} ms`,
    )
  }
}

const startGrown = (place: Place, env: Record<string, string> = {}): Promise<BenchServer> =>
  startServer({
    data: place.data,
    env: {
      ...settingsOf(place),
      COUNTERSIGN_CIBA_HOLD: '0s',
      COUNTERSIGN_CIBA_RATE_LIMIT: '1000000/1s',
      COUNTERSIGN_CIBA_MOST_OPEN: '10000',
      ...env,
    },
  })

/** Of the checkpoints up to a size, those whose entries are still there. */
async function sealsLeft({ db }: Stock, upTo: number): Promise<number> {
  const [row] = await db.read<{ count: number }>(
    sql`select count(*) as count from event_leaves where size <= ${upTo}`,
  )
  return row?.count ?? 0
}

async function lastSize({ db }: Stock): Promise<number> {
  const [row] = await db.read<{ size: number }>(sql`select max(size) as size from event_leaves`)
  return row?.size ?? 0
}

function report(sides: readonly Side[]): Report {
  const smallest = (side: Side) => sides.find(({ engine }) => engine === side.engine) as Side
  const times = (side: Side, unit: Unit) =>
    median(side.cpuUs[unit].map((each, round) => each / (smallest(side).cpuUs[unit][round] ?? Number.NaN)))
  const grown = sides.filter((side) => side !== smallest(side))
  return {
    name: 'growth',
    about:
      'in a store in which many requests ended long ago; processor time of the server and of PostgreSQL for each ask, poll, redeemed result and delivery',
    rows: sides.map((side) => ({
      store: ENGINES[side.engine],
      'ended requests': side.size,
      ...Object.fromEntries(UNITS.map((unit) => [`${unit}, CPU µs`, spread(side.cpuUs[unit])])),
      'ask p99 ms': spread(side.p99.ask),
      'start ms': spread(side.startMs),
      'idle MiB': spread(side.mib),
      'ask p99 ms, 8 at a time': side.beside?.before ?? Number.NaN,
      'while old entries leave': side.beside?.during ?? Number.NaN,
      'checkpoints left meanwhile': side.beside?.left ?? 0,
    })),
    bars: [
      ...grown.flatMap((side) =>
        UNITS.map((unit) =>
          atMost(
            `${ENGINES[side.engine]}, ${side.size}: CPU of ${unit}, times that at ${smallest(side).size}`,
            times(side, unit),
            1.2,
          ),
        ),
      ),
      ...sides.map(({ engine, size, beside }) =>
        atMost(
          `${ENGINES[engine]}, ${size}: p99 of asks while old entries leave, times that before`,
          (beside?.during ?? Number.NaN) / (beside?.before ?? Number.NaN),
          2,
        ),
      ),
    ],
  }
}
