import { cpuOf } from './support/child.ts'
import { startBenchPostgres } from './support/database.ts'
import { atMost, type BenchOptions, median, type Report, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { finishedRows } from './support/grown.ts'
import { startServer } from './support/server.ts'
import { startSink } from './support/sink.ts'
import { openStock, type Place, type Stock, settingsOf } from './support/stock.ts'

const SIZES = [10_000, 1_000_000] as const
const COUNT = 2_000
const WARM_UP = 1_000
const APPS = 64

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

  const ratio = (engine: string) => {
    const [small, large] = sides.filter((side) => side.engine === engine)
    return median((large?.cpuUs ?? []).map((each, round) => each / (small?.cpuUs[round] ?? Number.NaN)))
  }
  return {
    name: 'growth',
    about:
      'a delivery in a store that has done many already; processor time of the server, and of PostgreSQL',
    rows: sides.map(({ engine, size, cpuUs, rates }) => ({
      store: engine,
      'finished deliveries': size,
      'CPU µs each min / med / max': spread(cpuUs, 1),
      'deliveries/s min / med / max': spread(rates),
    })),
    bars: (['SQLite', 'PostgreSQL'] as const).map((engine) =>
      atMost(`${engine}: CPU at a million, times that at ten thousand`, ratio(engine), 1.2),
    ),
  }
}
