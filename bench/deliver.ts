import { cpuOf } from './support/child.ts'
import { startBenchPostgres } from './support/database.ts'
import { type Deliverer, startDeliverer, UNDER_WAY } from './support/deliverer.ts'
import { atLeast, atMost, type BenchOptions, median, type Report, ratios, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { type Place, settingsOf } from './support/place.ts'
import { startServer } from './support/server.ts'
import { startSink } from './support/sink.ts'
import { openStock } from './support/stock.ts'

const COUNT = 6_000
const WARM_UP = 2_000
/** graphile-worker without its local queue takes one job a statement. */
const SLOW_COUNT = 2_000
const SLOW_WARM_UP = 300
/** One app has eight posts under way at most. */
const APPS = 64
/** Posts alone. */
const BARE = 'undici'
const RATE = `deliveries/s, times ${BARE}`
const CPU = 'CPU, times the floor'

interface Measured {
  rate: number
  cpuUs: number
  postgresUs: number
}

interface Variant {
  name: string
  start(): Promise<Deliverer>
  isSlow?: boolean
  found: Measured[]
}

/** Deliveries of a long queue to an endpoint that answers at once, beside what else could do it. */
export async function benchDeliver({ rounds, profile, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  await using postgres = await startBenchPostgres()
  await using sink = await startSink()
  const of = (file: string, place: string) => () => startDeliverer(file, { url: sink.url, place })
  const [floors, peers] = [await postgres.database(), await postgres.database()]
  const ours = (place: Place) => () => startOurs(place, sink.url, profile)
  const variants: Variant[] = [
    { name: BARE, start: of('undici', ''), found: [] },
    { name: 'floor, SQLite', start: of('floor-sqlite', folder.path), found: [] },
    { name: 'countersign, SQLite', start: ours({ data: folder.path }), found: [] },
    { name: 'floor, PostgreSQL', start: of('floor-postgres', floors), found: [] },
    {
      name: 'countersign, PostgreSQL',
      start: ours({ data: `${folder.path}/postgres`, database: await postgres.database() }),
      found: [],
    },
    { name: 'graphile-worker', start: of('graphile', peers), isSlow: true, found: [] },
    { name: 'graphile-worker, tuned', start: of('graphile-tuned', peers), found: [] },
    { name: 'pg-boss', start: of('pg-boss', peers), found: [] },
  ]

  for (let round = 0; round < rounds; round += 1) {
    // Whoever goes second finds a warmer or a busier machine.
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      const measured = await measure(variant)
      variant.found.push(measured)
      say(`deliver: round ${round + 1}, ${variant.name}: ${measured.rate.toFixed(0)} a second`)
    }
  }
  return report(variants)

  async function measure({ start, isSlow }: Variant): Promise<Measured> {
    await using deliverer = await start()
    await deliverer.load(isSlow ? SLOW_WARM_UP : WARM_UP)
    await deliverer.drain()
    const count = isSlow ? SLOW_COUNT : COUNT
    await deliverer.load(count)
    await sink.take()
    const [cpuBefore, postgresBefore] = [deliverer.cpuUs(), postgres.cpuUs()]
    await deliverer.drain()
    const cpuUs = (deliverer.cpuUs() - cpuBefore) / count
    const postgresUs = (postgres.cpuUs() - postgresBefore) / count
    const seen = await sink.take()
    if (seen.posts !== count) throw new Error(`${seen.posts} posts came of ${count}.`)
    return { rate: (count - 1) / (seen.ms / 1_000), cpuUs, postgresUs }
  }
}

/** The whole server, on a store into which deliveries are laid from beside it. */
async function startOurs(place: Place, url: string, profile: string | undefined): Promise<Deliverer> {
  const server = await startServer({ data: place.data, env: settingsOf(place), profile })
  const stock = await openStock(place)
  const apps = await stock.apps(APPS, url)
  return {
    cpuUs: () => cpuOf(server.pid),
    load: (count) => stock.layUp(count, apps, url),
    async drain() {
      await server.profiled(place.database ? 'deliver-postgres' : 'deliver', async () => {
        await stock.letGo()
        await stock.drained()
      })
    },
    async [Symbol.asyncDispose]() {
      await stock.close()
      await server.end()
    },
  }
}

function report(variants: Variant[]): Report {
  const of = (name: string, key: keyof Measured) =>
    (variants.find((each) => each.name === name)?.found ?? []).map((each) => each[key])
  const times = (key: keyof Measured, ours: string, other: string) => ratios(of(ours, key), of(other, key))
  const rate = (ours: string, other: string, limit: number) =>
    atLeast(
      `${ours}: deliveries a second, times ${other}`,
      median(times('rate', ours, other)),
      limit,
      other === BARE ? { column: RATE, cells: [ours] } : undefined,
    )
  const cpu = (ours: string, floor: string) =>
    atMost(`${ours}: CPU, times the floor`, median(times('cpuUs', ours, floor)), 1.6, {
      column: CPU,
      cells: [ours],
    })
  const [sqlite, postgres] = ['countersign, SQLite', 'countersign, PostgreSQL']
  return {
    name: 'deliver',
    about: `a long queue, ${UNDER_WAY} posts under way; ours signs, peers post alone, as they come`,
    rows: variants.map(({ name }) => {
      const floor = name.replace('countersign', 'floor')
      return {
        variant: name,
        'deliveries/s': spread(of(name, 'rate')),
        [RATE]: spread(times('rate', name, BARE)),
        'CPU µs each': spread(of(name, 'cpuUs')),
        ...(floor === name ? {} : { [CPU]: spread(times('cpuUs', name, floor)) }),
        'PostgreSQL CPU µs each': spread(of(name, 'postgresUs')),
      }
    }),
    peers: variants.map(({ name }) => name).filter((name) => !name.startsWith('countersign')),
    bars: [
      rate(sqlite, BARE, 0.6),
      rate(postgres, BARE, 0.5),
      rate(postgres, 'graphile-worker, tuned', 1),
      rate(postgres, 'graphile-worker', 4),
      rate(postgres, 'pg-boss', 1),
      cpu(sqlite, 'floor, SQLite'),
      cpu(postgres, 'floor, PostgreSQL'),
    ],
  }
}
