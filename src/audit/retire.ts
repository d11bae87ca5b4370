import type { Database } from '#store/database.ts'
import { deleteSealed, firstKept, lastSeal, sealOf } from './store.ts'

/**
 * Lets the oldest entries go, a checkpoint's at a time, once they were sealed before this time. Their checkpoints stay,
 * and the hashes by which the tree still follows from one to the next. What is not sealed stays, and so do the entries of
 * the last checkpoint: the largest number must never be given twice.
 *
 * @returns how many went
 */
export async function retireEvents(
  db: Database,
  sealedBefore: number,
  signal?: AbortSignal,
): Promise<number> {
  const last = await lastSeal(db)
  let retired = 0
  while (last && !signal?.aborted) {
    const size = await firstKept(db)
    if (size === undefined || size >= last.size) break
    const seal = await sealOf(db, size)
    if (!seal || seal.sealedAt >= sealedBefore) break
    retired += await db.transaction((tx) => deleteSealed(tx, seal))
  }
  return retired
}
