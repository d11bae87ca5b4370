import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hashSecret } from '#base/secrets.ts'
import { spendJwt } from '#clients/store.ts'
import { sql } from '#store/sql.ts'
import { insertChallenge } from '#users/store.ts'
import { startStore } from '../../test/support/store.ts'
import { clearAway } from './sweep.ts'

const NOW = 1_000_000

test('what has ended leaves in small bites, and nothing else does', async () => {
  await using db = await startStore()
  await db.transaction(async (tx) => {
    for (let i = 0; i < 1_203; i += 1) {
      const expiresAt = i < 1_200 ? NOW - i : NOW + 1
      await insertChallenge(tx, { challenge: `challenge-${i}`, purpose: 'sign_in', userId: null, expiresAt })
    }
    for (const [i, endsAt] of [NOW, NOW + 1].entries())
      await spendJwt(tx, { clientId: 'a', use: 'request', hash: hashSecret(String(i)), endsAt })
  })
  let bites = 0
  const watched = {
    ...db,
    transaction: async <T>(work: Parameters<typeof db.transaction<T>>[0]) => {
      const [before, found] = [await left(), await db.transaction(work)]
      const gone = before - (await left())
      assert.ok(gone <= 500, `${gone} rows at once`)
      if (gone > 0) bites += 1
      return found
    },
  }
  const left = async () => {
    const [row] = await db.read<{ count: number }>(sql`select count(*) as count from challenges`)
    return row?.count ?? 0
  }
  await clearAway({ db: watched, now: () => NOW })

  assert.equal(await left(), 3)
  assert.equal(bites, 3)
  const [jwts] = await db.read<{ count: number }>(sql`select count(*) as count from spent_jwts`)
  assert.equal(jwts?.count, 1)
})
