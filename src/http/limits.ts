import type { Clock } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'

export interface Window {
  /** Calls in one window. */
  most: number
  ms: number
}

/**
 * Counts calls by key in fixed windows of this process, each cleared as it ends, so that memory is bounded by the calls
 * of one window.
 *
 * @param steady a clock that is never set: one set back would stretch a window by as much
 * @returns a function that counts one call
 * @throws Refusal `too_many_requests` with `retry_after` in seconds
 */
export function callLimit(windows: readonly Window[], steady: Clock): (key: string) => void {
  const counts = windows.map((window) => ({ ...window, startedAt: 0, calls: new Map<string, number>() }))
  return (key) => {
    const at = steady()
    for (const window of counts) {
      if (at - window.startedAt >= window.ms) {
        window.startedAt = at
        window.calls.clear()
      }
      const calls = (window.calls.get(key) ?? 0) + 1
      window.calls.set(key, calls)
      if (calls > window.most) {
        const retryAfter = Math.max(1, Math.ceil((window.startedAt + window.ms - at) / 1_000))
        throw new Refusal('too_many_requests', { facts: { retry_after: retryAfter } })
      }
    }
  }
}
