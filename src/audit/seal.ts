import type { Clock } from '#base/clock.ts'
import type { Database } from '#store/database.ts'
import { entryLine } from './entry.ts'
import { type Event, eventsAfter } from './events.ts'
import { addNode, type Edge, leafHash, nodesOf, packHashes, rootOf, unpackHashes } from './merkle.ts'
import { type AuditKey, signCheckpoint } from './note.ts'
import { settledUpTo } from './settled.ts'
import { insertSeal, lastSeal, type Seal } from './store.ts'

export interface SealContext {
  db: Database
  now: Clock
  auditKey: AuditKey
}

/** Entries under one checkpoint at most: a few milliseconds of work. */
const BATCH = 500

/**
 * Seals the events that came since the last checkpoint, in order, as far as no other can come between them. It reads the
 * new ones alone, and of the old ones the edge of the tree.
 *
 * @returns whether all that was there is sealed; false while somebody's transaction is open before it
 */
export async function sealEvents(context: SealContext, signal?: AbortSignal): Promise<boolean> {
  const { db } = context
  let settled = 0
  for (;;) {
    const before = await lastSeal(db)
    const since = before?.lastSeq ?? 0
    const events = await eventsAfter(db, since, BATCH)
    if (events.length === 0) return true
    const ready = db.engine === 'sqlite' ? events : unbroken(events, since, settled)
    if (ready.length > 0) {
      await sealBatch(context, before, ready)
      continue
    }
    const upTo = await settledUpTo(db, signal)
    if (upTo === undefined) return false
    settled = upTo
  }
}

/** Events up to the first number that is missing and may still come. */
function unbroken(events: readonly Event[], since: number, settled: number): Event[] {
  const stop = events.findIndex(({ seq }, i) => seq > settled && seq !== (events[i - 1]?.seq ?? since) + 1)
  return stop < 0 ? [...events] : events.slice(0, stop)
}

async function sealBatch({ db, now, auditKey }: SealContext, before: Seal | undefined, events: Event[]) {
  const sinceSize = before?.size ?? 0
  const leaves = events.map((event) => leafHash(entryLine(event)))
  const edge: Edge = { size: sinceSize, peaks: before ? unpackHashes(before.peaks) : [] }
  for (const leaf of leaves) addNode(edge, leaf)
  // Never earlier than the one before, also where a clock was set back: they are looked up by time.
  const sealedAt = Math.max(now(), before?.sealedAt ?? 0)
  const seal = {
    size: edge.size,
    sinceSize,
    sinceSeq: before?.lastSeq ?? 0,
    lastSeq: events.at(-1)?.seq ?? 0,
    sealedAt,
    peaks: packHashes(edge.peaks),
    nodes: packHashes(nodesOf(sinceSize, leaves)),
    note: signCheckpoint(auditKey, { size: edge.size, root: rootOf(edge), at: sealedAt }),
  }
  await db.transaction((tx) => insertSeal(tx, seal, packHashes(leaves)))
}
