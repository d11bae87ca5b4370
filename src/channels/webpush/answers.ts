/** What the answer of a push service means for one message (RFC 8030 §5, §6.1, §8.4). */
export interface AnswerMeaning {
  isTaken?: true
  /** Short stable word, kept with the notice. */
  kind: string
  /** Whether the browser is no longer subscribed. */
  isGone?: true
  /** Shortest wait before another try, in milliseconds; absent where it is no use. */
  retryAfterMs?: number
  /** What the operator must do, where only they can. */
  advice?: string
}

const CLOCK =
  'Check the clock of this machine and COUNTERSIGN_PUSH_SUBJECT; push services refuse our signature.'

export function meaningOfPushAnswer(
  status: number,
  retryAfter: string | undefined,
  now: number,
): AnswerMeaning {
  if (status >= 200 && status < 300) return { kind: 'taken', isTaken: true }
  // Never followed: where a stranger's server points to was not checked.
  if (status >= 300 && status < 400) return { kind: 'redirected' }
  if (status === 404 || status === 410) return { kind: 'gone', isGone: true }
  if (status === 413) return { kind: 'too_large', advice: 'A push message was too large: please report it.' }
  if (status === 429 || status === 503) return { kind: 'rate_limited', retryAfterMs: waitOf(retryAfter, now) }
  if (status === 400 || status === 401 || status === 403) return { kind: 'not_accepted', advice: CLOCK }
  if (status >= 500) return { kind: 'unavailable', retryAfterMs: 0 }
  return { kind: 'unexpected_answer' }
}

/** Seconds or a date (RFC 9110 §10.2.3). The notice's own end bounds it. */
function waitOf(retryAfter: string | undefined, now: number): number {
  if (retryAfter === undefined) return 0
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - now
  return Math.max(ms || 0, 0)
}
