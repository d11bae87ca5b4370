import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Pool } from 'undici'
import type { Person } from '../test/support/person.ts'
import { startReceiver } from '../test/support/receiver.ts'
import { addPerson, approveAndReceive, prepareRequests, type Waiting } from './support/approvals.ts'
import { startBenchPostgres } from './support/database.ts'
import { atMost, type BenchOptions, median, percentile, type Report } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { type BenchServer, startServer } from './support/server.ts'
import { openStock, type Place, type Stock, settingsOf } from './support/stock.ts'

const QUEUED = 10_000
const SAMPLES = 60
const WARM_UP = 30
const REST_MS = 10

interface Side {
  engine: 'SQLite' | 'PostgreSQL'
  isDead: boolean
  server: BenchServer
  stock: Stock
  pages: Pool
  person: Person
  requests: Waiting[]
  p99: number[]
  all: number[]
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
          p99: [] as number[],
          all: [] as number[],
        })
      }
    }
    for (const side of sides) await sample(side, WARM_UP)
    for (let round = 0; round < rounds; round += 1) {
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const ms = await sample(side, SAMPLES)
        side.all.push(...ms)
        side.p99.push(percentile(ms, 0.99))
      }
      say(
        `dead: round ${round + 1}: p99 ${sides.map(({ p99 }) => (p99.at(-1) ?? 0).toFixed(1)).join(', ')} ms`,
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

  const change = (engine: string, share: number) => {
    const [without, with_] = sides.filter((side) => side.engine === engine)
    return (percentile(with_?.all ?? [], share) / percentile(without?.all ?? [], share) - 1) * 100
  }
  return {
    name: 'dead',
    about: `healthy apps while ${QUEUED} deliveries wait for an endpoint that hangs; approve answered to POST received`,
    rows: sides.map(({ engine, isDead, all, p99 }) => ({
      store: engine,
      'the dead endpoint': isDead ? `${QUEUED} queued` : 'none',
      samples: all.length,
      'p50 ms': percentile(all, 0.5),
      'p99 ms': percentile(all, 0.99),
      'p99 of a round, median ms': median(p99),
    })),
    bars: (['SQLite', 'PostgreSQL'] as const).flatMap((engine) => [
      atMost(`${engine}: change of the p99, %`, change(engine, 0.99), 10),
      atMost(`${engine}: change of the p50, %`, change(engine, 0.5), 10),
    ]),
  }
}
