import { setTimeout as pause } from 'node:timers/promises'
import { Pool } from 'undici'
import { startReceiver } from '../test/support/receiver.ts'
import { addPerson, approveAndReceive, prepareRequests } from './support/approvals.ts'
import { startBenchPostgres } from './support/database.ts'
import { atMost, type BenchOptions, percentile, type Report } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { startServer } from './support/server.ts'
import { settingsOf } from './support/stock.ts'

const SAMPLES_A_ROUND = 60
const WARM_UP = 40
const REST_MS = 60

/**
 * Approved on one node, delivered by another: from the approval to the POST, over one PostgreSQL. The node that is asked
 * does no work itself (`COUNTERSIGN_WORKER=0`), so the way by NOTIFY to the other one is always in it.
 */
export async function benchHop({ rounds, profile, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  await using postgres = await startBenchPostgres()
  await using receiver = await startReceiver()
  // One folder: the nodes share the master key in it.
  const env = settingsOf({ data: folder.path, database: await postgres.database() })
  await using worker = await startServer({ data: folder.path, env, profile })
  await using asked = await startServer({ data: folder.path, env: { ...env, COUNTERSIGN_WORKER: '0' } })
  const pages = new Pool(asked.address)
  const found = { all: [] as number[], afterAnswer: [] as number[] }
  try {
    const person = await addPerson(asked)
    const count = WARM_UP + rounds * SAMPLES_A_ROUND
    say(`hop: preparing ${count} requests; node ${worker.pid} delivers what ${asked.pid} approves`)
    const waiting = await prepareRequests(asked, person, receiver.url, count)
    for (const [index, request] of waiting.entries()) {
      const credential = person.passkey.assert(request.options)
      const stage = { server: asked, pages, person, receiver }
      const approved = await approveAndReceive(stage, request.id, credential)
      await pause(REST_MS)
      if (index < WARM_UP) continue
      found.all.push(approved.all)
      found.afterAnswer.push(approved.afterAnswer)
    }
  } finally {
    await pages.destroy()
  }

  const row = (path: string, values: number[]) => ({
    path,
    samples: values.length,
    'p50 ms': percentile(values, 0.5),
    'p99 ms': percentile(values, 0.99),
    'max ms': Math.max(...values),
  })
  return {
    name: 'hop',
    about: 'approved on one node, delivered by another, over one PostgreSQL',
    rows: [
      row('approve sent to POST received', found.all),
      row('approve answered to POST received', found.afterAnswer),
    ],
    bars: [
      atMost('p99 from the answered decision, ms', percentile(found.afterAnswer, 0.99), 20),
      atMost('p99 from the call, ms', percentile(found.all, 0.99), 20),
    ],
  }
}
