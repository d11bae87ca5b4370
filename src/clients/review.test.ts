import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuidv7 } from '#base/ids.ts'
import { sql } from '#store/sql.ts'
import { startServer } from '../../test/support/server.ts'
import { startStore } from '../../test/support/store.ts'
import { reviewClient } from './review.ts'
import {
  clientById,
  clientsUnderReview,
  insertClient,
  reviewOfClient,
  submitForReview,
  UNSAID,
} from './store.ts'

const now = () => 1_000

async function waitingClient(db: Awaited<ReturnType<typeof startStore>>, kind: 'initiator' | 'individual') {
  const id = uuidv7()
  await db.transaction(async (tx) => {
    await tx.run(sql`
      insert into users (id, handle, state, created_at) values ('usr_1', 'asha', 'active', 1) on conflict do nothing`)
    await insertClient(tx, {
      ...UNSAID,
      id,
      kind,
      userId: 'usr_1',
      name: 'Northwind Research',
      state: 'under_review',
      createdAt: 1,
    })
  })
  return id
}

test('an app waits for the operator, is accepted once, and says by whom and when', async () => {
  await using db = await startStore()
  const id = await waitingClient(db, 'initiator')
  assert.deepEqual(
    (await clientsUnderReview(db, '', 10)).map((each) => each.id),
    [id],
  )
  const verdicts = await Promise.allSettled([
    reviewClient({ db, now }, id, { state: 'active', by: 'asha' }),
    reviewClient({ db, now }, id, { state: 'rejected', by: 'ravi', note: 'No.' }),
  ])
  assert.deepEqual(verdicts.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  assert.equal((await clientsUnderReview(db, '', 10)).length, 0)
  const review = await reviewOfClient(db, id)
  assert.equal(review?.reviewedAt, 1_000)
  assert.ok(['asha', 'ravi'].includes(review?.reviewedBy ?? ''))
})

test('who rejects says why, in words that cannot break a line; the owner reads it', async () => {
  await using db = await startStore()
  const id = await waitingClient(db, 'initiator')
  const reject = (note?: string) => reviewClient({ db, now }, id, { state: 'rejected', by: 'operator', note })
  await assert.rejects(reject(), { code: 'review_note_missing' })
  await assert.rejects(reject(' \n '), { code: 'review_note_missing' })
  await assert.rejects(reject('x'.repeat(501)), { code: 'review_note_missing' })
  await reject('The purpose\nsays nothing.\u202e')
  assert.equal((await clientById(db, id))?.state, 'rejected')
  assert.equal((await reviewOfClient(db, id))?.reviewNote, 'The purpose says nothing.')
  const [event] = await db.read<{ kind: string; userId: string }>(
    sql`select kind, user_id from events where client_id = ${id}`,
  )
  assert.deepEqual({ ...event }, { kind: 'app_rejected', userId: 'usr_1' })
  await assert.rejects(reject('Again.'), { code: 'client_reviewed' })
  await assert.rejects(reviewClient({ db, now }, uuidv7(), { state: 'active', by: 'operator' }), {
    code: 'client_not_found',
  })
})

test('an app that was turned down can be sent in again, and forgets what was said; an app of one user cannot', async () => {
  await using db = await startStore()
  const id = await waitingClient(db, 'initiator')
  await reviewClient({ db, now }, id, { state: 'rejected', by: 'operator', note: 'No.' })
  assert.equal(await db.transaction((tx) => submitForReview(tx, id, 2_000)), 1)
  assert.equal((await clientById(db, id))?.state, 'under_review')
  assert.equal(await reviewOfClient(db, id), undefined)
  const own = await waitingClient(db, 'individual')
  await reviewClient({ db, now }, own, { state: 'active', by: 'operator' })
  assert.equal(await db.transaction((tx) => submitForReview(tx, own, 2_000)), 0)
})

test('an app for many users waits from the start, one of its owner alone does not', async () => {
  await using server = await startServer()
  const person = await server.person()
  const make = (kind: string) =>
    person.must<{ client_id: string }>('POST', '/v1/me/apps', { name: 'Northwind Research', kind })
  const stateOf = async ({ client_id }: { client_id: string }) =>
    (await person.must<{ state: string }>('GET', `/v1/me/apps/${client_id}`)).state
  assert.equal(await stateOf(await make('initiator')), 'under_review')
  assert.equal(await stateOf(await make('individual')), 'active')
})
