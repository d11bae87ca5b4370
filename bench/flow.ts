import type { Person } from '../test/support/person.ts'
import { startReceiver } from '../test/support/receiver.ts'
import { type AppClient, addClients, addPeople, askFor } from './support/approvals.ts'
import { cpuOf } from './support/child.ts'
import { cryptographyAlone } from './support/cryptography.ts'
import { ENGINES, type Engine, startBenchPostgres } from './support/database.ts'
import { inParallel } from './support/drive.ts'
import { type BenchOptions, percentile, type Report, ratios, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { settingsOf } from './support/place.ts'
import { startServer } from './support/server.ts'

/** Whole flows for each second that is asked for. */
const FLOWS_A_SECOND = 75
const WARM_UP = 80
const AT_ONCE = 8
const FLOOR = 'floor: WebAuthn and ES256 alone'
const CPU = 'CPU, times the floor'

interface Measured {
  rate: number
  cpuUs: number
  postgresUs: number
  ms: number[]
}

/** Asked, read, approved, delivered: the whole way of a token, beside the cryptography that no way can do without. */
export async function benchFlow({ stores, ...options }: BenchOptions): Promise<Report[]> {
  const reports: Report[] = []
  for (const engine of stores) reports.push(await flowOn(engine, options))
  return reports
}

async function flowOn(engine: Engine, { rounds, seconds, profile, say }: Omit<BenchOptions, 'stores'>) {
  await using folder = await temporaryFolder()
  await using postgres = engine === 'postgres' ? await startBenchPostgres() : undefined
  await using receiver = await startReceiver()
  const env = settingsOf({ data: folder.path, database: await postgres?.database() })
  await using server = await startServer({ data: folder.path, env, profile })
  const people = await addPeople(server, AT_ONCE)
  const alone = await cryptographyAlone()

  async function flows(count: number): Promise<Measured> {
    const shares: { person: Person; clients: AppClient[] }[] = []
    for (const person of people)
      shares.push({ person, clients: await addClients(server, person, receiver.url, count / AT_ONCE) })
    const ms: number[] = []
    const before = receiver.posts.length
    const [cpuBefore, postgresBefore, from] = [cpuOf(server.pid), postgres?.cpuUs() ?? 0, performance.now()]
    const flowsOf = async ({ person, clients }: (typeof shares)[number]) => {
      for (const client of clients) {
        const begunAt = performance.now()
        const answer = await person.approve(await askFor(server, client))
        if (!answer.ok) throw new Error(`approve: ${answer.status} ${await answer.text()}`)
        await answer.text()
        ms.push(performance.now() - begunAt)
      }
    }
    await server.profiled(nameOf(engine), async () => {
      await inParallel(AT_ONCE, shares, flowsOf)
      await receiver.received(before + count, 60_000)
    })
    return {
      rate: count / ((performance.now() - from) / 1_000),
      cpuUs: (cpuOf(server.pid) - cpuBefore) / count,
      postgresUs: ((postgres?.cpuUs() ?? 0) - postgresBefore) / count,
      ms,
    }
  }

  const count = AT_ONCE * Math.ceil((FLOWS_A_SECOND * seconds) / AT_ONCE)
  say(`flow: ${ENGINES[engine]}, warming up`)
  await flows(WARM_UP)
  await alone(WARM_UP)
  const [ours, floor]: [Measured[], Measured[]] = [[], []]
  const sides = [
    async () => void ours.push(await flows(count)),
    async () => void floor.push({ ...(await alone(count)), postgresUs: 0, ms: [] }),
  ]
  for (let round = 0; round < rounds; round += 1) {
    for (const measure of round % 2 === 0 ? sides : sides.toReversed()) await measure()
    say(`flow: round ${round + 1}: ${ours.at(-1)?.rate.toFixed(0)} a second`)
  }
  return report(engine, count * rounds, ours, floor)
}

const nameOf = (engine: Engine) => (engine === 'postgres' ? 'flow-postgres' : 'flow')

function report(engine: Engine, flows: number, ours: Measured[], floor: Measured[]): Report {
  const isPostgres = engine === 'postgres'
  const times = ratios(
    ours.map(({ cpuUs }) => cpuUs),
    floor.map(({ cpuUs }) => cpuUs),
  )
  return {
    name: nameOf(engine),
    about: `ask, review, approve, delivered: whole flows, ${ENGINES[engine]}, ${AT_ONCE} people at a time; floor: the cryptography of an approval, one at a time`,
    rows: [
      {
        variant: 'countersign',
        flows,
        'flows/s': spread(ours.map(({ rate }) => rate)),
        'CPU µs each': spread(ours.map(({ cpuUs }) => cpuUs)),
        [CPU]: spread(times),
        ...(isPostgres ? { 'PostgreSQL CPU µs each': spread(ours.map(({ postgresUs }) => postgresUs)) } : {}),
        'asked to approved, p50 ms': spread(ours.map(({ ms }) => percentile(ms, 0.5))),
        'asked to approved, p99 ms': spread(ours.map(({ ms }) => percentile(ms, 0.99))),
      },
      {
        variant: FLOOR,
        flows,
        'flows/s': spread(floor.map(({ rate }) => rate)),
        'CPU µs each': spread(floor.map(({ cpuUs }) => cpuUs)),
      },
    ],
    peers: [FLOOR],
    bars: [],
  }
}
