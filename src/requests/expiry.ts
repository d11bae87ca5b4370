import { Temporal } from 'temporal-polyfill'
import { SECOND } from '#base/clock.ts'

/** When a request and its token end: each day at a time of the wall clock, somewhere. */
export interface DailyExpiry {
  /** `HH:MM` */
  time: string
  /** A zone of the IANA database, for instance `Asia/Kolkata`. */
  zone: string
}

/**
 * Finds the next such time strictly after now. On a day whose clock skips the time it is as much later as
 * the gap is long (02:30 becomes 03:30); on a day that has it twice, the first.
 *
 * @returns epoch milliseconds
 */
export function nextDaily({ time, zone }: DailyExpiry, now: number): number {
  const today = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(zone).toPlainDate()
  const plainTime = Temporal.PlainTime.from(time)
  // From the day before, since a gap can move a time past midnight (Nuuk, 30 March 2024); two days on, since a day of the
  // calendar can be left out (Samoa, 30 December 2011).
  for (let days = -1; days < 3; days += 1) {
    const at = today.add({ days }).toZonedDateTime({ timeZone: zone, plainTime }).epochMilliseconds
    if (at > now) return at
  }
  throw new RangeError(`There is no ${time} in ${zone} after ${now}.`)
}

/** The same, with the last answer kept: it holds for all requests up to that moment. */
export function dailyExpiry(rule: DailyExpiry): (now: number) => number {
  let from = 0
  let until = 0
  return (now) => {
    if (now < from || now >= until) {
      until = nextDaily(rule, now)
      from = now
    }
    return until
  }
}

/** The server's end of an access, or the owner's own limit if that comes sooner: epoch milliseconds. */
export const sooner = (
  end: number,
  { tokenLifeSeconds }: { tokenLifeSeconds: number | null },
  now: number,
): number => (tokenLifeSeconds === null ? end : Math.min(end, now + tokenLifeSeconds * SECOND))
