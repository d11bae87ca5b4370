import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { recordEvent } from '#audit/events.ts'
import { exportLog } from '#audit/export.ts'
import { readAuditKey } from '#audit/note.ts'
import { retireEvents } from '#audit/retire.ts'
import { sealEvents } from '#audit/seal.ts'
import { lastSeal, sealsAfter } from '#audit/store.ts'
import { verifyLog } from '#audit/verify.ts'
import { DAY } from '#base/clock.ts'
import type { Database } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import { startStore } from '../support/store.ts'

const newKey = () =>
  readAuditKey(generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }))

const record = (db: Database, kind: string, at = Date.now()) =>
  db.transaction((tx) => recordEvent(tx, { kind, at, actor: 'system', detail: `“${kind}” \u2028 ✓` }))

async function startLog(batches: readonly number[] = []) {
  const db = await startStore()
  let at = Date.UTC(2026, 10, 24)
  const context = { db, auditKey: newKey(), now: () => at }
  const lines = async (span = {}) => {
    let text = ''
    for await (const piece of exportLog(db, context.auditKey.verifier, span)) text += piece
    return text.trimEnd().split('\n')
  }
  let made = 0
  /** So many entries under a checkpoint of their own, a day after the one before. */
  const addBatch = async (count: number) => {
    for (let i = 0; i < count; i += 1) {
      made += 1
      await record(db, `kind_${made}`, at)
    }
    assert.equal(await sealEvents(context), true)
    at += DAY
  }
  for (const count of batches) await addBatch(count)
  return {
    db,
    context,
    lines,
    addBatch,
    now: () => at,
    notes: async () => (await sealsAfter(db, 0, 1_000)).map(({ note }) => note),
    [Symbol.asyncDispose]: () => db[Symbol.asyncDispose](),
  }
}

/** Where the entry with this number stands in an export. */
const placeOf = (lines: readonly string[], seq: number) =>
  lines.findIndex((line) => (JSON.parse(line) as { seq?: number }).seq === seq)

describe('the sealed log', () => {
  test('holds as it was exported, under one key, and only under that key', async () => {
    await using log = await startLog([3, 1, 600])
    const verdict = await verifyLog(await log.lines())
    assert.deepEqual(verdict.findings, [])
    assert.equal(verdict.entries, 604)
    assert.equal(verdict.size, 604)
    assert.equal(verdict.key, log.context.auditKey.verifier)
    // 600 are more than one checkpoint is over.
    assert.equal((await log.notes()).length, 4)
    const other = await verifyLog(await log.lines(), { key: newKey().verifier })
    assert.match(other.findings.join('\n'), /another key/)
  })

  test('an entry that was changed is named', async () => {
    await using log = await startLog([5, 5, 5])
    const lines = await log.lines()
    const place = placeOf(lines, 8)
    lines[place] = (lines[place] as string).replace('"system"', '"user"')
    const { findings, entries } = await verifyLog(lines)
    assert.deepEqual(findings, ['Entry 8 was changed.'])
    assert.equal(entries, 14)
  })

  test('an entry that was removed is told of by its neighbours', async () => {
    await using log = await startLog([5, 5, 5])
    const lines = await log.lines()
    lines.splice(placeOf(lines, 8), 1)
    const { findings } = await verifyLog(lines)
    assert.deepEqual(findings, [
      'An entry was removed behind entry 7 and before entry 9 (place 8 of the log).',
    ])
  })

  test('an entry that was moved, added or doubled is named', async () => {
    await using log = await startLog([5, 5, 5])
    const moved = await log.lines()
    const [line = ''] = moved.splice(placeOf(moved, 6), 1)
    moved.splice(placeOf(moved, 10) + 1, 0, line)
    assert.deepEqual((await verifyLog(moved)).findings, ['Entry 6 was moved: it stood further up.'])

    const added = await log.lines()
    added.splice(placeOf(added, 9), 0, line.replace('"seq":6', '"seq":99'))
    assert.deepEqual((await verifyLog(added)).findings.slice(0, 1), ['Entry 99 was added.'])

    const doubled = await log.lines()
    doubled.splice(placeOf(doubled, 9), 0, line)
    assert.match((await verifyLog(doubled)).findings.join('\n'), /Entry 6 stands there twice/)
  })

  test('what is changed in the store itself is found in the next export', async () => {
    await using log = await startLog([5, 5])
    await log.db.transaction((tx) => tx.run(sql`update events set actor = 'user' where seq = 3`))
    await log.db.transaction((tx) => tx.run(sql`delete from events where seq = 7`))
    await log.db.transaction((tx) => tx.run(sql`update events set seq = 700 where seq = 10`))
    const { findings } = await verifyLog(await log.lines())
    assert.match(findings.join('\n'), /Entry 3 was changed/)
    assert.match(findings.join('\n'), /removed behind entry 6 and before entry 8/)
    assert.match(findings.join('\n'), /removed behind entry 9/)
  })

  test('a changed, removed or foreign checkpoint, and changed hashes, are found', async () => {
    await using log = await startLog([4, 4, 4])
    const marks = (lines: readonly string[]) =>
      lines.flatMap((line, i) => ('checkpoint' in (JSON.parse(line) as object) ? [i] : []))

    const cut = await log.lines()
    cut.splice(marks(cut)[1] ?? 0, 1)
    assert.match((await verifyLog(cut)).findings.join('\n'), /A part is missing/)

    const changed = await log.lines()
    const at = marks(changed)[1] ?? 0
    const mark = JSON.parse(changed[at] ?? '') as { checkpoint: string; leaves: string }
    changed[at] = JSON.stringify({ ...mark, checkpoint: mark.checkpoint.replace('time 1', 'time 2') })
    assert.match((await verifyLog(changed)).findings.join('\n'), /not signed by the key/)

    const hashes = Buffer.from(mark.leaves, 'base64')
    hashes[0] = (hashes[0] ?? 0) ^ 1
    changed[at] = JSON.stringify({ ...mark, leaves: hashes.toString('base64') })
    assert.match(
      (await verifyLog(changed)).findings.join('\n'),
      /hashes of the entries .* were changed.*5 to 8/,
    )

    const tail = (await log.lines()).slice(0, (marks(cut)[1] ?? 0) - 2)
    assert.match((await verifyLog(tail)).findings.join('\n'), /under no checkpoint|ends too early/)
    await assert.rejects(verifyLog(['{"seq":1}']), /not an exported audit log/)
    await assert.rejects(verifyLog([]), /empty/)
  })

  test('an end that was cut off, and a log written anew with its own key, are seen by checkpoints kept elsewhere', async () => {
    await using log = await startLog([4, 4, 4])
    const known = await log.notes()
    assert.equal((await verifyLog(await log.lines(), { known })).agreed, 3)

    // By whoever holds database and key: the end gone, then all of it written and signed again.
    await log.db.transaction(async (tx) => {
      await tx.run(sql`delete from event_seals where size > 4`)
      await tx.run(sql`delete from event_leaves where size > 4`)
      await tx.run(sql`delete from events where seq > 8`)
    })
    assert.deepEqual((await verifyLog(await log.lines())).findings, [])
    const cut = await verifyLog(await log.lines(), { known })
    assert.match(cut.findings.join('\n'), /12 entries is known, but the file ends at 4/)

    await log.db.transaction((tx) => tx.run(sql`update events set actor = 'user' where seq = 5`))
    await log.addBatch(4)
    const rewritten = await verifyLog(await log.lines(), { known })
    // The checkpoint over 8 lies inside the new one, and is looked at all the same.
    assert.match(rewritten.findings.join('\n'), /over 8 entries, kept elsewhere, tells of other entries/)
    const both = await verifyLog(await log.lines(), { known: [...known, ...(await log.notes())] })
    assert.match(both.findings.join('\n'), /Two checkpoints over 12 entries were signed/)
  })

  test('a span of time is exported in whole checkpoints and holds by itself', async () => {
    await using log = await startLog([3, 3, 3, 3, 3])
    const day = (nth: number) => Date.UTC(2026, 10, 24 + nth)
    const part = await verifyLog(await log.lines({ from: day(2), to: day(2) + 1 }), {
      known: await log.notes(),
    })
    assert.equal(part.before, 6)
    assert.equal(part.entries, 6)
    assert.match(part.findings.join('\n'), /^A checkpoint over 15 entries is known/)
    const rest = await verifyLog(await log.lines({ from: day(4) }))
    assert.deepEqual([rest.findings, rest.before, rest.entries], [[], 12, 3])
    const none = await verifyLog(await log.lines({ from: day(40) }))
    assert.deepEqual([none.findings, none.before, none.entries], [[], 15, 0])
    await using empty = await startLog()
    assert.deepEqual((await verifyLog(await empty.lines())).findings, [])
  })

  test('letting old entries go can be told to stop after the bite that is under way, and goes on another time', async () => {
    await using log = await startLog([3, 4, 5, 6])
    const old = log.now() + 1_000 * DAY
    const stop = new AbortController()
    const db = {
      ...log.db,
      transaction: async <T>(work: Parameters<typeof log.db.transaction<T>>[0]) => {
        stop.abort()
        return log.db.transaction(work)
      },
    }
    assert.equal(await retireEvents(db, old, stop.signal), 3)
    assert.equal(await retireEvents(log.db, old), 9)
    assert.deepEqual((await verifyLog(await log.lines())).findings, [])
  })

  test('old entries leave a checkpoint at a time; what is left holds, and so do all checkpoints', async () => {
    await using log = await startLog([3, 4, 5, 6])
    const known = await log.notes()
    assert.equal(await retireEvents(log.db, Date.UTC(2026, 10, 26)), 7)
    const lines = await log.lines()
    const verdict = await verifyLog(lines, { known })
    assert.equal(verdict.before, 7)
    assert.equal(verdict.entries, 11)
    // The first checkpoint ends before the file begins; the second is where it begins.
    assert.equal(verdict.agreed, 3)
    assert.deepEqual(verdict.findings, [])

    // Without the entries their nodes still lead from one checkpoint to the next.
    const chain = [
      JSON.stringify({ audit_log: 1, key: log.context.auditKey.verifier, start: null }),
      ...(await sealsAfter(log.db, 0, 100)).map(({ note, nodes }) =>
        JSON.stringify({ checkpoint: note, nodes: Buffer.from(nodes).toString('base64') }),
      ),
      JSON.stringify({ end: { entries: 0 } }),
    ]
    assert.deepEqual((await verifyLog(chain, { known })).findings, [])

    // However old they are, the last ones stay: the largest number is never given twice.
    assert.equal(await retireEvents(log.db, log.now() + 1_000 * DAY), 5)
    await log.addBatch(1)
    const after = await verifyLog(await log.lines(), { known })
    assert.deepEqual([after.findings, after.before, after.entries], [[], 12, 7])
  })

  test('entries that were taken away between others do not pass for old ones', async () => {
    await using log = await startLog([3, 4, 5])
    await log.db.transaction(async (tx) => {
      await tx.run(sql`delete from event_leaves where size = 7`)
      await tx.run(sql`delete from events where seq > 3 and seq <= 7`)
    })
    assert.match((await verifyLog(await log.lines())).findings.join('\n'), /over 7 entries were removed/)
  })

  test('sealing reads what is new, and keeps little of what is old', async () => {
    await using log = await startLog([40, 40])
    const seal = await lastSeal(log.db)
    assert.equal(seal?.sinceSeq, 40)
    // 80 is two whole subtrees.
    assert.equal(seal?.peaks.length, 2 * 32)
    const before = (await log.notes()).length
    assert.equal(await sealEvents(log.context), true)
    assert.equal((await log.notes()).length, before)
  })

  test('two that seal at the same moment make one log', async () => {
    await using log = await startLog()
    for (let i = 0; i < 30; i += 1) await record(log.db, `kind_${i}`)
    await Promise.all([1, 2, 3].map(() => sealEvents(log.context)))
    const verdict = await verifyLog(await log.lines())
    assert.deepEqual([verdict.findings, verdict.entries], [[], 30])
  })

  test('an export while others write, seal and let go holds, whatever it contains', async () => {
    await using log = await startLog([20, 20, 20])
    let isWriting = true
    const writing = (async () => {
      for (let i = 0; isWriting && i < 2_000; i += 1) {
        await record(log.db, `more_${i}`)
        if (i % 25 === 0) await sealEvents(log.context)
      }
    })()
    let last = 0
    for (let i = 0; i < 200 && last < 200; i += 1) {
      const verdict = await verifyLog(await log.lines())
      assert.deepEqual(verdict.findings, [])
      assert.ok(verdict.size >= last)
      last = verdict.size
      if (i === 3) await retireEvents(log.db, Date.UTC(2026, 10, 25))
    }
    isWriting = false
    await writing
    assert.ok(last >= 200, `${last} entries`)
  })
})
