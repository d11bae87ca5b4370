import { setTimeout as pause } from 'node:timers/promises'
import { Pool } from 'undici'
import { startReceiver } from '../test/support/receiver.ts'
import { addPerson, approveAndReceive, postAlone, prepareRequests } from './support/approvals.ts'
import { cpuOf } from './support/child.ts'
import { startBenchPostgres } from './support/database.ts'
import {
  atMost,
  type BenchOptions,
  median,
  percentile,
  type Report,
  ratios,
  roundOf,
  spread,
} from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { settingsOf } from './support/place.ts'
import { startServer } from './support/server.ts'

const SAMPLES_A_ROUND = 60
const WARM_UP = 40
const REST_MS = 60
const WHOLE = 'approve sent to POST received'
const ANSWERED = 'approve answered to POST received'
const FLOOR = 'floor: POST alone'
const TIMES = 'p50, times the POST alone'

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
  const direct = new Pool(new URL(receiver.url).origin)
  const body = Buffer.alloc(450, 'x')
  const found = {
    all: [] as number[][],
    afterAnswer: [] as number[][],
    alone: [] as number[][],
    cpuUs: [] as number[],
    postgresUs: [] as number[],
  }
  try {
    const person = await addPerson(asked)
    const count = WARM_UP + rounds * SAMPLES_A_ROUND
    say(`hop: preparing ${count} requests; node ${worker.pid} delivers what ${asked.pid} approves`)
    const waiting = await prepareRequests(asked, person, receiver.url, count)
    await worker.profiled('hop', approveAll)

    async function approveAll() {
      for (const [index, request] of waiting.entries()) {
        const credential = person.passkey.assert(request.options)
        const stage = { server: asked, pages, person, receiver }
        const [nodesBefore, postgresBefore] = [cpuOf(worker.pid) + cpuOf(asked.pid), postgres.cpuUs()]
        const approved = await approveAndReceive(stage, request.id, credential)
        await pause(REST_MS)
        const cpuUs = cpuOf(worker.pid) + cpuOf(asked.pid) - nodesBefore
        const postgresUs = postgres.cpuUs() - postgresBefore
        const alone = await postAlone(direct, receiver, body)
        if (index < WARM_UP) continue
        const round = Math.floor((index - WARM_UP) / SAMPLES_A_ROUND)
        roundOf(found.all, round).push(approved.all)
        roundOf(found.afterAnswer, round).push(approved.afterAnswer)
        roundOf(found.alone, round).push(alone)
        found.cpuUs[round] = (found.cpuUs[round] ?? 0) + cpuUs / SAMPLES_A_ROUND
        found.postgresUs[round] = (found.postgresUs[round] ?? 0) + postgresUs / SAMPLES_A_ROUND
      }
    }
  } finally {
    await Promise.all([pages.destroy(), direct.destroy()])
  }

  const { all, afterAnswer, alone } = found
  const row = (path: string, rounds: number[][]) => ({
    path,
    samples: rounds.flat().length,
    'p50 ms': spread(rounds.map((each) => percentile(each, 0.5))),
    [TIMES]: spread(ratios(rounds.map(median), alone.map(median))),
    'p99 ms': spread(rounds.map((each) => percentile(each, 0.99))),
    'max ms': Math.max(...rounds.flat()),
  })
  return {
    name: 'hop',
    about: 'approved on one node, delivered by another, over one PostgreSQL; floor: the same POST alone',
    rows: [
      {
        ...row(WHOLE, all),
        'CPU of both nodes µs each': spread(found.cpuUs),
        'PostgreSQL CPU µs each': spread(found.postgresUs),
      },
      row(ANSWERED, afterAnswer),
      row(FLOOR, alone),
    ],
    peers: [FLOOR],
    bars: [
      atMost('p99 from the answered decision, ms', percentile(afterAnswer.flat(), 0.99), 20, {
        column: 'p99 ms',
        cells: [ANSWERED],
      }),
      atMost('p99 from the call, ms', percentile(all.flat(), 0.99), 20, { column: 'p99 ms', cells: [WHOLE] }),
    ],
  }
}
