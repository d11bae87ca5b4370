import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countAttempt } from '#users/store.ts'
import { sharedLimit } from '../../src/api/shared-limit.ts'
import { heldClock, startServer } from '../support/server.ts'
import { startStore } from '../support/store.ts'

const window = { most: 5, ms: 60_000 }
const outcomes = async (tries: Promise<void>[]) =>
  (await Promise.allSettled(tries)).filter(({ status }) => status === 'fulfilled').length

test('tries on two nodes are counted together, and a new window begins for all', async () => {
  await using db = await startStore()
  const another = await db.again()
  const clock = heldClock()
  const limitOn = (store: typeof db | typeof another) =>
    sharedLimit({ db: store, now: clock.now, steady: clock.now }, 'link_code', window)
  const [here, there] = [limitOn(db), limitOn(another)]

  const tries = Array.from({ length: 4 }, () => [here('usr_1'), there('usr_1')]).flat()
  assert.equal(await outcomes(tries), 5)
  await assert.rejects(there('usr_1'), { code: 'too_many_requests' })
  await there('usr_2')
  await sharedLimit({ db, now: clock.now, steady: clock.now }, 'sign_in', window)('usr_1')

  clock.forward(60_000)
  assert.equal(await outcomes([here('usr_1'), there('usr_1')]), 2)
  clock.forward(-3_600_000)
  await limitOn(db)('usr_1')
  await another.close()
})

test('a node that has refused somebody by itself does not ask the store again', async () => {
  await using db = await startStore()
  const clock = heldClock()
  const limit = sharedLimit({ db, now: clock.now, steady: clock.now }, 'sign_in', window)
  assert.equal(await outcomes(Array.from({ length: 50 }, () => limit('127.0.0.1'))), 5)
  const counted = await db.transaction((tx) =>
    countAttempt(tx, {
      kind: 'sign_in',
      who: '127.0.0.1',
      at: clock.now(),
      freshAfter: clock.now() - window.ms,
    }),
  )
  assert.equal(counted.count, window.most + 1)
})

test('calls for sign-in are counted by both nodes of a store', async () => {
  const clock = heldClock()
  await using one = await startServer({ now: clock.now })
  await using two = await startServer({
    now: clock.now,
    env: one.storeEnv,
    data: one.folder,
  })
  const call = (server: typeof one) =>
    fetch(`${server.origin}/v1/session/options`, {
      method: 'POST',
      headers: { origin: server.origin, 'content-type': 'application/json' },
      body: '{}',
    })
  let taken = 0
  let refused: Response | undefined
  for (let round = 0; round < 13 && !refused; round += 1) {
    const answers = await Promise.all(
      [one, two].flatMap((node) => Array.from({ length: 25 }, () => call(node))),
    )
    taken += answers.filter(({ status }) => status === 200).length
    refused = answers.find(({ status }) => status === 429)
  }
  assert.equal(taken, 600)
  assert.equal(refused?.headers.get('retry-after'), '60')
})
