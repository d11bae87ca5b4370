import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from '#store/sql.ts'
import { openSqlite } from '#store/sqlite.ts'
import { startChild } from './support/child.ts'
import { type Asker, prepareClients } from './support/clients.ts'
import { atLeast, atMost, type BenchOptions, median, type Report, ratios, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { load, type Measured, UNDER_WAY } from './support/load.ts'
import { startServer } from './support/server.ts'

const FLOOR = fileURLToPath(new URL('./support/floor-open.ts', import.meta.url))
/** Clients for each second of a round; a round in which all of them have asked ends early. */
const CLIENTS_A_SECOND = 10_000
const WARM_UP_SECONDS = 2
const RATE = 'answers/s, times the floor'
const CPU = 'CPU, times the floor'

/** Opening a request on SQLite: the whole server beside the least that one route with three durable rows can cost. */
export async function benchOpen({ rounds, seconds, profile, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  const perRound = CLIENTS_A_SECOND * seconds
  const warmUp = CLIENTS_A_SECOND * WARM_UP_SECONDS
  say(`open: preparing ${rounds * perRound + warmUp} clients`)
  const askers = await prepareClients(folder.path, rounds * perRound + warmUp)

  await using ours = await startServer({ data: folder.path, profile })
  await using floor = await startChild({ args: [FLOOR, folder.path], ready: /^Ready at (\S+)$/ })
  const sides = [
    { name: 'countersign', server: ours, found: [] as Measured[] },
    { name: 'floor', server: { pid: floor.pid, address: floor.ready }, found: [] as Measured[] },
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
      const measured = await load(server, own, seconds)
      found.push(measured)
      if (name === 'countersign') asked += measured.answers
      say(`open: round ${round + 1}, ${name}: ${measured.rate.toFixed(0)} a second`)
    }
  }
  await ours.end()
  await requireOpened(folder.path, asked, (rounds + 1) * UNDER_WAY)
  return report(sides[0].found, sides[1].found)
}

const take = (askers: Asker[], count: number, from: number) => askers.slice(from, from + count)

/** Each answer must have opened a request of its own; those whose answer was cut off at the end of a round come on top. */
async function requireOpened(data: string, answers: number, cutOff: number) {
  const db = await openSqlite(join(data, 'countersign.db'))
  const [row] = await db.read<{ count: number }>(sql`select count(*) as count from token_requests`)
  await db.close()
  const count = row?.count ?? 0
  if (count < answers || count > answers + cutOff)
    throw new Error(`${answers} calls were answered, but ${count} requests were opened.`)
}

function report(ours: Measured[], floor: Measured[]): Report {
  const times = (of: (found: Measured) => number) => ratios(ours.map(of), floor.map(of))
  const [rates, cpus] = [times(({ rate }) => rate), times(({ cpuUs }) => cpuUs)]
  const row = (variant: string, found: Measured[]) => ({
    variant,
    answers: found.reduce((sum, each) => sum + each.answers, 0),
    'answers/s': spread(found.map((each) => each.rate)),
    ...(found === ours ? { [RATE]: spread(rates) } : {}),
    'p50 ms': spread(found.map((each) => each.p50)),
    'p99 ms': spread(found.map((each) => each.p99)),
    'server CPU µs each': spread(found.map((each) => each.cpuUs)),
    ...(found === ours ? { [CPU]: spread(cpus) } : {}),
  })
  return {
    name: 'open',
    about: 'open a request, SQLite, 50 connections; floor: a bare Fastify route, three rows, group commit',
    rows: [row('countersign', ours), row('floor', floor)],
    peers: ['floor'],
    bars: [
      atLeast('answers a second, times the floor', median(rates), 0.6, { column: RATE }),
      atMost('CPU of an answer, times the floor', median(cpus), 1.7, { column: CPU }),
    ],
  }
}
