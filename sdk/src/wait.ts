import { CountersignError, fail } from './errors.ts'
import { type Answer, eitherOf } from './http.ts'

export interface WaitOptions {
  signal?: AbortSignal | undefined
  /** Until the request ends, if not said. */
  timeoutMs?: number | undefined
  /** Called after each look that found nothing. */
  onPending?: (() => void) | undefined
}

/** How long a server that holds polls is asked to hold one, at most (RFC 7240 §4.3). */
const HOLD_S = 30
/** By which `slow_down` makes the interval grow (CIBA Core 1.0 §11). */
const SLOW_DOWN_MS = 5_000
/** What is decided at the last moment can be fetched a little later. */
const GRACE_MS = 60_000

/**
 * Looks until something is found, never faster than the interval, which counts from when a look was sent: one that was
 * held is followed at once (CIBA Core 1.0 §10.1). A server that cannot be reached is looked for again, less and less often.
 *
 * @param look what was found, in a list; or an answer that says that it is still pending
 */
export async function waitFor<T>(
  look: (prefer: { prefer: string }, signal: AbortSignal) => Promise<[T] | Answer>,
  { expiresAt, intervalMs }: { expiresAt: number; intervalMs: number },
  { signal, timeoutMs = Infinity, onPending }: WaitOptions,
): Promise<T> {
  const endsAt = expiresAt + GRACE_MS
  const stopAt = Math.min(Date.now() + timeoutMs, endsAt)
  const both = eitherOf(signal, stopAt - Date.now())
  let interval = intervalMs
  let faults = 0
  try {
    for (;;) {
      const holdS = Math.min(HOLD_S, Math.max(0, Math.floor((stopAt - Date.now()) / 1_000)))
      const seen = await look({ prefer: `wait=${holdS}` }, both).catch((fault: unknown) => {
        if (fault instanceof CountersignError && fault.code === 'unreachable') return fault
        throw fault
      })
      if (Array.isArray(seen)) return seen[0]
      let gap = interval
      if ('code' in seen) {
        faults += 1
        gap = Math.max(gap, Math.min(30_000, 250 * 2 ** faults))
      } else {
        faults = 0
        if (seen.body.error === 'slow_down') interval += SLOW_DOWN_MS
        gap = seen.sentAt + interval - Date.now()
        onPending?.()
      }
      await pause(Math.max(gap, seen.retryAfterMs ?? 0), both)
    }
  } catch (fault) {
    signal?.throwIfAborted()
    if (!both.aborted) throw fault
    return fail(Date.now() < endsAt ? 'timeout' : 'expired', 'Nobody decided in time.')
  }
}

/** @throws the signal's reason */
const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      signal.aborted ? reject(signal.reason) : resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
