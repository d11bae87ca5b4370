import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Pool } from 'undici'
import type { Person } from '../test/support/person.ts'
import { startReceiver } from '../test/support/receiver.ts'
import { addPerson, approveAndReceive, prepareRequests, type Waiting } from './support/approvals.ts'
import { cpuOf } from './support/child.ts'
import { startBenchPostgres } from './support/database.ts'
import {
  atMost,
  type BenchOptions,
  median,
  percentile,
  type Report,
  ratios,
  spread,
} from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { type Place, settingsOf } from './support/place.ts'
import { type BenchServer, startServer } from './support/server.ts'
import { openStock, type Stock } from './support/stock.ts'

const QUEUED = 10_000
const SAMPLES = 60
const WARM_UP = 30
const REST_MS = 10
const NONE = 'none'
const TIMES_50 = 'p50, times that with none'
const TIMES_99 = 'p99, times that with none'

interface Side {
  engine: 'SQLite' | 'PostgreSQL'
  isDead: boolean
  server: BenchServer
  stock: Stock
  pages: Pool
  person: Person
  requests: Waiting[]
  rounds: number[][]
  cpuUs: number[]
}

/**
 * Ten thousand deliveries wait for an endpoint that takes calls and never answers: what do healthy apps feel of it? From
 * the answered approval to the POST, one at a time.
 */
export async function benchDead({ rounds, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  await using postgres = await startBenchPostgres()
  await using receiver = await startReceiver()
  const hanging = createServer(() => {})
  await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve))
  const deadUrl = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}/token`
  const sides: Side[] = []
  try {
    for (const engine of ['SQLite', 'PostgreSQL'] as const) {
      for (const isDead of [false, true]) {
        const data = `${folder.path}/${engine}-${isDead}`
        const place: Place = engine === 'SQLite' ? { data } : { data, database: await postgres.database() }
        const server = await startServer({ data, env: settingsOf(place) })
        const stock = await openStock(place)
        const person = await addPerson(server)
        const requests = await prepareRequests(server, person, receiver.url, WARM_UP + rounds * SAMPLES)
        if (isDead) {
          say(`dead: ${engine}, queueing ${QUEUED} for the dead endpoint`)
          await stock.layUp(QUEUED, await stock.apps(1, deadUrl), deadUrl)
          await stock.letGo()
        }
        const pages = new Pool(server.address)
        sides.push({
          engine,
          isDead,
          server,
          stock,
          pages,
          person,
          requests,
          rounds: [],
          cpuUs: [],
        })
      }
    }
    for (const side of sides) await sample(side, WARM_UP)
    for (let round = 0; round < rounds; round += 1) {
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const before = cpuOf(side.server.pid)
        side.rounds.push(await sample(side, SAMPLES))
        side.cpuUs.push((cpuOf(side.server.pid) - before) / SAMPLES)
      }
      say(
        `dead: round ${round + 1}: p99 ${sides.map(({ rounds }) => percentile(rounds.at(-1) ?? [], 0.99).toFixed(1)).join(', ')} ms`,
      )
    }
  } finally {
    for (const { stock, server, pages } of sides) {
      await pages.destroy()
      await stock.close()
      await server.end()
    }
    hanging.closeAllConnections()
    hanging.close()
  }

  async function sample({ server, pages, person, requests }: Side, count: number) {
    const ms: number[] = []
    for (const { id, options } of requests.splice(0, count)) {
      const credential = person.passkey.assert(options)
      ms.push((await approveAndReceive({ server, pages, person, receiver }, id, credential)).afterAnswer)
      await pause(REST_MS)
    }
    return ms
  }

  const shareOf = ({ rounds }: Side, share: number) => rounds.map((each) => percentile(each, share))
  const times = (side: Side, share: number) => {
    const healthy = sides.find(({ engine, isDead }) => engine === side.engine && !isDead) ?? side
    return ratios(shareOf(side, share), shareOf(healthy, share))
  }
  return {
    name: 'dead',
    about: `healthy apps while ${QUEUED} deliveries wait for an endpoint that hangs; approve answered to POST received`,
    rows: sides.map((side) => ({
      store: side.engine,
      'the dead endpoint': side.isDead ? `${QUEUED} queued` : NONE,
      samples: side.rounds.flat().length,
      'p50 ms': spread(shareOf(side, 0.5)),
      [TIMES_50]: spread(times(side, 0.5)),
      'p99 ms': spread(shareOf(side, 0.99)),
      [TIMES_99]: spread(times(side, 0.99)),
      'server CPU µs each': spread(side.cpuUs),
    })),
    peers: [NONE],
    bars: sides
      .filter(({ isDead }) => isDead)
      .flatMap((side) => [
        atMost(`${side.engine}: p99, times that with no dead endpoint`, median(times(side, 0.99)), 1.1, {
          column: TIMES_99,
          cells: [side.engine],
        }),
        atMost(`${side.engine}: p50, times that with no dead endpoint`, median(times(side, 0.5)), 1.1, {
          column: TIMES_50,
          cells: [side.engine],
        }),
      ]),
  }
}
