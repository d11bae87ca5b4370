let aheadMs = 0

/** The server's time in epoch milliseconds: a phone whose clock is wrong must not take a live request for dead. */
export const now = () => Date.now() + aheadMs

/** @param date the `date` header of an answer; it has no fractions, so a small difference says nothing */
export function syncClock(date: string | null) {
  const differenceMs = Date.parse(date ?? '') - Date.now()
  aheadMs = Math.abs(differenceMs) > 2_000 ? differenceMs : 0
}
