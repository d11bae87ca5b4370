import { HOUR, MINUTE, SECOND } from '#base/clock.ts'
import { jitter } from '#outbox/backoff.ts'

/** Wait before each attempt after the first; the first starts at once. */
const WAITS = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR] as const

/**
 * Decides when a delivery is tried again, or that it is given up: after the last attempt, and never past the end of the
 * token. A receiver's `retry-after` is honoured between one and two times the planned wait.
 *
 * @param attempt number of the attempt that failed, from 1
 * @returns epoch milliseconds, or undefined to give up
 */
export function nextAttemptAt(
  attempt: number,
  { now, expiresAt, retryAfterMs = 0 }: { now: number; expiresAt: number; retryAfterMs?: number | undefined },
  random: () => number = Math.random,
): number | undefined {
  const planned = WAITS[attempt - 1]
  if (planned === undefined) return undefined
  const wait = Math.min(Math.max(jitter(planned, random), retryAfterMs), planned * 2)
  const at = now + wait
  return at < expiresAt ? at : undefined
}

/** Reads `retry-after` (RFC 9110 §10.2.3): seconds or a date. Undefined if it is neither. */
export function retryAfter(header: string | string[] | undefined, now: number): number | undefined {
  if (typeof header !== 'string') return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * SECOND
  // `Date.parse` alone takes almost anything for a date.
  const date = /^[A-Za-z]{3,9}, /.test(header) ? Date.parse(header) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
