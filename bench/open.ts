import { fileURLToPath } from 'node:url'
import { sql } from '#store/sql.ts'
import { startChild } from './support/child.ts'
import { type Asker, prepareClients } from './support/clients.ts'
import { ENGINES, type Engine, startBenchPostgres } from './support/database.ts'
import { atLeast, atMost, type BenchOptions, median, type Report, ratios, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { load, type Measured, UNDER_WAY } from './support/load.ts'
import { openBeside, type Place, settingsOf } from './support/place.ts'
import { startServer } from './support/server.ts'

const FLOORS = {
  sqlite: { file: fileURLToPath(new URL('./support/floor-open.ts', import.meta.url)), about: 'group commit' },
  postgres: {
    file: fileURLToPath(new URL('./support/floor-open-postgres.ts', import.meta.url)),
    about: 'one `unnest` for all that waits',
  },
}
/** Clients for each second of a round; a round in which all of them have asked ends early. */
const CLIENTS_A_SECOND = 10_000
const WARM_UP_SECONDS = 2
const RATE = 'answers/s, times the floor'
const CPU = 'CPU, times the floor'
const POSTGRES_CPU = 'PostgreSQL CPU, times the floor'

type Found = Measured & { postgresUs: number }

/** Opening a request: the whole server beside the least that one route with three durable rows can cost. */
export async function benchOpen({ stores, ...options }: BenchOptions): Promise<Report[]> {
  const reports: Report[] = []
  for (const engine of stores) reports.push(await openOn(engine, options))
  return reports
}

async function openOn(engine: Engine, { rounds, seconds, profile, say }: Omit<BenchOptions, 'stores'>) {
  await using folder = await temporaryFolder()
  await using postgres = engine === 'postgres' ? await startBenchPostgres() : undefined
  const place: Place = { data: folder.path, database: await postgres?.database() }
  const perRound = CLIENTS_A_SECOND * seconds
  const warmUp = CLIENTS_A_SECOND * WARM_UP_SECONDS
  say(`open: ${ENGINES[engine]}, preparing ${rounds * perRound + warmUp} clients`)
  const askers = await prepareClients(place, rounds * perRound + warmUp)

  await using ours = await startServer({ data: folder.path, env: settingsOf(place), profile })
  const floorsPlace = (await postgres?.database()) ?? folder.path
  await using floor = await startChild({
    args: [FLOORS[engine].file, floorsPlace],
    ready: /^Ready at (\S+)$/,
  })
  const sides = [
    { name: 'countersign', server: ours, found: [] as Found[] },
    { name: 'floor', server: { pid: floor.pid, address: floor.ready }, found: [] as Found[] },
  ] as const
  let asked = 0
  for (const { server, name } of sides) {
    const { answers } = await load(server, take(askers, warmUp, 0), WARM_UP_SECONDS)
    if (name === 'countersign') asked += answers
  }
  for (let round = 0; round < rounds; round += 1) {
    const own = take(askers, perRound, warmUp + round * perRound)
    // Whoever goes second finds a warmer or a busier machine: each goes first as often as the other.
    for (const { name, server, found } of round % 2 === 0 ? sides : [...sides].reverse()) {
      const before = postgres?.cpuUs() ?? 0
      const once = () => load(server, own, seconds)
      const measured = await (name === 'countersign' ? ours.profiled(nameOf(engine), once) : once())
      found.push({ ...measured, postgresUs: ((postgres?.cpuUs() ?? 0) - before) / measured.answers })
      if (name === 'countersign') asked += measured.answers
      say(`open: round ${round + 1}, ${name}: ${measured.rate.toFixed(0)} a second`)
    }
  }
  await ours.end()
  await requireOpened(place, asked, (rounds + 1) * UNDER_WAY)
  return report(engine, sides[0].found, sides[1].found)
}

const nameOf = (engine: Engine) => (engine === 'postgres' ? 'open-postgres' : 'open')

const take = (askers: Asker[], count: number, from: number) => askers.slice(from, from + count)

/** Each answer must have opened a request of its own; those whose answer was cut off at the end of a round come on top. */
async function requireOpened(place: Place, answers: number, cutOff: number) {
  const db = await openBeside(place)
  const [row] = await db.read<{ count: number }>(sql`select count(*) as count from token_requests`)
  await db.close()
  const count = row?.count ?? 0
  if (count < answers || count > answers + cutOff)
    throw new Error(`${answers} calls were answered, but ${count} requests were opened.`)
}

function report(engine: Engine, ours: Found[], floor: Found[]): Report {
  const times = (of: (found: Found) => number) => ratios(ours.map(of), floor.map(of))
  const [rates, cpus] = [times(({ rate }) => rate), times(({ cpuUs }) => cpuUs)]
  const postgresCpus = times(({ postgresUs }) => postgresUs)
  const isPostgres = engine === 'postgres'
  const row = (variant: string, found: Found[]) => ({
    variant,
    answers: found.reduce((sum, each) => sum + each.answers, 0),
    'answers/s': spread(found.map((each) => each.rate)),
    ...(found === ours ? { [RATE]: spread(rates) } : {}),
    'p50 ms': spread(found.map((each) => each.p50)),
    'p99 ms': spread(found.map((each) => each.p99)),
    'server CPU µs each': spread(found.map((each) => each.cpuUs)),
    ...(found === ours ? { [CPU]: spread(cpus) } : {}),
    ...(isPostgres ? { 'PostgreSQL CPU µs each': spread(found.map((each) => each.postgresUs)) } : {}),
    ...(isPostgres && found === ours ? { [POSTGRES_CPU]: spread(postgresCpus) } : {}),
  })
  return {
    name: nameOf(engine),
    about: `open a request, ${ENGINES[engine]}, 50 connections; floor: a bare Fastify route, three rows, ${FLOORS[engine].about}`,
    rows: [row('countersign', ours), row('floor', floor)],
    peers: ['floor'],
    bars: [
      atLeast('answers a second, times the floor', median(rates), 0.6, { column: RATE }),
      atMost('CPU of an answer, times the floor', median(cpus), 1.7, { column: CPU }),
      ...(isPostgres
        ? [
            atMost('PostgreSQL’s CPU, times the floor', median(postgresCpus), 1.7, {
              column: POSTGRES_CPU,
            }),
          ]
        : []),
    ],
  }
}
