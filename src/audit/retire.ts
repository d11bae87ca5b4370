import { setTimeout as pause } from 'node:timers/promises'
import type { Database } from '#store/database.ts'
import { deleteSealed, firstKept, lastSeal, sealOf } from './store.ts'

/** After each bite, times as long as it took: whoever waits for the store is to feel little of it. */
const REST = 3

/**
 * Lets the oldest entries go, a checkpoint's at a time, once they were sealed before this time. Their checkpoints stay,
 * and the hashes by which the tree still follows from one to the next. What is not sealed stays, and so do the entries of
 * the last checkpoint: the largest number must never be given twice.
 *
 * @param signal ends it after the bite that is under way; the rest stays for the next time
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
    const from = performance.now()
    retired += await db.transaction((tx) => deleteSealed(tx, seal))
    await pause((performance.now() - from) * REST)
  }
  return retired
}
