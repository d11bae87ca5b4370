import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import postgres from 'postgres'
import { recordEvent } from '#audit/events.ts'
import { exportLog } from '#audit/export.ts'
import { readAuditKey } from '#audit/note.ts'
import { sealEvents } from '#audit/seal.ts'
import { lastSeal } from '#audit/store.ts'
import { verifyLog } from '#audit/verify.ts'
import { newDatabase, usePostgres } from '../support/engine.ts'
import { startStore } from '../support/store.ts'

// The same suite once more, on PostgreSQL.
await usePostgres()
await import('../spec/audit.test.ts')

test('numbers that commit out of order are sealed in order, once nothing can come between them', async () => {
  const url = (await newDatabase()) ?? ''
  await using db = await startStore(async () => url)
  const other = postgres(url, { max: 2 })
  const auditKey = readAuditKey(
    generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }),
  )
  const context = { db, now: Date.now, auditKey }
  const record = (kind: string) => db.transaction((tx) => recordEvent(tx, { kind, at: 1, actor: 'system' }))
  const open = async () => {
    const connection = await other.reserve()
    await connection`begin`
    await connection`insert into events (kind, actor, at) values ('late', 'system', 1)`
    return {
      async end(how: 'commit' | 'rollback') {
        await connection.unsafe(how)
        connection.release()
      },
    }
  }

  await record('first')
  const late = await open()
  const gone = await open()
  await record('fourth')
  await gone.end('rollback')

  // Two and three are missing, and two is still being written: nothing behind them may be sealed.
  assert.equal(await sealEvents(context), false)
  assert.equal((await lastSeal(db))?.lastSeq, 1)

  await late.end('commit')
  assert.equal(await sealEvents(context), true)
  assert.equal((await lastSeal(db))?.lastSeq, 4)
  assert.equal((await lastSeal(db))?.size, 3)
  let text = ''
  for await (const piece of exportLog(db, auditKey.verifier, {})) text += piece
  const verdict = await verifyLog(text.split('\n'))
  assert.deepEqual([verdict.findings, verdict.entries], [[], 3])
  assert.ok(text.indexOf('"late"') < text.indexOf('"fourth"'))
  await other.end()
})
