import type { Clock } from '#base/clock.ts'
import { SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { callLimit, type Window } from '#http/limits.ts'
import type { Database } from '#store/database.ts'
import { countAttempt } from '#users/store.ts'

interface LimitContext {
  db: Database
  now: Clock
  steady: Clock
}

/**
 * Counts attempts that all nodes count together, so that more nodes give nobody more tries. What a node has counted too
 * many of by itself does not reach the store.
 *
 * @param kind what is attempted
 * @param window of at most a day
 * @returns a function that counts one attempt of somebody
 * @throws Refusal `too_many_requests` with `retry_after` in seconds
 */
export function sharedLimit({ db, now, steady }: LimitContext, kind: string, window: Window) {
  const countHere = callLimit([window], steady)
  return async (who: string): Promise<void> => {
    countHere(who)
    const at = now()
    const { since, count } = await db.transaction((tx) =>
      countAttempt(tx, { kind, who, at, freshAfter: at - window.ms }),
    )
    if (count <= window.most) return
    const retryAfter = Math.max(1, Math.ceil((since + window.ms - at) / SECOND))
    throw new Refusal('too_many_requests', { facts: { retry_after: retryAfter } })
  }
}
