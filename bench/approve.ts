import { setTimeout as pause } from 'node:timers/promises'
import { Pool } from 'undici'
import { startReceiver } from '../test/support/receiver.ts'
import { addPerson, approveAndReceive, prepareRequests, timeOfPost } from './support/approvals.ts'
import { cpuOf } from './support/child.ts'
import { atMost, type BenchOptions, percentile, type Report } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { startServer } from './support/server.ts'

const SAMPLES_A_ROUND = 40
const WARM_UP = 40
/** So long the server rests after each delivery, to write down how it ended. */
const REST_MS = 5

/** From the approval to the POST at the app's endpoint, one at a time; floor: the same POST alone. */
export async function benchApprove({ rounds, profile, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  await using receiver = await startReceiver()
  await using server = await startServer({ data: folder.path, profile })
  const pages = new Pool(server.address)
  const direct = new Pool(new URL(receiver.url).origin)
  const found = { all: [] as number[], afterAnswer: [] as number[], alone: [] as number[], cpuUs: 0 }
  try {
    const person = await addPerson(server)
    const count = WARM_UP + rounds * SAMPLES_A_ROUND
    say(`approve: preparing ${count} requests`)
    const waiting = await prepareRequests(server, person, receiver.url, count)
    const body = Buffer.alloc(450, 'x')

    for (const [index, request] of waiting.entries()) {
      const credential = person.passkey.assert(request.options)
      const cpuBefore = cpuOf(server.pid)
      const approved = await approveAndReceive({ server, pages, person, receiver }, request.id, credential)
      await pause(REST_MS)
      const cpuUs = cpuOf(server.pid) - cpuBefore
      const alone = await postAlone(body)
      await pause(REST_MS)
      if (index < WARM_UP) continue
      found.all.push(approved.all)
      found.afterAnswer.push(approved.afterAnswer)
      found.alone.push(alone)
      found.cpuUs += cpuUs
    }

    async function postAlone(body: Buffer) {
      const before = receiver.posts.length
      const from = performance.now()
      const headers = { 'content-type': 'application/json' }
      const answer = await direct.request({ method: 'POST', path: '/token', headers, body })
      await answer.body.dump()
      return (await timeOfPost(receiver, before)) - from
    }
  } finally {
    await Promise.all([pages.destroy(), direct.destroy()])
  }
  return report(found)
}

function report(found: { all: number[]; afterAnswer: number[]; alone: number[]; cpuUs: number }): Report {
  const row = (path: string, values: number[]) => ({
    path,
    samples: values.length,
    'p50 ms': percentile(values, 0.5),
    'p99 ms': percentile(values, 0.99),
    'max ms': Math.max(...values),
  })
  const cpu = found.cpuUs / found.all.length
  return {
    name: 'approve',
    about: 'approve to POST received, one at a time; floor: the same POST alone',
    rows: [
      { ...row('approve sent to POST received', found.all), 'server CPU µs each': Math.round(cpu) },
      row('approve answered to POST received', found.afterAnswer),
      row('floor: POST alone', found.alone),
    ],
    bars: [
      atMost('p50 of approve to POST received, ms', percentile(found.all, 0.5), 3),
      atMost('p99 of approve to POST received, ms', percentile(found.all, 0.99), 10),
    ],
  }
}
