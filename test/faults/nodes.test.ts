import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { borrowPostgres } from '../support/postgres.ts'
import { newSeed } from '../support/random.ts'
import { killAtRandom, restartInTurn } from './run.ts'

/** Calls under way get 5 s, then attempts under way their 15 s, and what came of them is written down. */
const DRAIN_MS = 25_000

describe('three nodes that share PostgreSQL', () => {
  test('of which one at a time is killed, at any moment, deliver each approval with its one token', async (t) => {
    await using postgres = await borrowPostgres()
    const seed = newSeed()
    t.diagnostic(`FAULT_SEED=${seed}`)
    const database = await postgres.database()
    const { faults, ...counts } = await killAtRandom({ nodes: 3, database, kills: 15, seed })

    t.diagnostic(JSON.stringify(counts))
    assert.deepEqual(faults, [])
    assert.partialDeepStrictEqual(counts, { lost: 0, secondTokens: 0, overlapping: 0, unexplained: 0 })
    assert.ok(counts.approved >= counts.kills, `${counts.approved} approvals are too few to show anything`)
    assert.ok(counts.midway > 0)
  })

  test('and are restarted one after the other deliver nothing twice and leave nothing half done', async (t) => {
    await using postgres = await borrowPostgres()
    const database = await postgres.database()
    await assertSmoothRestarts(t, { nodes: 3, database, rounds: 1 })
  })
})

test('a single server that is restarted delivers nothing twice and leaves nothing half done', async (t) => {
  await assertSmoothRestarts(t, { nodes: 1, rounds: 1 })
})

async function assertSmoothRestarts(
  t: { diagnostic(text: string): void },
  options: { nodes: number; database?: string; rounds: number },
) {
  const seed = newSeed()
  t.diagnostic(`FAULT_SEED=${seed}`)
  const { faults, ...counts } = await restartInTurn({ ...options, seed })

  t.diagnostic(JSON.stringify(counts))
  assert.deepEqual(faults, [])
  // "Abandoned" is an attempt whose server was gone before it ended: a lease that was neither finished nor given back.
  assert.partialDeepStrictEqual(counts, {
    lost: 0,
    secondTokens: 0,
    overlapping: 0,
    repeated: 0,
    abandoned: 0,
  })
  assert.ok(counts.slowestStopMs <= DRAIN_MS, `a stop took ${counts.slowestStopMs} ms`)
  assert.ok(counts.approved >= counts.restarts, `${counts.approved} approvals are too few to show anything`)
}
