import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { addAccount, ask, statusOf } from '../support/crowd.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort, READY, startProcess } from '../support/process.ts'
import { newSeed } from '../support/random.ts'
import { until } from '../support/until.ts'
import { startWitness } from '../support/witness.ts'
import { killAtRandom } from './run.ts'

describe('a server that is killed', { concurrency: true }, () => {
  test('at any moment loses no request, no approval and no token, and issues none twice', async (t) => {
    const seed = newSeed()
    t.diagnostic(`FAULT_SEED=${seed}`)
    const { faults, ...counts } = await killAtRandom({ nodes: 1, kills: 30, seed })

    t.diagnostic(JSON.stringify(counts))
    assert.deepEqual(faults, [])
    assert.partialDeepStrictEqual(counts, { lost: 0, secondTokens: 0, overlapping: 0, unexplained: 0 })
    assert.ok(counts.approved >= counts.kills, `${counts.approved} approvals are too few to show anything`)
    assert.ok(counts.midway > 0)
  })

  test('by SIGTERM finishes the delivery that is under way, then ends with 0, also with a live page open', async () => {
    await using data = await temporaryFolder('faults')
    await using server = startProcess({ data: data.path, port: await freePort() })
    await server.says(READY)
    await using receiver = await startHoldingReceiver()
    const account = await addAccount(server.origin, 'person', receiver.url)
    const { app, person } = account
    const page = await person.call('GET', '/v1/me/events')
    const id = await ask(server.origin, app)
    assert.equal((await person.approve(id)).status, 200)
    const answer = await receiver.next()

    server.signal('SIGTERM')
    await server.says('Stopping')
    const takesNone = () =>
      fetch(`${server.origin}/livez`).then(
        () => false,
        () => true,
      )
    await until(takesNone, 5_000)
    assert.equal(server.isOver(), false)
    answer.end('ok')

    assert.deepEqual(await server.exited, { code: 0, signal: null }, server.output())
    await page.body?.cancel().catch(() => {})
    const store = new DatabaseSync(join(data.path, 'countersign.db'), { readOnly: true })
    assert.deepEqual(attemptsIn(store), [{ number: 1, state: 'succeeded' }])
    assert.deepEqual({ ...store.prepare('select state from deliveries').get() }, { state: 'delivered' })
    assert.equal(store.prepare('select count(*) as rows from outbox').get()?.rows, 0)
    store.close()
  })

  test('but only halted, finds its work done by another, and its own late result changes nothing', async () => {
    await using data = await temporaryFolder('faults')
    await using halted = startProcess({ data: data.path, port: await freePort() })
    await halted.says(READY)
    await using receiver = await startHoldingReceiver()
    const { app, person } = await addAccount(halted.origin, 'person', receiver.url)
    const id = await ask(halted.origin, app)
    assert.equal((await person.approve(id)).status, 200)
    const toHalted = await receiver.next()
    halted.signal('SIGSTOP')

    await using other = startProcess({ data: data.path, port: await freePort() })
    await other.says(READY)
    const toOther = await receiver.next()
    // The first one wakes up with an answer in its hands, while the second one still waits for its own.
    toHalted.writeHead(500).end('late')
    halted.signal('SIGCONT')
    await until(async () => (await statusOf(other.origin, app, id)).timeline.some(isLate), 40_000)
    const between = await statusOf(other.origin, app, id)
    assert.equal(between.delivery?.status, 'queued')
    assert.deepEqual(
      between.delivery?.attempts.map(({ number, status }) => `${number} ${status}`),
      ['1 unknown', '2 started'],
    )

    toOther.end('ok')
    await until(async () => (await statusOf(other.origin, app, id)).delivery?.status === 'delivered', 40_000)
    const status = await statusOf(other.origin, app, id)
    assert.deepEqual(
      status.delivery?.attempts.map((each) => `${each.number} ${each.status}`),
      ['1 unknown', '2 succeeded'],
    )
    assert.equal(status.timeline.filter(({ event }) => event === 'token_delivered').length, 1)
    const [first, second, ...more] = receiver.posts
    assert.deepEqual(more, [])
    assert.equal(second?.id, first?.id)
    assert.equal(second?.body, first?.body)
    assert.ok(Number(second?.timestamp) > Number(first?.timestamp))
  })
})

const isLate = ({ event }: { event: string }) => event === 'delivery_late'

const attemptsIn = (store: DatabaseSync) =>
  store
    .prepare('select number, state from delivery_attempts order by number')
    .all()
    .map((row) => ({ ...row }))

/** Answers when it is told to. */
async function startHoldingReceiver() {
  const held: ServerResponse[] = []
  const waiting: ((response: ServerResponse) => void)[] = []
  const witness = await startWitness((_post, response) => {
    const wake = waiting.shift()
    if (wake) wake(response)
    else held.push(response)
  })
  return Object.assign(witness, {
    next: () =>
      new Promise<ServerResponse>((resolve) => {
        const response = held.shift()
        if (response) resolve(response)
        else waiting.push(resolve)
      }),
  })
}
