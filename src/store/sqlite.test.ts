import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { StoreUnavailable } from '#base/errors.ts'
import { names, put, startStore } from '../../test/support/store.ts'
import { sql } from './sql.ts'
import { openSqlite } from './sqlite.ts'

test('transactions that wait together share one commit', async () => {
  await using db = await startStore()
  const before = walFrames(db.path)

  await Promise.all(Array.from({ length: 50 }, (_, i) => db.transaction((tx) => put(tx, `fact-${i}`))))

  assert.equal((await names(db)).length, 50)
  // Each commit writes its pages to the log anew: fifty commits would write this page fifty times.
  const written = walFrames(db.path) - before
  assert.ok(written < 10, `${written} pages were written`)
})

test('a file that another process holds locked is waited for, then told in a sentence', async () => {
  await using db = await startStore()
  const other = new DatabaseSync(db.path)
  other.exec('begin immediate')
  setTimeout(() => other.exec('commit'), 200)
  await db.transaction((tx) => put(tx, 'waited'))
  assert.deepEqual(await names(db), ['waited'])

  other.exec('begin immediate')
  await assert.rejects(
    db.transaction((tx) => put(tx, 'gave up')),
    (fault) => fault instanceof StoreUnavailable && /is locked by another process/.test(fault.message),
  )
  other.exec('rollback')
  other.close()
  await db.transaction((tx) => put(tx, 'works again'))
})

test('a full store is told in a sentence, loses nothing that was acknowledged, and works again with room', async () => {
  await using db = await startStore()
  await db.transaction((tx) => put(tx, 'before'))
  await db.transaction((tx) => tx.script('pragma max_page_count = 1'))

  const bulk = new Uint8Array(2_000_000)
  const attempts = ['one', 'two'].map((name) =>
    db.transaction((tx) => tx.run(sql`insert into store_facts (name, value) values (${name}, ${bulk})`)),
  )
  for (const { status, ...rest } of await Promise.allSettled(attempts)) {
    assert.equal(status, 'rejected')
    assert.match(String((rest as { reason: Error }).reason), /the disk is full/)
  }

  await db.transaction((tx) => tx.script('pragma max_page_count = 1000000'))
  await db.transaction((tx) => put(tx, 'later'))
  assert.deepEqual(await names(db), ['before', 'later'])
})

test('a damaged file and a file of something else are told in a sentence', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'))
  const path = join(folder, 'countersign.db')
  await writeFile(path, 'this is a text, not a store, and it is long enough to be looked at. '.repeat(50))
  await assert.rejects(openSqlite(path), /is not a store of Countersign/)
  await assert.rejects(openSqlite(join(folder, 'missing', 'countersign.db')), /cannot be opened/)
  await rm(folder, { recursive: true })
})

test('a deleted value leaves the disk', async () => {
  await using db = await startStore()
  const secret = Buffer.from('a-value-that-must-not-stay-on-the-disk')
  await db.transaction((tx) =>
    tx.run(sql`insert into store_facts (name, value) values ('secret', ${secret})`),
  )
  await db.transaction((tx) => tx.run(sql`delete from store_facts where name = 'secret'`))
  await new Promise((resolve) => setTimeout(resolve, 4_000))

  const { readFile } = await import('node:fs/promises')
  for (const suffix of ['', '-wal']) {
    const bytes = await readFile(db.path + suffix).catch(() => Buffer.alloc(0))
    assert.equal(bytes.includes(secret), false, `${suffix || 'file'} still holds it`)
  }
})

/** Pages in the write-ahead log (https://www.sqlite.org/fileformat2.html#walformat): frames of 24 bytes and a page. */
function walFrames(path: string): number {
  const { statSync } = process.getBuiltinModule('node:fs')
  return Math.floor((statSync(`${path}-wal`).size - 32) / (24 + 4096))
}
