import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { addNode, emptyEdge, leafHash, nodesOf, rootOf, spansOf } from './merkle.ts'

// The definitions of the standard as they stand there, over all leaves at once: what our edge is held against.
const sha = (...parts: Buffer[]) => hash('sha256', Buffer.concat(parts), 'buffer')
const split = (n: number) => 2 ** Math.floor(Math.log2(n - 1))

/** RFC 9162 §2.1.1. */
function treeHash(leaves: Buffer[]): Buffer {
  const [first] = leaves
  if (!first) return sha()
  if (leaves.length === 1) return first
  const k = split(leaves.length)
  return sha(Buffer.of(1), treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)))
}

/** RFC 9162 §2.1.3.1. */
function inclusionProof(m: number, leaves: Buffer[]): Buffer[] {
  if (leaves.length === 1) return []
  const k = split(leaves.length)
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  return m < k
    ? [...inclusionProof(m, left), treeHash(right)]
    : [...inclusionProof(m - k, right), treeHash(left)]
}

/** RFC 9162 §2.1.4.1. */
function consistencyProof(m: number, leaves: Buffer[], isWhole = true): Buffer[] {
  if (m === leaves.length) return isWhole ? [] : [treeHash(leaves)]
  const k = split(leaves.length)
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  return m <= k
    ? [...consistencyProof(m, left, isWhole), treeHash(right)]
    : [...consistencyProof(m - k, right, false), treeHash(left)]
}

/** RFC 9162 §2.1.3.2. */
function holdsInclusion(leaf: Buffer, index: number, size: number, proof: Buffer[], root: Buffer): boolean {
  let [fn, sn, r] = [index, size - 1, leaf]
  for (const p of proof) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      r = sha(Buffer.of(1), p, r)
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1]
    } else r = sha(Buffer.of(1), r, p)
    ;[fn, sn] = [fn >> 1, sn >> 1]
  }
  return sn === 0 && r.equals(root)
}

/** RFC 9162 §2.1.4.2. */
function holdsConsistency(first: number, second: number, from: Buffer, to: Buffer, proof: Buffer[]): boolean {
  const path = Number.isInteger(Math.log2(first)) ? [from, ...proof] : proof
  let [fn, sn] = [first - 1, second - 1]
  while (fn % 2 === 1) [fn, sn] = [fn >> 1, sn >> 1]
  let [fr, sr] = [path[0] as Buffer, path[0] as Buffer]
  for (const c of path.slice(1)) {
    if (sn === 0) return false
    if (fn % 2 === 1 || fn === sn) {
      ;[fr, sr] = [sha(Buffer.of(1), c, fr), sha(Buffer.of(1), c, sr)]
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [fn >> 1, sn >> 1]
    } else sr = sha(Buffer.of(1), sr, c)
    ;[fn, sn] = [fn >> 1, sn >> 1]
  }
  return sn === 0 && fr.equals(from) && sr.equals(to)
}

const leavesOf = (count: number) => Array.from({ length: count }, (_, i) => leafHash(`entry ${i}`))
function edgeOf(leaves: Buffer[]) {
  const edge = emptyEdge()
  for (const leaf of leaves) addNode(edge, leaf)
  return edge
}

describe('the tree', () => {
  test('has the roots that are published for the first logs of certificates', () => {
    // Leaves and roots of the tests of Certificate Transparency (RFC 6962), as its implementations share them.
    const inputs = [
      '',
      '00',
      '10',
      '2021',
      '3031',
      '40414243',
      '5051525354555657',
      '606162636465666768696a6b6c6d6e6f',
    ]
    const roots = [
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
      'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
      '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
      'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
      '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    ]
    const edge = emptyEdge()
    assert.equal(rootOf(edge).toString('hex'), roots[0])
    for (const [i, input] of inputs.entries()) {
      addNode(edge, leafHash(Buffer.from(input, 'hex').toString('latin1')))
      assert.equal(rootOf(edge).toString('hex'), roots[i + 1])
    }
  })

  test('has at each size the root, and holds the proofs, of the standard', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 90 }), fc.nat(), fc.nat(), (size, index, earlier) => {
        const leaves = leavesOf(size)
        const edge = edgeOf(leaves)
        const root = rootOf(edge)
        assert.deepEqual(root, treeHash(leaves))
        assert.equal(edge.peaks.length, size.toString(2).replaceAll('0', '').length)

        const m = index % size
        const proof = inclusionProof(m, leaves)
        assert.ok(holdsInclusion(leaves[m] as Buffer, m, size, proof, root))
        assert.ok(!holdsInclusion(leafHash('another'), m, size, proof, root))

        const before = 1 + (earlier % size)
        const older = rootOf(edgeOf(leaves.slice(0, before)))
        if (before === size) return
        const path = consistencyProof(before, leaves)
        assert.ok(holdsConsistency(before, size, older, root, path))
        assert.ok(!holdsConsistency(before, size, leafHash('another'), root, path))
      }),
      { numRuns: 150 },
    )
  })

  test('follows from one size to the next by the nodes between them alone', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }), (batches) => {
        const leaves = leavesOf(batches.reduce((sum, each) => sum + each, 0))
        const edge = emptyEdge()
        for (const batch of batches) {
          const since = edge.size
          const nodes = nodesOf(since, leaves.slice(since, since + batch))
          const heights = spansOf(since, since + batch)
          assert.equal(nodes.length, heights.length)
          assert.ok(nodes.length <= 2 * Math.ceil(Math.log2(batch + 1)) + 1)
          for (const [i, height] of heights.entries()) addNode(edge, nodes[i] as Buffer, height)
          assert.equal(edge.size, since + batch)
          assert.deepEqual(rootOf(edge), treeHash(leaves.slice(0, edge.size)))
        }
      }),
      { numRuns: 150 },
    )
  })
})
