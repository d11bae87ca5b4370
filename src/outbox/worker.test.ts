import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { HOUR, MINUTE } from '#base/clock.ts'
import { jsonLog } from '#base/log.ts'
import type { Database, Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import { isEmbedded } from '../../test/support/engine.ts'
import { heldClock } from '../../test/support/server.ts'
import { startStore } from '../../test/support/store.ts'
import { cancel, enqueue, type Job } from './store.ts'
import { type Attempt, type Handler, type Outcome, startWorker, type Worker } from './worker.ts'

const DEADLINE_MS = 1_000
/** A lease outlasts the deadline of an attempt by five seconds. */
const LEASE_MS = DEADLINE_MS + 5_000

test('what is due first is done first', async () => {
  await using outbox = await startOutbox()
  for (const [ref, ago] of Object.entries({ b: 20, d: 0, a: 30, c: 10 })) await outbox.promise(ref, { ago })

  const begun: string[] = []
  outbox.work({ slots: 1, start: async (_tx, job) => attempt(() => begun.push(job.ref)) })
  await until(() => begun.length === 4)

  assert.deepEqual(begun, ['a', 'b', 'c', 'd'])
})

test('what is not due yet is left alone until its time', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  await using outbox = await startOutbox()
  await outbox.promise('later', { ago: -60_000 })
  const begun: string[] = []
  outbox.work({ start: async (_tx, job) => attempt(() => begun.push(job.ref)) })

  outbox.clock.forward(59_999)
  t.mock.timers.tick(1_000)
  await outbox.settled()
  assert.deepEqual(begun, [])

  outbox.clock.forward(1)
  t.mock.timers.tick(1_000)
  await until(() => begun.length === 1)
})

test('a commit that promises work wakes the worker at once, without a poll', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  await using outbox = await startOutbox()
  const done: string[] = []
  outbox.work({ start: async (_tx, job) => attempt(() => done.push(job.ref)) })
  await outbox.settled()

  // Intervals stand still: one wake-up that is lost would be waited for in vain.
  for (let i = 0; i < 100; i += 1) {
    await outbox.promise(`job-${i}`)
    await until(() => done.length === i + 1)
  }
})

// On PostgreSQL the other one's hint would come; test/stores/outage.test.ts cuts it off.
if (isEmbedded())
  test('a worker that is told nothing finds the work by its poll', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    await using outbox = await startOutbox()
    const done: string[] = []
    outbox.work({ start: async (_tx, job) => attempt(() => done.push(job.ref)) })
    await outbox.settled()

    const elsewhere = await outbox.db.again()
    await elsewhere.transaction((tx) =>
      enqueue(tx, { kind: 'deliver', ref: 'x', lane: 'x', dueAt: outbox.clock.now() }),
    )
    await elsewhere.close()
    await outbox.settled()
    assert.deepEqual(done, [])

    t.mock.timers.tick(1_000)
    await until(() => done.length === 1)
  })

test('work that is taken with its promise begins when that is on disk, without a look', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  await using outbox = await startOutbox()
  const begun: string[] = []
  const worker = outbox.work({
    start: async (_tx, job) =>
      attempt(async () => {
        const [row] = await outbox.rows()
        begun.push(
          `${job.ref} ${job.attempt} ${row?.leasedAt === outbox.clock.now() ? 'leased' : 'not leased'}`,
        )
      }),
  })
  await outbox.settled()
  const take = (ref: string) => (tx: Transaction) =>
    worker.take(tx, { kind: 'deliver', ref, lane: 'x', dueAt: outbox.clock.now() })

  await outbox.db.transaction(take('x'))
  await until(async () => (await outbox.rows()).length === 0)
  assert.deepEqual(begun, ['x 1 leased'])

  await assert.rejects(
    outbox.db.transaction(async (tx) => {
      await take('undone')(tx)
      throw new Error('broken on purpose')
    }),
    /broken on purpose/,
  )
  await outbox.settled()
  assert.deepEqual(begun, ['x 1 leased'])
  assert.equal((await outbox.rows()).length, 0)
})

test('of more than there is room for the rest is given back, as if never taken', async () => {
  await using outbox = await startOutbox()
  const gate = outbox.gate()
  const attempts = new Map<string, number>()
  const worker = outbox.work({
    slots: 4,
    laneSlots: 2,
    start: async (_tx, job) => {
      attempts.set(job.ref, job.attempt)
      return gate.attempt(job)
    },
  })
  await outbox.settled()
  const refs = ['a', 'b', 'c', 'd', 'e']
  await outbox.db.transaction(async (tx) => {
    for (const ref of refs)
      await worker.take(tx, { kind: 'deliver', ref, lane: 'x', dueAt: outbox.clock.now() })
  })
  await until(async () => (await outbox.rows()).filter(({ leasedAt }) => leasedAt !== null).length === 2)
  await outbox.settled()
  assert.deepEqual(gate.inside(), ['a', 'b'])
  assert.deepEqual(
    (await outbox.rows()).map(({ ref, attempt }) => `${ref} ${attempt}`),
    ['a 1', 'b 1', 'c 0', 'd 0', 'e 0'],
  )

  gate.open()
  await until(async () => (await outbox.rows()).length === 0)
  assert.equal(gate.mostOf('x'), 2)
  assert.deepEqual([...attempts], [...refs.map((ref) => [ref, 1])])
})

test('work that cannot be begun with its promise is promised all the same', async () => {
  await using outbox = await startOutbox()
  const worker = outbox.work({
    async start() {
      throw new Error('broken on purpose')
    },
  })
  await outbox.settled()
  await outbox.db.transaction(async (tx) => {
    await note(tx, 'kept')
    await worker.take(tx, { kind: 'deliver', ref: 'x', lane: 'x', dueAt: outbox.clock.now() })
  })
  assert.deepEqual(await notes(outbox.db), ['kept'])
  assert.equal((await outbox.rows()).length, 1)
})

test('no more than its slots are under way at a time, and a free slot is filled at once', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  await using outbox = await startOutbox()
  const gate = outbox.gate()
  outbox.work({ slots: 3, laneSlots: 3, start: async (_tx, job) => gate.attempt(job) })
  for (let i = 0; i < 12; i += 1) await outbox.promise(`job-${i}`)
  await outbox.settled()
  assert.equal(gate.inside().length, 3)

  for (let done = 1; done <= 12; done += 1) {
    gate.letOut(gate.inside()[0] as string)
    await until(() => gate.inside().length === Math.min(3, 12 - done))
  }
  assert.equal(gate.most(), 3)
  await until(async () => (await outbox.rows()).length === 0)
})

test('a lane has no more than its share, and others go on past it', async () => {
  await using outbox = await startOutbox()
  for (let i = 0; i < 6; i += 1) await outbox.promise(`dead-${i}`, { lane: 'dead', ago: 1_000 })
  for (let i = 0; i < 6; i += 1) await outbox.promise(`well-${i}`, { lane: `well-${i}` })
  const gate = outbox.gate()
  outbox.work({ slots: 4, laneSlots: 2, start: async (_tx, job) => gate.attempt(job) })

  for (let i = 0; i < 6; i += 1) {
    await until(() => gate.inside().includes(`well-${i}`))
    assert.equal(gate.inside().filter((ref) => ref.startsWith('dead')).length, 2)
    gate.letOut(`well-${i}`)
  }
  assert.equal(gate.mostOf('dead'), 2)
  gate.open()
  await until(async () => (await outbox.rows()).length === 0)
})

test('a lane with a long queue starves nobody', async () => {
  await using outbox = await startOutbox()
  await outbox.db.transaction(async (tx) => {
    for (let i = 0; i < 500; i += 1)
      await enqueue(tx, {
        kind: 'deliver',
        ref: `dead-${i}`,
        lane: 'dead',
        dueAt: outbox.clock.now() - 1_000,
      })
  })
  await outbox.promise('well', { lane: 'well' })
  const gate = outbox.gate()
  outbox.work({ slots: 8, laneSlots: 2, start: async (_tx, job) => gate.attempt(job) })

  await until(() => gate.inside().includes('well'))
})

test('a job whose worker has vanished goes to another one that watched its lease run out, and not before', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  await using outbox = await startOutbox()
  await outbox.promise('x')
  const lost = outbox.gate()
  const vanished = outbox.work({ start: async (_tx, job) => lost.attempt(job) })
  await until(() => lost.inside().length === 1)
  const stopped = vanished.stop()

  // However long ago it was taken by the time of day: the other one believes what it sees.
  outbox.clock.forward(LEASE_MS)
  const attempts: number[] = []
  outbox.work({ start: async (_tx, job) => attempt(() => attempts.push(job.attempt)) })
  await outbox.settled()
  outbox.clock.forward(LEASE_MS - 1)
  t.mock.timers.tick(1_000)
  await outbox.settled()
  assert.deepEqual(attempts, [])

  outbox.clock.forward(1_000)
  t.mock.timers.tick(1_000)
  await until(() => attempts.length === 1)
  assert.deepEqual(attempts, [2])
  lost.open()
  await stopped
})

test('a time of day that is set while work is under way takes no lease away', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  await using outbox = await startOutbox()
  await outbox.promise('x')
  const gate = outbox.gate()
  outbox.work({ start: async (_tx, job) => gate.attempt(job) })
  await until(() => gate.inside().length === 1)
  const begun: string[] = []
  outbox.work({ start: async (_tx, job) => attempt(() => begun.push(job.ref)) })
  await outbox.settled()

  for (const hours of [3, -6, 12]) {
    outbox.setTimeOfDay(hours * HOUR)
    outbox.clock.forward(1_000)
    t.mock.timers.tick(1_000)
    await outbox.settled()
  }
  assert.deepEqual(begun, [])
  gate.open()
  await until(async () => (await outbox.rows()).length === 0)
})

test('a time of day that is set back wedges nothing: what is due is done, and waits stay as long as they were', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  await using outbox = await startOutbox()
  outbox.setTimeOfDay(3 * HOUR)
  const begun: string[] = []
  outbox.work({
    slots: 1,
    start: async (_tx, job) =>
      job.ref === 'later' && job.attempt === 1
        ? { repeatAt: outbox.clock.now() + 5 * MINUTE }
        : attempt(() => begun.push(job.ref)),
  })
  await outbox.promise('later')
  await until(async () => (await outbox.rows())[0]?.attempt === 1)
  outbox.setTimeOfDay(-3 * HOUR)
  await outbox.promise('now')
  await until(() => begun.length === 1)

  const look = async () => {
    t.mock.timers.tick(1_000)
    await outbox.settled()
  }
  outbox.clock.forward(5 * MINUTE - 1)
  await look()
  assert.deepEqual(begun, ['now'])
  outbox.clock.forward(1_000)
  await look()
  await until(() => begun.length === 2)
  assert.deepEqual(begun, ['now', 'later'])
})

for (const outcome of ['done', 'repeatAt'] as const) {
  test(`a result that comes after its lease was lost (${outcome}) is noted as late and changes nothing`, async () => {
    await using outbox = await startOutbox()
    await outbox.promise('x')
    const [slow, quick] = [outbox.gate(), outbox.gate()]
    const calls: boolean[] = []
    const finish = async (tx: Transaction, isLate: boolean): Promise<Outcome> => {
      calls.push(isLate)
      await note(tx, isLate ? 'late' : 'applied')
      return outcome === 'done' ? { done: true } : { repeatAt: outbox.clock.now() + 99 }
    }
    const first = outbox.work({ start: async (_tx, job) => slow.attempt(job, finish) })
    await until(() => slow.inside().length === 1)
    const stopped = first.stop()
    outbox.work({ start: async (_tx, job) => quick.attempt(job) })
    await outbox.settled()
    outbox.clock.forward(LEASE_MS)
    await until(() => quick.inside().length === 1)
    const before = await outbox.rows()

    slow.letOut('x')
    await stopped

    assert.deepEqual(await outbox.rows(), before)
    assert.deepEqual(await notes(outbox.db), ['late'])
    assert.equal(calls.at(-1), true)
    assert.ok(outbox.lines.some((line) => line.includes('after its lease was lost')))
    quick.letOut('x')
    await until(async () => (await outbox.rows()).length === 0)
  })
}

test('a result whose work was called off meanwhile is late as well', async () => {
  await using outbox = await startOutbox()
  await outbox.promise('x')
  const gate = outbox.gate()
  const worker = outbox.work({
    start: async (_tx, job) =>
      gate.attempt(job, async (tx, isLate) => {
        await note(tx, isLate ? 'late' : 'applied')
        return { repeatAt: outbox.clock.now() }
      }),
  })
  await until(() => gate.inside().length === 1)
  await outbox.db.transaction((tx) => cancel(tx, 'deliver', 'x'))

  gate.open()
  await worker.stop()

  assert.deepEqual(await notes(outbox.db), ['late'])
  assert.equal((await outbox.rows()).length, 0)
})

test('a result of "again" is tried again at its time, as the next attempt', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  await using outbox = await startOutbox()
  await outbox.promise('x')
  const attempts: number[] = []
  outbox.work({
    start: async (_tx, job) => async () => async () => {
      attempts.push(job.attempt)
      return job.attempt < 3 ? { repeatAt: outbox.clock.now() + 10_000 } : { done: true }
    },
  })
  for (const expected of [[1], [1, 2], [1, 2, 3]]) {
    await until(async () => {
      t.mock.timers.tick(1_000)
      await outbox.settled()
      return attempts.length >= expected.length
    })
    assert.deepEqual(attempts, expected)
    outbox.clock.forward(10_000)
  }
  await until(async () => (await outbox.rows()).length === 0)
})

test('where there is nothing to do, the job is done', async () => {
  await using outbox = await startOutbox()
  for (let i = 0; i < 20; i += 1) await outbox.promise(`job-${i}`)
  const begun: string[] = []
  outbox.work({
    slots: 2,
    laneSlots: 2,
    async start(tx, job) {
      await note(tx, job.ref)
      begun.push(job.ref)
      return undefined
    },
  })
  await until(async () => (await outbox.rows()).length === 0)
  assert.equal(begun.length, 20)
  assert.equal((await notes(outbox.db)).length, 20)
})

test('what start writes is on disk before the attempt begins', async () => {
  await using outbox = await startOutbox()
  await outbox.promise('x')
  let seen: string[] = []
  outbox.work({
    async start(tx, job) {
      await note(tx, `started ${job.attempt}`)
      return attempt(async () => {
        const elsewhere = await outbox.db.again()
        seen = await notes(elsewhere)
        await elsewhere.close()
      })
    },
  })
  await until(() => seen.length > 0)
  assert.deepEqual(seen, ['started 1'])
})

for (const place of ['attempt', 'finish'] as const) {
  test(`a fault in ${place} leaves its lease to run out, is logged, and hinders no other job`, async () => {
    await using outbox = await startOutbox()
    await outbox.promise('bad', { ago: 10 })
    await outbox.promise('good')
    const fault = () => {
      throw new Error('broken on purpose')
    }
    const attempts: string[] = []
    outbox.work({
      start: async (_tx, job) => async () => {
        attempts.push(`${job.ref} ${job.attempt}`)
        if (job.ref === 'bad' && place === 'attempt' && job.attempt === 1) fault()
        return async (tx) => {
          if (job.ref === 'bad' && place === 'finish' && job.attempt === 1) {
            await note(tx, 'half done')
            fault()
          }
          return { done: true }
        }
      },
    })
    await until(() => outbox.lines.some((line) => line.includes('broken on purpose')))
    await until(async () => (await outbox.rows()).length === 1)
    assert.deepEqual(attempts.sort(), ['bad 1', 'good 1'])
    assert.deepEqual(await notes(outbox.db), [])
    assert.equal((await outbox.rows())[0]?.leasedAt, outbox.clock.now())

    await until(async () => {
      outbox.clock.forward(1_000)
      return (await outbox.rows()).length === 0
    })
    assert.deepEqual(attempts.sort(), ['bad 1', 'bad 2', 'good 1'])
  })
}

test('a job that cannot even be started keeps no other from being done', async () => {
  await using outbox = await startOutbox()
  await outbox.promise('bad', { ago: 10 })
  await outbox.promise('good')
  const done: string[] = []
  outbox.work({
    async start(_tx, job) {
      if (job.ref === 'bad') throw new Error('broken on purpose')
      return attempt(() => done.push(job.ref))
    },
  })
  await until(() => done.includes('good'))
})

test('an attempt is told when its time is over', async () => {
  await using outbox = await startOutbox()
  await outbox.promise('x')
  let reason: unknown
  outbox.work({
    deadlineMs: 50,
    start: async () => async (signal) => {
      await new Promise<void>((resolve) => {
        const keepAlive = setInterval(() => {}, 1_000)
        signal.addEventListener('abort', () => {
          clearInterval(keepAlive)
          resolve()
        })
      })
      reason = signal.reason
      return async () => ({ done: true })
    },
  })
  await until(async () => (await outbox.rows()).length === 0)
  assert.equal((reason as Error).name, 'TimeoutError')
})

test('stop waits for what is under way, its result included, and takes nothing more', async () => {
  await using outbox = await startOutbox()
  await outbox.promise('x')
  const gate = outbox.gate()
  const begun: string[] = []
  const worker = outbox.work({
    async start(_tx, job) {
      begun.push(job.ref)
      return gate.attempt(job)
    },
  })
  await until(() => gate.inside().length === 1)

  let isStopped = false
  const stopped = worker.stop().then(() => {
    isStopped = true
  })
  await outbox.promise('y')
  await outbox.settled()
  assert.equal(isStopped, false)

  gate.open()
  await stopped
  assert.deepEqual(
    (await outbox.rows()).map(({ ref }) => ref),
    ['y'],
  )
  assert.deepEqual(begun, ['x'])
})

test('stop also waits for work that was just being taken', async () => {
  await using outbox = await startOutbox()
  const begun: string[] = []
  const ended: string[] = []
  const worker = outbox.work({
    start: async (_tx, job) =>
      attempt(async () => {
        begun.push(job.ref)
        await nextTurn()
        ended.push(job.ref)
      }),
  })
  await outbox.settled()
  // The hint of this commit has made the worker look, and its claim waits for the next turn.
  await outbox.promise('x')

  await worker.stop()
  const [begunAtStop, endedAtStop] = [begun.length, ended.length]
  await outbox.settled()

  assert.equal(begun.length, begunAtStop, 'an attempt began after the stop')
  assert.equal(endedAtStop, begunAtStop, 'an attempt was under way after the stop')
})

test('two processes that share a store never do one job at the same time, and do each once', async () => {
  await using outbox = await startOutbox()
  const elsewhere = await outbox.db.again()
  const JOBS = 300
  for (let i = 0; i < JOBS; i += 1) await outbox.promise(`job-${i}`, { lane: `lane-${i % 7}` })

  const inside = new Set<string>()
  const done = new Map<string, number>()
  const byWhom = new Map<string, number>()
  const startAs =
    (name: string): Handler['start'] =>
    async (_tx, job) =>
      attempt(async () => {
        assert.ok(!inside.has(job.ref), `${job.ref} is under way twice`)
        inside.add(job.ref)
        await pause(Math.random() * 5)
        inside.delete(job.ref)
        done.set(job.ref, (done.get(job.ref) ?? 0) + 1)
        byWhom.set(name, (byWhom.get(name) ?? 0) + 1)
      })
  const workers = [
    outbox.work({ slots: 10, laneSlots: 3, start: startAs('here') }),
    outbox.work({ slots: 10, laneSlots: 3, start: startAs('there') }, elsewhere),
  ]
  await until(async () => (await outbox.rows()).length === 0)
  for (const worker of workers) await worker.stop()
  await elsewhere.close()

  assert.equal(done.size, JOBS)
  assert.deepEqual([...new Set(done.values())], [1])
  assert.equal(byWhom.size, 2)
})

/** An outbox of its own, with a clock that is held. */
async function startOutbox() {
  const db = await startStore()
  const held = heldClock()
  let setBy = 0
  const clock = { ...held, now: () => held.now() + setBy }
  const lines: string[] = []
  const workers: Worker[] = []
  const gates: ReturnType<typeof startGate>[] = []
  return {
    db,
    clock,
    /** Sets the time of day, while real time goes on as it does. */
    setTimeOfDay(byMs: number) {
      setBy += byMs
    },
    lines,
    gate() {
      const gate = startGate()
      gates.push(gate)
      return gate
    },
    promise: (ref: string, { lane = ref, ago = 0 }: { lane?: string; ago?: number } = {}) =>
      db.transaction((tx) => enqueue(tx, { kind: 'deliver', ref, lane, dueAt: clock.now() - ago })),
    work(handler: Partial<Handler> & Pick<Handler, 'start'>, on: Database = db) {
      const whole = { slots: 4, laneSlots: 4, deadlineMs: DEADLINE_MS, ...handler }
      const worker = startWorker(
        { db: on, now: clock.now, steady: held.now, log: jsonLog((line) => lines.push(line)) },
        'deliver',
        whole,
      )
      workers.push(worker)
      return worker
    },
    rows: () =>
      db.read<Job & { dueAt: number; leasedAt: number | null }>(
        sql`select id, kind, ref, lane, attempt, due_at, leased_at from outbox order by id`,
      ),
    /** Lets all that can happen by itself happen: each turn of the loop is a commit, and a job takes three. */
    async settled() {
      for (let turn = 0; turn < 20; turn += 1) await db.transaction(async () => {})
    },
    async [Symbol.asyncDispose]() {
      for (const gate of gates) gate.open()
      for (const worker of workers) await worker.stop()
      await db[Symbol.asyncDispose]()
    },
  }
}

/** Work that succeeds. */
const attempt =
  (work: () => unknown): Attempt =>
  async () => {
    await work()
    return async () => ({ done: true })
  }

/** Holds attempts until they are let out, and counts them. */
function startGate() {
  const held = new Map<string, { lane: string; letOut: () => void }>()
  const most = new Map<string, number>()
  let isOpen = false
  const letOut = (ref: string) => {
    held.get(ref)?.letOut()
    held.delete(ref)
  }
  const noteMost = (lane: string, count: number) => most.set(lane, Math.max(most.get(lane) ?? 0, count))
  return {
    attempt:
      (job: Job, finish: Awaited<ReturnType<Attempt>> = async () => ({ done: true })): Attempt =>
      async () => {
        if (!isOpen) {
          await new Promise<void>((letOut) => {
            held.set(job.ref, { lane: job.lane, letOut })
            noteMost('', held.size)
            noteMost(job.lane, [...held.values()].filter(({ lane }) => lane === job.lane).length)
          })
        }
        return finish
      },
    inside: () => [...held.keys()],
    letOut,
    open() {
      isOpen = true
      for (const ref of [...held.keys()]) letOut(ref)
    },
    most: () => most.get('') ?? 0,
    mostOf: (lane: string) => most.get(lane) ?? 0,
  }
}

const note = (tx: Transaction, name: string) =>
  tx.run(sql`insert into store_facts (name, value) values (${name}, ${new Uint8Array([1])})`)
const notes = async (db: Database) =>
  (await db.read<{ name: string }>(sql`select name from store_facts order by name`)).map(({ name }) => name)

/** Waits for what must come; the limit only keeps a broken worker from holding the suite. */
async function until(isSo: () => boolean | Promise<boolean>, limitMs = 8_000) {
  const giveUpAt = performance.now() + limitMs
  while (!(await isSo())) {
    assert.ok(performance.now() < giveUpAt, `${isSo} did not come true`)
    await pause(1)
  }
}
