import { hash } from 'node:crypto'

/**
 * The right edge of a Merkle tree (RFC 9162 §2.1): the roots of its whole subtrees, the largest first. That is all a log
 * has to keep in order to grow: at most 53 hashes, whatever its size.
 */
export interface Edge {
  /** Leaves of the tree. */
  size: number
  peaks: Buffer[]
}

export const emptyEdge = (): Edge => ({ size: 0, peaks: [] })

const LEAF = Buffer.of(0)
const NODE = Buffer.of(1)

/** Of one entry (RFC 9162 §2.1.1). */
export const leafHash = (entry: string): Buffer =>
  hash('sha256', Buffer.concat([LEAF, Buffer.from(entry)]), 'buffer')

const nodeHash = (left: Buffer, right: Buffer): Buffer =>
  hash('sha256', Buffer.concat([NODE, left, right]), 'buffer')

/** Adds a whole subtree of `2 ** height` leaves, whose place must be a multiple of its size. A leaf has the height 0. */
export function addNode(edge: Edge, node: Buffer, height = 0): void {
  let joined = node
  for (let n = edge.size / 2 ** height; n % 2 === 1; n = Math.floor(n / 2)) {
    const left = edge.peaks.pop()
    if (!left) throw new Error('The edge of the tree has fewer hashes than its size asks for.')
    joined = nodeHash(left, joined)
  }
  edge.peaks.push(joined)
  edge.size += 2 ** height
}

/** The root of the whole tree; of an empty one the hash of nothing. */
export function rootOf({ peaks }: Edge): Buffer {
  const [last, ...others] = peaks.toReversed()
  return last ? others.reduce((right, left) => nodeHash(left, right), last) : hash('sha256', '', 'buffer')
}

/** The fewest whole subtrees that cover the leaves from `since` up to, but not including, `size`, with their heights. */
export function spansOf(since: number, size: number): number[] {
  const heights: number[] = []
  for (let at = since; at < size; ) {
    let height = 0
    while (at % 2 ** (height + 1) === 0 && at + 2 ** (height + 1) <= size) height += 1
    heights.push(height)
    at += 2 ** height
  }
  return heights
}

/**
 * What leaves add to a tree of `since` others, as few hashes as there can be: with them alone the edge behind these
 * leaves follows from the one before, so the leaves themselves may be forgotten.
 */
export function nodesOf(since: number, leaves: readonly Buffer[]): Buffer[] {
  let at = 0
  return spansOf(since, since + leaves.length).map((height) => {
    const subtree = emptyEdge()
    for (const leaf of leaves.slice(at, at + 2 ** height)) addNode(subtree, leaf)
    at += 2 ** height
    return rootOf(subtree)
  })
}

/** Hashes behind each other, as they are kept and sent. */
export const packHashes = (hashes: readonly Buffer[]): Buffer => Buffer.concat(hashes)

export function unpackHashes(packed: Uint8Array): Buffer[] {
  const bytes = Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength)
  return Array.from({ length: Math.floor(bytes.length / HASH) }, (_, i) =>
    bytes.subarray(i * HASH, (i + 1) * HASH),
  )
}

const HASH = 32
