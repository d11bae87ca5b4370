import { cpuOf } from './support/child.ts'
import { startBenchPostgres } from './support/database.ts'
import { atMost, type BenchOptions, median, type Report, ratios, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { finishedRows } from './support/grown.ts'
import { type Place, settingsOf } from './support/place.ts'
import { startServer } from './support/server.ts'
import { startSink } from './support/sink.ts'
import { openStock, type Stock } from './support/stock.ts'

const SIZES = [10_000, 1_000_000] as const
const COUNT = 2_000
const WARM_UP = 1_000
const APPS = 64
const TIMES = 'CPU, times the small store'

interface Side {
  engine: 'SQLite' | 'PostgreSQL'
  size: number
  place: Place
  stock: Stock
  apps: string[]
  cpuUs: number[]
  rates: number[]
}

/** What a delivery costs in a store that has done a million, beside one that has done ten thousand. */
export async function benchGrowth({ rounds, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  await using postgres = await startBenchPostgres()
  await using sink = await startSink()
  const sides: Side[] = []
  for (const engine of ['SQLite', 'PostgreSQL'] as const) {
    for (const size of SIZES) {
      const data = `${folder.path}/${engine}-${size}`
      const place: Place = engine === 'SQLite' ? { data } : { data, database: await postgres.database() }
      const stock = await openStock(place)
      say(`growth: ${engine}, loading ${size} finished deliveries`)
      await finishedRows(stock.db, size)
      const apps = await stock.apps(APPS, sink.url)
      sides.push({ engine, size, place, stock, apps, cpuUs: [], rates: [] })
    }
  }
  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const { place, stock, apps, engine, size } = side
        await using server = await startServer({ data: place.data, env: settingsOf(place) })
        const drain = async (count: number) => {
          await stock.layUp(count, apps, sink.url)
          await sink.take()
          const before = cpuOf(server.pid) + (place.database ? postgres.cpuUs() : 0)
          await stock.letGo()
          await stock.drained()
          const cpuUs = cpuOf(server.pid) + (place.database ? postgres.cpuUs() : 0) - before
          const seen = await sink.take()
          if (seen.posts !== count) throw new Error(`${seen.posts} posts came of ${count}.`)
          return { cpuUs: cpuUs / count, rate: (count - 1) / (seen.ms / 1_000) }
        }
        await drain(WARM_UP)
        const { cpuUs, rate } = await drain(COUNT)
        side.cpuUs.push(cpuUs)
        side.rates.push(rate)
        say(`growth: round ${round + 1}, ${engine}, ${size} rows: ${cpuUs.toFixed(0)} µs each`)
      }
    }
  } finally {
    for (const { stock } of sides) await stock.close()
  }

  const times = ({ engine, cpuUs }: Side) =>
    ratios(cpuUs, sides.find((side) => side.engine === engine)?.cpuUs ?? [])
  return {
    name: 'growth',
    about:
      'a delivery in a store that has done many already; processor time of the server, and of PostgreSQL',
    rows: sides.map((side) => ({
      store: side.engine,
      'finished deliveries': finished(side.size),
      'CPU µs each': spread(side.cpuUs),
      [TIMES]: spread(times(side)),
      'deliveries/s': spread(side.rates),
    })),
    peers: [finished(SIZES[0])],
    bars: sides
      .filter(({ size }) => size !== SIZES[0])
      .map((side) =>
        atMost(`${side.engine}: CPU at a million, times that at ten thousand`, median(times(side)), 1.2, {
          column: TIMES,
          cells: [side.engine],
        }),
      ),
  }
}

const finished = (count: number) => `${count.toLocaleString('en')} finished`
