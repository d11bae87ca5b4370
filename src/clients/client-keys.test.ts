import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashSecret } from '#base/secrets.ts'
import { startStore } from '../../test/support/store.ts'
import { deleteEndedJwts, spendJwt } from './store.ts'

test('a JWT that was taken is remembered for as long as it is good, and then no more', async () => {
  await using db = await startStore()
  const spend = (use: 'assertion' | 'request', endsAt: number) =>
    db.transaction((tx) => spendJwt(tx, { clientId: 'a', use, hash: hashSecret('jti'), endsAt }))
  assert.ok(await spend('assertion', 1_000))
  assert.ok(await spend('request', 2_000), 'of another use it is another one')
  await db.transaction((tx) => deleteEndedJwts(tx, 999, 10))
  assert.equal(await spend('assertion', 1_000), undefined)
  await db.transaction((tx) => deleteEndedJwts(tx, 1_000, 10))
  assert.ok(await spend('assertion', 3_000))
  assert.equal(await spend('request', 2_000), undefined)
})
