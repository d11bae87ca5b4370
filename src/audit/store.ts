import type { Database, Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'

/** Entries that were sealed together. */
export interface Seal {
  /** Entries that are sealed so far, these included. */
  size: number
  /** The same before them. */
  sinceSize: number
  /** Theirs are the numbers above `sinceSeq`, up to `lastSeq`. */
  sinceSeq: number
  lastSeq: number
  sealedAt: number
  /** The edge of the tree behind them; hashes behind each other. */
  peaks: Uint8Array
  /** What they add to the tree before them; hashes behind each other. */
  nodes: Uint8Array
  /** The signed checkpoint. */
  note: string
}

export async function lastSeal(db: Database): Promise<Seal | undefined> {
  const [seal] = await db.read<Seal>(sql`
    select size, since_size, since_seq, last_seq, sealed_at, peaks, nodes, note
      from event_seals order by size desc limit 1`)
  return seal
}

/** Seals behind a size, in order. */
export const sealsAfter = (db: Database, size: number, limit: number) =>
  db.read<Seal>(sql`
    select size, since_size, since_seq, last_seq, sealed_at, peaks, nodes, note
      from event_seals where size > ${size} order by size limit ${limit}`)

/** The one that ends with this size. */
export async function sealOf(db: Database, size: number): Promise<Seal | undefined> {
  const [seal] = await db.read<Seal>(sql`
    select size, since_size, since_seq, last_seq, sealed_at, peaks, nodes, note
      from event_seals where size = ${size}`)
  return seal
}

/** The first that was sealed at this time or later. */
export async function sealSince(db: Database, at: number): Promise<Seal | undefined> {
  const [seal] = await db.read<Seal>(sql`
    select size, since_size, since_seq, last_seq, sealed_at, peaks, nodes, note
      from event_seals where sealed_at >= ${at} order by sealed_at, size limit 1`)
  return seal
}

/**
 * Adds a seal with the hashes of its entries. Of two nodes that seal at the same moment one is too late.
 *
 * @returns whether it was the first
 */
export async function insertSeal(tx: Transaction, seal: Seal, hashes: Uint8Array): Promise<boolean> {
  const inserted = await tx.run(sql`
    insert into event_seals (size, since_size, since_seq, last_seq, sealed_at, peaks, nodes, note)
    values (${seal.size}, ${seal.sinceSize}, ${seal.sinceSeq}, ${seal.lastSeq}, ${seal.sealedAt}, ${seal.peaks},
            ${seal.nodes}, ${seal.note})
    on conflict do nothing`)
  if (inserted === 0) return false
  await tx.run(sql`insert into event_leaves (size, hashes) values (${seal.size}, ${hashes})`)
  return true
}

/** Size of the first seal whose entries are still here. */
export async function firstKept(db: Database): Promise<number | undefined> {
  const [row] = await db.read<{ size: number }>(sql`select size from event_leaves order by size limit 1`)
  return row?.size
}

/** Hashes of the entries of a seal, in their order; undefined once the entries have left. */
export async function hashesOf(db: Database, size: number): Promise<Uint8Array | undefined> {
  const [row] = await db.read<{ hashes: Uint8Array }>(
    sql`select hashes from event_leaves where size = ${size}`,
  )
  return row?.hashes
}

/** Takes the entries of a seal away, and their hashes. @returns how many entries */
export async function deleteSealed(tx: Transaction, { size, sinceSeq, lastSeq }: Seal): Promise<number> {
  await tx.run(sql`delete from event_leaves where size = ${size}`)
  return tx.run(sql`delete from events where seq > ${sinceSeq} and seq <= ${lastSeq}`)
}
