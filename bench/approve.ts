import { setTimeout as pause } from 'node:timers/promises'
import { Pool } from 'undici'
import { startReceiver } from '../test/support/receiver.ts'
import { addPerson, approveAndReceive, postAlone, prepareRequests } from './support/approvals.ts'
import { cpuOf } from './support/child.ts'
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
import { startServer } from './support/server.ts'

const SAMPLES_A_ROUND = 40
const WARM_UP = 40
/** So long the server rests after each delivery, to write down how it ended. */
const REST_MS = 5
const WHOLE = 'approve sent to POST received'
const TIMES = 'p50, times the POST alone'

/** Milliseconds, round by round. */
interface Found {
  all: number[][]
  afterAnswer: number[][]
  alone: number[][]
  cpuUs: number[]
}

/** From the approval to the POST at the app's endpoint, one at a time; floor: the same POST alone. */
export async function benchApprove({ rounds, profile, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  await using receiver = await startReceiver()
  await using server = await startServer({ data: folder.path, profile })
  const pages = new Pool(server.address)
  const direct = new Pool(new URL(receiver.url).origin)
  const found: Found = { all: [], afterAnswer: [], alone: [], cpuUs: [] }
  try {
    const person = await addPerson(server)
    const count = WARM_UP + rounds * SAMPLES_A_ROUND
    say(`approve: preparing ${count} requests`)
    const waiting = await prepareRequests(server, person, receiver.url, count)
    const body = Buffer.alloc(450, 'x')

    await server.profiled('approve', approveAll)

    async function approveAll() {
      for (const [index, request] of waiting.entries()) {
        const credential = person.passkey.assert(request.options)
        const cpuBefore = cpuOf(server.pid)
        const approved = await approveAndReceive({ server, pages, person, receiver }, request.id, credential)
        await pause(REST_MS)
        const cpuUs = cpuOf(server.pid) - cpuBefore
        const alone = await postAlone(direct, receiver, body)
        await pause(REST_MS)
        if (index < WARM_UP) continue
        const round = Math.floor((index - WARM_UP) / SAMPLES_A_ROUND)
        roundOf(found.all, round).push(approved.all)
        roundOf(found.afterAnswer, round).push(approved.afterAnswer)
        roundOf(found.alone, round).push(alone)
        found.cpuUs[round] = (found.cpuUs[round] ?? 0) + cpuUs / SAMPLES_A_ROUND
      }
    }
  } finally {
    await Promise.all([pages.destroy(), direct.destroy()])
  }
  return report(found)
}

function report({ all, afterAnswer, alone, cpuUs }: Found): Report {
  const row = (path: string, rounds: number[][]) => ({
    path,
    samples: rounds.flat().length,
    'p50 ms': spread(rounds.map((each) => percentile(each, 0.5))),
    [TIMES]: spread(ratios(rounds.map(median), alone.map(median))),
    'p99 ms': spread(rounds.map((each) => percentile(each, 0.99))),
    'max ms': Math.max(...rounds.flat()),
  })
  return {
    name: 'approve',
    about: 'approve to POST received, one at a time; floor: the same POST alone',
    rows: [
      { ...row(WHOLE, all), 'server CPU µs each': spread(cpuUs) },
      row('approve answered to POST received', afterAnswer),
      row('floor: POST alone', alone),
    ],
    peers: ['floor: POST alone'],
    bars: [
      atMost('p50 of approve to POST received, ms', percentile(all.flat(), 0.5), 3, {
        column: 'p50 ms',
        cells: [WHOLE],
      }),
      atMost('p99 of approve to POST received, ms', percentile(all.flat(), 0.99), 10, {
        column: 'p99 ms',
        cells: [WHOLE],
      }),
    ],
  }
}
