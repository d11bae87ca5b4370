import { compareEntries } from './compare.ts'
import { type End, type Head, hashesIn, type Mark } from './export.ts'
import { addNode, type Edge, emptyEdge, leafHash, rootOf, spansOf } from './merkle.ts'
import { type Checkpoint, openCheckpoint, readVerifier, type Verifier } from './note.ts'

export interface Verdict {
  /** The key that signed, as signed notes write it. */
  key: string
  fingerprint: string
  /** Entries that are in the file and hold. */
  entries: number
  /** Entries of the log before the first one of the file, and when the last of them was sealed. */
  before: number
  beforeAt: number | undefined
  /** Entries of the log up to the end of the file, and when the last of them was sealed. */
  size: number
  sealedAt: number | undefined
  /** Checkpoints known from elsewhere that the file agrees with. */
  agreed: number
  /** Sentences that say what is wrong; empty if all holds. */
  findings: string[]
}

interface VerifyOptions {
  /** The key that must have signed; without it the one that the file names is believed. */
  key?: string | undefined
  /** Checkpoints that were kept elsewhere: the log must still be the one that they tell of. */
  known?: readonly string[]
}

/** More findings than anybody reads. */
const MOST_FINDINGS = 50

/**
 * Checks an exported log, line by line and without a server: that each checkpoint is signed by the key and follows from
 * the one before, and that the entries are those that were sealed, in their order.
 *
 * @throws Error with a sentence when the lines are no exported log at all
 */
export async function verifyLog(
  lines: AsyncIterable<string> | Iterable<string>,
  { key, known = [] }: VerifyOptions = {},
): Promise<Verdict> {
  let reading: Reading | undefined
  for await (const line of lines) {
    if (line === '') continue
    if (reading) {
      if (!reading.take(line)) break
    } else reading = readFrom(headOf(line), key, known)
  }
  if (!reading) throw new Error('The file is empty.')
  return reading.end()
}

function headOf(line: string): Head {
  const head = parse(line) as Partial<Head> | undefined
  const isOurs = head?.audit_log === 1 && typeof head.key === 'string' && typeof head.start === 'object'
  if (!isOurs) throw new Error('The file is not an exported audit log of a form that this release knows.')
  return head as Head
}

interface Reading {
  /** @returns whether what follows can still be judged */
  take(line: string): boolean
  end(): Verdict
}

function readFrom(head: Head, key: string | undefined, known: readonly string[]): Reading {
  const verifier = readVerifier(key ?? head.key)
  const findings: string[] = []
  if (key && key !== head.key) findings.push('The file names another key than the one that was asked for.')
  const expected = knownRoots(verifier, known, findings)
  const edge = emptyEdge()
  const start = startOf(head, verifier, edge, findings)
  const verdict = {
    key: key ?? head.key,
    fingerprint: verifier.fingerprint,
    entries: 0,
    before: edge.size,
    beforeAt: start?.at,
    sealedAt: start?.at,
    agreed: 0,
  }
  let waiting: string[] = []
  let total = 0
  let isComplete = false
  let isBroken = findings.length > 0

  const agree = () => {
    const root = expected.get(edge.size)
    if (!root) return
    expected.delete(edge.size)
    if (rootOf(edge).equals(root)) verdict.agreed += 1
    else findings.push(`A checkpoint over ${edge.size} entries, kept elsewhere, tells of other entries.`)
  }
  agree()

  function takeMark({ checkpoint: note, leaves, nodes }: Partial<Mark>): boolean {
    const place = waiting.length > 0 ? `behind entry ${seqOf(waiting.at(-1) ?? '')}` : `at size ${edge.size}`
    const fault = (text: string) => {
      findings.push(text)
      return false
    }
    const checkpoint = openCheckpoint(verifier, String(note))
    if (!checkpoint) return fault(`The checkpoint ${place} is not signed by the key of the log.`)
    const sealed = leaves === undefined ? undefined : hashesIn(leaves)
    const grown = sealed ? grow(edge, sealed, agree) : growByNodes(edge, checkpoint, hashesIn(String(nodes)))
    if (!grown || edge.size !== checkpoint.size)
      return fault(`A part is missing, with its checkpoints, before the one over ${checkpoint.size} entries.`)
    if (!rootOf(edge).equals(checkpoint.root)) {
      return fault(
        `The hashes of the entries before the checkpoint over ${checkpoint.size} entries were changed. ` +
          `Its last entries in this file are ${seqOf(waiting[0] ?? '')} to ${seqOf(waiting.at(-1) ?? '')}.`,
      )
    }
    if (!sealed) agree()
    if (!sealed && verdict.entries > 0)
      findings.push(`The entries before the checkpoint over ${checkpoint.size} entries were removed.`)
    const { holding, faults } = compareEntries(
      waiting.map((line) => ({ seq: seqOf(line), hash: leafHash(line) })),
      sealed ?? [],
      checkpoint.size - (sealed?.length ?? 0),
    )
    findings.push(...faults)
    verdict.entries += holding
    verdict.sealedAt = checkpoint.at
    waiting = []
    return true
  }

  return {
    take(line) {
      if (isBroken || findings.length >= MOST_FINDINGS) return false
      const value = parse(line) as (Partial<Mark> & Partial<End>) | undefined
      if (value && 'checkpoint' in value) isBroken = !takeMark(value)
      else if (value && 'end' in value) isComplete = value.end?.entries === total
      else {
        waiting.push(line)
        total += 1
      }
      return !isBroken
    },
    end() {
      if (waiting.length > 0 && !isBroken)
        findings.push(`${waiting.length} entries at the end of the file are under no checkpoint.`)
      if (!isComplete && findings.length === 0)
        findings.push('The file ends too early, or was put together from parts. Export it again.')
      const lost = isBroken ? [] : [...expected.keys()].filter((size) => size > edge.size)
      for (const size of lost)
        findings.push(
          `A checkpoint over ${size} entries is known, but the file ends at ${edge.size}: its end was cut off, or it is older.`,
        )
      return { ...verdict, size: edge.size, findings }
    },
  }
}

/** Sets the edge to where the file begins. */
function startOf(
  { start }: Head,
  verifier: Verifier,
  edge: Edge,
  findings: string[],
): Checkpoint | undefined {
  if (start === null) return undefined
  const checkpoint = openCheckpoint(verifier, String(start.checkpoint))
  edge.peaks = hashesIn(String(start.peaks))
  edge.size = checkpoint?.size ?? 0
  const isWhole = checkpoint && edge.peaks.length === spansOf(0, checkpoint.size).length
  if (isWhole && rootOf(edge).equals(checkpoint.root)) return checkpoint
  findings.push('The checkpoint that the file begins with does not hold.')
  return undefined
}

/** Sizes and roots of what was kept elsewhere. */
function knownRoots(verifier: Verifier, known: readonly string[], findings: string[]): Map<number, Buffer> {
  const roots = new Map<number, Buffer>()
  for (const note of known) {
    const checkpoint = openCheckpoint(verifier, note)
    const other = checkpoint && roots.get(checkpoint.size)
    if (!checkpoint)
      findings.push('A checkpoint that was kept elsewhere is not signed by the key of this log.')
    else if (other && !other.equals(checkpoint.root))
      findings.push(`Two checkpoints over ${checkpoint.size} entries were signed, and they differ.`)
    else roots.set(checkpoint.size, checkpoint.root)
  }
  return roots
}

/** A checkpoint from elsewhere may be over any number of entries, so it is looked for at each. */
function grow(edge: Edge, leaves: readonly Buffer[], each: () => void): boolean {
  for (const leaf of leaves) {
    addNode(edge, leaf)
    each()
  }
  return true
}

function growByNodes(edge: Edge, { size }: Checkpoint, nodes: readonly Buffer[]): boolean {
  const heights = spansOf(edge.size, size)
  if (heights.length !== nodes.length) return false
  for (const [i, height] of heights.entries()) addNode(edge, nodes[i] as Buffer, height)
  return true
}

function parse(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** The number that a line gives itself. */
const seqOf = (line: string): string => {
  const { seq } = (parse(line) ?? {}) as { seq?: unknown }
  return typeof seq === 'number' ? String(seq) : 'without a number'
}
