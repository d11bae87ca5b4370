import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '#audit/events.ts'
import { jsonLog } from '#base/log.ts'
import type { Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import { startStore } from '../../../test/support/store.ts'
import { createLiveHub } from './hub.ts'

const log = jsonLog(() => {})

const insert = (tx: Transaction, seq: number, userId: string) =>
  tx.run(sql`
    insert into events (seq, user_id, request_id, kind, actor, at) values (${seq}, ${userId}, 'req_1', 'asked', 'client', 1)`)

async function heard(
  listen: (listener: (event: Event) => void) => () => void,
  count: number,
): Promise<number[]> {
  const seqs: number[] = []
  // The hub keeps no process alive by itself.
  const alive = setInterval(() => {}, 1_000)
  const stop = await new Promise<() => void>((resolve) => {
    const forget = listen((event) => {
      seqs.push(event.seq)
      if (seqs.length === count) setImmediate(() => resolve(forget))
    })
  })
  clearInterval(alive)
  stop()
  return seqs
}

test('a user hears of their own events, once each and in order, and of nobody else', async () => {
  await using db = await startStore()
  const hub = createLiveHub({ db, log })
  const hearing = heard((listener) => hub.listen('asha', listener), 3)
  await new Promise((resolve) => setTimeout(resolve, 50))
  for (const [seq, user] of [
    [1, 'asha'],
    [2, 'ravi'],
    [3, 'asha'],
    [4, 'asha'],
  ] as const) {
    await db.transaction(async (tx) => {
      await insert(tx, seq, user)
      tx.hint('events')
    })
  }
  assert.deepEqual(await hearing, [1, 3, 4])
  hub.stop()
})

test('an event whose number came before others but whose commit came after them is heard too', async () => {
  await using db = await startStore()
  const hub = createLiveHub({ db, log })
  const hearing = heard((listener) => hub.listen('asha', listener), 3)
  await new Promise((resolve) => setTimeout(resolve, 50))
  for (const seq of [1, 3, 2]) {
    await db.transaction((tx) => insert(tx, seq, 'asha'))
    await db.transaction(async (tx) => tx.hint('events'))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.deepEqual(await hearing, [1, 3, 2])
  hub.stop()
})

test('what no hint told of is found by the look each second', async () => {
  await using db = await startStore()
  const hub = createLiveHub({ db, log })
  const hearing = heard((listener) => hub.listen('asha', listener), 1)
  await new Promise((resolve) => setTimeout(resolve, 50))
  await db.transaction((tx) => insert(tx, 1, 'asha'))
  assert.deepEqual(await hearing, [1])
  hub.stop()
})
