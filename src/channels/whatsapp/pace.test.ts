import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heldClock } from '../../../test/support/server.ts'
import { startStore } from '../../../test/support/store.ts'
import { createPace, PAIR_BURST, PAIR_MS, takeTurns } from './pace.ts'

const ASHA = '919812345678'
const number = { phoneNumberId: '106540352242922', messagesPerSecond: 80 }

test('two nodes together send no faster than the number may, evenly', async () => {
  await using db = await startStore()
  const another = await db.again()
  const { now, forward } = heldClock()
  const people = (count: number, node: string) => Array.from({ length: count }, (_, i) => `${node}.${i}`)

  const given = await Promise.all([
    takeTurns({ db, now }, number, people(30, 'a')),
    takeTurns({ db: another, now }, number, people(30, 'b')),
    takeTurns({ db, now }, number, people(20, 'c')),
  ])

  const waits = given
    .flat()
    .map(({ waitMs }) => waitMs)
    .sort((a, b) => a - b)
  for (const [i, wait] of waits.entries()) assert.ok(Math.abs(wait - i * 12.5) < 0.01, `${i}: ${wait} ms`)
  assert.ok(given.flat().every(({ isFree }) => isFree))

  forward(500)
  const [later] = await takeTurns({ db, now }, number, ['d'])
  assert.ok(Math.abs((later?.waitMs ?? 0) - 500) < 0.01, 'half of the second is still taken')
  forward(10_000)
  assert.deepEqual(await takeTurns({ db: another, now }, number, ['e']), [{ isFree: true, waitMs: 0 }])
  await another.close()
})

test('one person gets a burst of 45, and then nothing for as long as it would have taken one by one', async () => {
  await using db = await startStore()
  const { now, forward } = heldClock()
  const send = async () => (await takeTurns({ db, now }, number, [ASHA]))[0]
  for (let i = 0; i < PAIR_BURST; i += 1) {
    assert.equal((await send())?.isFree, true)
    forward(100)
  }
  const sentMs = PAIR_BURST * 100
  assert.deepEqual(await send(), { isFree: false, waitMs: PAIR_BURST * PAIR_MS - sentMs })
  assert.equal(
    (await takeTurns({ db, now }, number, ['919800000001']))[0]?.isFree,
    true,
    'others are not held',
  )
  forward(PAIR_BURST * PAIR_MS - sentMs - 1)
  assert.deepEqual(await send(), { isFree: false, waitMs: 1 })
  forward(1)
  assert.equal((await send())?.isFree, true)
})

test('of one person one message goes in 6 s, where the first 6 s are over', async () => {
  await using db = await startStore()
  const { now, forward } = heldClock()
  const send = async () => (await takeTurns({ db, now }, number, [ASHA]))[0]
  await send()
  forward(2_000)
  assert.equal((await send())?.isFree, true, 'the second is still of the burst')
  forward(5_000)
  assert.deepEqual(await send(), { isFree: false, waitMs: 5_000 })
  forward(5_000)
  for (let i = 0; i < 5; i += 1) {
    assert.equal((await send())?.isFree, true, 'one in 6 s goes for ever')
    forward(PAIR_MS)
  }
})

test('a clock that was set back holds nobody up', async () => {
  await using db = await startStore()
  const { now, forward } = heldClock()
  await takeTurns({ db, now }, number, Array(PAIR_BURST).fill(ASHA))
  forward(-3_600_000)
  assert.deepEqual(await takeTurns({ db, now }, number, [ASHA]), [{ isFree: true, waitMs: 0 }])
})

test('a turn waits for its time, and one that is not given says when to come again', async () => {
  await using db = await startStore()
  const { turn } = createPace({ db, now: Date.now }, { ...number, messagesPerSecond: 20 })
  const never = new AbortController().signal
  const startedAt = performance.now()
  await Promise.all(Array.from({ length: 7 }, (_, i) => turn(`91980000000${i}`, never)))
  assert.ok(performance.now() - startedAt >= 290)

  const { now } = heldClock(Date.now() + 3_600_000)
  const paced = createPace({ db, now }, { ...number, messagesPerSecond: 100_000 })
  await Promise.all(Array.from({ length: PAIR_BURST }, () => paced.turn(ASHA, never)))
  await assert.rejects(paced.turn(ASHA, never), {
    name: 'ChannelFailed',
    kind: 'pair_limited',
    retryAfterMs: PAIR_BURST * PAIR_MS * 1.25,
  })
})
