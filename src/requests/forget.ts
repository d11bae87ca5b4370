import { forgetDeliveries } from '#deliveries/store.ts'
import { forgetNotices } from '#notices/store.ts'
import type { Transaction } from '#store/database.ts'
import { forgetTokens, isFamilyLive } from '#tokens/store.ts'
import { forgetRequestRows, requestsEndedBefore } from './store.ts'

/**
 * Forgets requests that ended before a time, the oldest first, with all that is kept of them: what was shown and signed,
 * who was told, what was delivered. Where access that they gave can still be used or renewed they stay.
 *
 * @param most requests at a time; each is a dozen statements
 * @returns how many are gone, and where to go on, past those that stay; undefined at the end
 */
export async function forgetRequests(
  tx: Transaction,
  { endedBefore, after, now, most }: { endedBefore: number; after: string; now: number; most: number },
): Promise<{ forgotten: number; after: string | undefined }> {
  const found = await requestsEndedBefore(tx, { endedBefore, after, now, most })
  let forgotten = 0
  for (const { id } of found) {
    if (await isFamilyLive(tx, id, now)) continue
    await forgetDeliveries(tx, id)
    await forgetNotices(tx, id)
    await forgetTokens(tx, id)
    await forgetRequestRows(tx, id)
    forgotten += 1
  }
  return { forgotten, after: found.length < most ? undefined : found.at(-1)?.id }
}
