import { setTimeout as pause } from 'node:timers/promises'
import { addPeople, prepareRequests } from './support/approvals.ts'
import { cpuOf } from './support/child.ts'
import { cryptographyAlone } from './support/cryptography.ts'
import { ENGINES, type Engine, startBenchPostgres } from './support/database.ts'
import { inParallel } from './support/drive.ts'
import { atMost, type BenchOptions, median, type Report, ratios, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { settingsOf } from './support/place.ts'
import { startServer } from './support/server.ts'
import { startSink } from './support/sink.ts'

/** Approvals for each second that is asked for. */
const APPROVALS_A_SECOND = 150
const WARM_UP = 80
const AT_ONCE = 8
const PATIENCE_MS = 30_000
const CPU = 'CPU, times the floor'
const FLOOR = 'floor: WebAuthn and ES256 alone'

interface Measured {
  rate: number
  cpuUs: number
  postgresUs: number
}

/**
 * An approval, all of it: the call that approves and the POST that it owes, which the same process makes, beside the
 * cryptography of the call alone.
 */
export async function benchDecide({ stores, ...options }: BenchOptions): Promise<Report[]> {
  const reports: Report[] = []
  for (const engine of stores) reports.push(await decideOn(engine, options))
  return reports
}

async function decideOn(engine: Engine, { rounds, seconds, profile, say }: Omit<BenchOptions, 'stores'>) {
  await using folder = await temporaryFolder()
  await using postgres = engine === 'postgres' ? await startBenchPostgres() : undefined
  const place = { data: folder.path, database: await postgres?.database() }
  await using sink = await startSink()
  await using server = await startServer({ data: folder.path, env: settingsOf(place), profile })
  const people = await addPeople(server, AT_ONCE)
  const alone = await cryptographyAlone()

  async function approveMany(count: number): Promise<Measured> {
    const shares = await Promise.all(
      people.map(async (person) => {
        const waiting = await prepareRequests(server, person, sink.url, count / AT_ONCE)
        return waiting.map(({ id, options }) => ({ person, id, credential: person.passkey.assert(options) }))
      }),
    )
    await sink.take()
    const [cpuBefore, postgresBefore, from] = [cpuOf(server.pid), postgres?.cpuUs() ?? 0, performance.now()]
    // One person approves one thing after the other, as the counter of a passkey wants it.
    const approveAll = async (own: (typeof shares)[number]) => {
      for (const { person, id, credential } of own) {
        const answer = await person.approveWith(id, credential)
        if (!answer.ok) throw new Error(`approve: ${answer.status} ${await answer.text()}`)
        await answer.text()
      }
    }
    await server.profiled(nameOf(engine), () => inParallel(AT_ONCE, shares, approveAll))
    const rate = count / ((performance.now() - from) / 1_000)
    await untilPosted(sink, count)
    return {
      rate,
      cpuUs: (cpuOf(server.pid) - cpuBefore) / count,
      postgresUs: ((postgres?.cpuUs() ?? 0) - postgresBefore) / count,
    }
  }

  const count = AT_ONCE * Math.ceil((APPROVALS_A_SECOND * seconds) / AT_ONCE)
  say(`decide: ${ENGINES[engine]}, warming up`)
  await approveMany(WARM_UP)
  await alone(WARM_UP)
  const [ours, floor]: [Measured[], Measured[]] = [[], []]
  const sides = [
    async () => void ours.push(await approveMany(count)),
    async () => void floor.push({ ...(await alone(count)), postgresUs: 0 }),
  ]
  for (let round = 0; round < rounds; round += 1) {
    for (const measure of round % 2 === 0 ? sides : sides.toReversed()) await measure()
    const us = [ours, floor].map((found) => found.at(-1)?.cpuUs.toFixed(0))
    say(`decide: round ${round + 1}: ${us.join(' µs, floor ')} µs each`)
  }
  return report(engine, count * rounds, ours, floor)
}

const nameOf = (engine: Engine) => (engine === 'postgres' ? 'decide-postgres' : 'decide')

async function untilPosted(sink: Awaited<ReturnType<typeof startSink>>, count: number) {
  const giveUpAt = performance.now() + PATIENCE_MS
  for (let posts = 0; posts < count; posts += (await sink.take()).posts) {
    if (performance.now() > giveUpAt) throw new Error(`${posts} posts came of ${count}.`)
    await pause(20)
  }
}

function report(engine: Engine, approvals: number, ours: Measured[], floor: Measured[]): Report {
  const times = ratios(
    ours.map(({ cpuUs }) => cpuUs),
    floor.map(({ cpuUs }) => cpuUs),
  )
  const isPostgres = engine === 'postgres'
  const row = (variant: string, found: Measured[]) => ({
    variant,
    approvals,
    'approvals/s': spread(found.map(({ rate }) => rate)),
    'CPU µs each': spread(found.map(({ cpuUs }) => cpuUs)),
    ...(found === ours ? { [CPU]: spread(times) } : {}),
    ...(isPostgres && found === ours
      ? { 'PostgreSQL CPU µs each': spread(found.map(({ postgresUs }) => postgresUs)) }
      : {}),
  })
  return {
    name: nameOf(engine),
    about: `approve, all of it and the POST it owes, ${ENGINES[engine]}, ${AT_ONCE} people at a time; floor: a passkey’s signature checked and a token signed, one at a time`,
    rows: [row('countersign', ours), row(FLOOR, floor)],
    peers: [FLOOR],
    bars: [atMost('CPU of an approval, times the floor', median(times), 1.5, { column: CPU })],
  }
}
