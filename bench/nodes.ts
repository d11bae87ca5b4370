import { prepareClients } from './support/clients.ts'
import { startBenchPostgres } from './support/database.ts'
import { atMost, type BenchOptions, median, type Report, ratios, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { load, type Measured } from './support/load.ts'
import { type Place, settingsOf } from './support/place.ts'
import { type BenchServer, startServer } from './support/server.ts'

const CLIENTS_A_SECOND = 6_000
const WARM_UP_SECONDS = 2
const TIMES = 'CPU of all, times one node'

interface Side {
  name: string
  place: Place
  servers: BenchServer[]
  askers: Awaited<ReturnType<typeof prepareClients>>
  found: (Measured & { postgresUs: number })[]
}

/** Opening a request by several nodes on one PostgreSQL, beside one node: what a further node costs, not what it gives. */
export async function benchNodes({ rounds, seconds, nodes, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  await using postgres = await startBenchPostgres()
  await using opened = new AsyncDisposableStack()
  const count = CLIENTS_A_SECOND * (rounds * seconds + WARM_UP_SECONDS)
  const names = ['1 node', `${nodes} nodes`]
  const sides: Side[] = []
  for (const [at, name] of names.entries()) {
    // Nodes share the master key in the folder.
    const place = { data: `${folder.path}/${at}`, database: await postgres.database() }
    say(`nodes: preparing ${count} clients for ${name}`)
    const askers = await prepareClients(place, count)
    const servers: BenchServer[] = []
    while (servers.length < (at === 0 ? 1 : nodes))
      servers.push(opened.use(await startServer({ data: place.data, env: settingsOf(place) })))
    sides.push({ name, place, servers, askers, found: [] })
  }

  async function measure({ servers, askers, found }: Side, isWarmUp: boolean) {
    const length = isWarmUp ? WARM_UP_SECONDS : seconds
    const before = postgres.cpuUs()
    const measured = await load(servers, askers.splice(0, CLIENTS_A_SECOND * length), length)
    if (!isWarmUp) found.push({ ...measured, postgresUs: (postgres.cpuUs() - before) / measured.answers })
    return measured.rate
  }

  for (const side of sides) await measure(side, true)
  for (let round = 0; round < rounds; round += 1) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      const rate = await measure(side, false)
      say(`nodes: round ${round + 1}, ${side.name}: ${rate.toFixed(0)} a second`)
    }
  }

  const cpu = ({ found }: Side) => found.map(({ cpuUs, postgresUs }) => cpuUs + postgresUs)
  const [one, many] = sides as [Side, Side]
  return {
    name: 'nodes',
    about: `open a request by ${nodes} nodes on one PostgreSQL, beside one node, 50 connections in all`,
    rows: sides.map((side) => ({
      variant: side.name,
      answers: side.found.reduce((sum, each) => sum + each.answers, 0),
      'answers/s': spread(side.found.map(({ rate }) => rate)),
      'p50 ms': spread(side.found.map(({ p50 }) => p50)),
      'p99 ms': spread(side.found.map(({ p99 }) => p99)),
      'CPU of the nodes µs each': spread(side.found.map(({ cpuUs }) => cpuUs)),
      'PostgreSQL CPU µs each': spread(side.found.map(({ postgresUs }) => postgresUs)),
      ...(side === many ? { [TIMES]: spread(ratios(cpu(many), cpu(one))) } : {}),
    })),
    peers: [one.name],
    bars: [
      atMost(
        `CPU of nodes and PostgreSQL for a request, times that with one node`,
        median(ratios(cpu(many), cpu(one))),
        1.2,
        {
          column: TIMES,
        },
      ),
    ],
  }
}
