import { setImmediate as turn } from 'node:timers/promises'
import type { Database } from '#store/database.ts'
import { entryLine } from './entry.ts'
import { eventsBetween } from './events.ts'
import { unpackHashes } from './merkle.ts'
import { firstKept, hashesOf, lastSeal, type Seal, sealOf, sealSince, sealsAfter } from './store.ts'

interface Span {
  /** Epoch milliseconds; without it from the first entry that is kept. */
  from?: number | undefined
  /** Epoch milliseconds; without it up to the last entry that is sealed. */
  to?: number | undefined
}

/** Lines of the file, each JSON. An entry stands as it was hashed; the others have one of these members. */
export interface Head {
  audit_log: 1
  /** The key that signed, as signed notes write it. */
  key: string
  /** Where the tree stands before the first entry of the file; null where that is the first of all. */
  start: { checkpoint: string; peaks: string } | null
}
export interface Mark {
  checkpoint: string
  /** Hashes of the entries above, in base64. */
  leaves?: string
  /** Instead, where the entries have left by their age: what they add to the tree. */
  nodes?: string
}
export interface End {
  end: { entries: number }
}

/**
 * The sealed log, or a part of it, as pieces of NDJSON that `verifyLog` takes. Whole checkpoints go out: from the first
 * one sealed at `from` or later to the first one sealed after `to`, so that every entry of the span is there. One
 * checkpoint's entries are held at a time, and writers wait for nobody.
 */
export async function* exportLog(db: Database, key: string, { from = 0, to }: Span): AsyncGenerator<string> {
  // What is sealed from here on is for another time: an export of a busy log has an end.
  const last = await lastSeal(db)
  const kept = await firstKept(db)
  const first = kept === undefined ? undefined : await sealSince(db, from)
  const startSize = first
    ? Math.max(first.sinceSize, (await sealOf(db, kept ?? 0))?.sinceSize ?? 0)
    : undefined
  let size = startSize ?? last?.size ?? 0
  const start = await sealOf(db, size)
  yield line({
    audit_log: 1,
    key,
    start: start ? { checkpoint: start.note, peaks: base64(start.peaks) } : null,
  })
  let entries = 0
  while (last && size < last.size) {
    // The embedded store reads without ever going round the event loop: others must have their turn.
    await turn()
    const [seal] = await sealsAfter(db, size, 1)
    if (!seal) break
    const { lines, mark } = await sealed(db, seal)
    entries += lines.length
    yield lines.join('') + line(mark)
    size = seal.size
    if (to !== undefined && seal.sealedAt > to) break
  }
  yield line({ end: { entries } })
}

async function sealed(db: Database, seal: Seal): Promise<{ lines: string[]; mark: Mark }> {
  const hashes = await hashesOf(db, seal.size)
  const events = hashes ? await eventsBetween(db, seal.sinceSeq, seal.lastSeq) : []
  // Entries that leave by their age just now leave with their hashes.
  const isWhole = hashes && (events.length > 0 || (await hashesOf(db, seal.size)) !== undefined)
  if (!isWhole) return { lines: [], mark: { checkpoint: seal.note, nodes: base64(seal.nodes) } }
  return {
    lines: events.map((event) => `${entryLine(event)}\n`),
    mark: { checkpoint: seal.note, leaves: base64(hashes) },
  }
}

const line = (value: Head | Mark | End): string => `${JSON.stringify(value)}\n`

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')

/** Hashes as they stand in a line. */
export const hashesIn = (encoded: string): Buffer[] => unpackHashes(Buffer.from(encoded, 'base64'))
