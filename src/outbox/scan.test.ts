import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Database, Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import { startStore } from '../../test/support/store.ts'
import { createLanes } from './lanes.ts'
import { createScan } from './scan.ts'
import { completeJob, enqueue, type Job, MOST_COUNTED, outboxDepth } from './store.ts'

const NOW = Date.UTC(2026, 10, 24)
const [MOST, QUEUE, LIMIT] = [8, 10_000, 100]

test('behind ten thousand jobs of a lane that has no room the others are taken at once', async () => {
  await using db = await startStore()
  const { take, lanes } = await startScan(db)
  await queueUp(db, 'broken')
  for (let i = 0; i < 20; i += 1) await promise(db, `well-${i}`)

  const first = await take()

  assert.equal(first.filter(({ lane }) => lane === 'broken').length, MOST)
  assert.equal(first.filter(({ lane }) => lane !== 'broken').length, 20)
  for (const { lane } of first) if (lane === 'broken') lanes.begin(lane)

  await promise(db, 'late')
  assert.deepEqual((await take()).map(refOf), ['late'])
})

test('a long queue is walked once, not at each look', async () => {
  await using db = await startStore()
  const { take, lanes, statements } = await startScan(db)
  await queueUp(db, 'broken')
  for (const { lane } of await take()) lanes.begin(lane)
  const whileWalking = statements()
  assert.ok(whileWalking > 1)

  for (let i = 0; i < 5; i += 1) {
    await promise(db, `well-${i}`)
    const before = statements()
    assert.deepEqual((await take()).map(refOf), [`well-${i}`])
    assert.equal(statements() - before, 1, 'the queue was walked again')
  }
})

test('the depth tells what is due and what is taken, by kind; what is not due yet is not walked, and a long queue not to its end', async () => {
  await using db = await startStore()
  const { take } = await startScan(db)
  await queueUp(db, 'broken', MOST_COUNTED + LIMIT)
  await db.transaction(async (tx) => {
    await enqueue(tx, { kind: 'notify', ref: 'early', lane: 'webpush', dueAt: NOW - 5_000 })
    await enqueue(tx, { kind: 'notify', ref: 'later', lane: 'webpush', dueAt: NOW + 5_000 })
  })
  const taken = await take()

  const depth = new Map((await outboxDepth(db, NOW)).map(({ kind, ...rest }) => [kind, rest]))
  assert.deepEqual(depth.get('notify'), { due: 1, leased: 0, oldestDueAt: NOW - 5_000 })
  assert.partialDeepStrictEqual(depth.get('deliver'), { due: MOST_COUNTED, leased: taken.length })
  assert.deepEqual(depth.get('expire'), { due: 0, leased: 0, oldestDueAt: null })
  assert.equal(depth.size, 9, 'each kind of work has a line')
})

test('what was left lying is taken in its order as its lane gets room', async () => {
  await using db = await startStore()
  const { take, lanes } = await startScan(db)
  await queueUp(db, 'busy', 30)

  const taken: string[] = []
  for (let jobs = await take(); jobs.length > 0; jobs = await take()) {
    assert.ok(jobs.length <= MOST)
    for (const { lane } of jobs) lanes.begin(lane)
    assert.deepEqual(await take(), [])
    await db.transaction(async (tx) => {
      for (const job of jobs) await completeJob(tx, job)
    })
    for (const { lane } of jobs) lanes.end(lane, false)
    taken.push(...jobs.map(refOf))
  }

  assert.deepEqual(
    taken,
    Array.from({ length: 30 }, (_, i) => numbered('busy', i + 1)),
  )
})

test('a limit that is met keeps the place: nothing is passed over', async () => {
  await using db = await startStore()
  const { take } = await startScan(db)
  for (let i = 0; i < 50; i += 1) await promise(db, `job-${String(i).padStart(2, '0')}`)

  const taken: string[] = []
  for (let jobs = await take(7); jobs.length > 0; jobs = await take(7)) taken.push(...jobs.map(refOf))

  assert.equal(taken.length, 50)
  assert.deepEqual(taken, taken.toSorted())
})

test('two that take at the same time never get the same job', async () => {
  await using db = await startStore()
  const scans = [await startScan(db), await startScan(db), await startScan(db), await startScan(db)]
  for (let i = 0; i < 200; i += 1) await promise(db, `job-${i}`)

  const taken: Job[] = []
  for (let turn = 0; turn < 20; turn += 1) {
    const jobs = await Promise.all(scans.map(({ take }) => take(10)))
    taken.push(...jobs.flat())
  }

  assert.equal(taken.length, 200)
  assert.equal(new Set(taken.map(refOf)).size, 200)
})

async function startScan(db: Database) {
  const lanes = createLanes({ most: MOST, now: () => NOW })
  const scan = createScan({ kind: 'deliver', lanes, most: MOST })
  let statements = 0
  return {
    lanes,
    /** Statements by which rows were looked for. */
    statements: () => statements,
    take: (limit = LIMIT) =>
      db.transaction(async (tx) => {
        const counting: Transaction = {
          ...tx,
          all: (...call) => {
            statements += 1
            return tx.all(...call)
          },
        }
        // The same moment each time: the scan that starts anew by itself every few seconds is not what is looked at.
        return scan.take(counting, { now: NOW, moment: 1, limit })
      }),
  }
}

const refOf = ({ ref }: Job) => ref
const numbered = (lane: string, i: number) => `${lane}-${100_000 + i}`

const promise = (db: Database, ref: string) =>
  db.transaction((tx) => enqueue(tx, { kind: 'deliver', ref, lane: ref, dueAt: NOW }))

/** Lays up a long queue that was due before all else. */
const queueUp = (db: Database, lane: string, count = QUEUE) =>
  db.transaction((tx) =>
    tx.run(sql`
      with recursive counted (i) as (select 1 as i union all select i + 1 from counted where i < ${count})
      insert into outbox (id, kind, ref, lane, due_at, planned_at, attempt)
      select ${`deliver:${lane}-`} || (100000 + i), 'deliver', ${`${lane}-`} || (100000 + i), ${lane},
             cast(${NOW - 3_600_000} as bigint) + i, ${NOW - 3_600_000}, 0
        from counted`),
  )
