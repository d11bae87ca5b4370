import { now } from './clock.ts'
import { locale } from './text.ts'

const dayMs = 86_400_000

/** An instant as people say it: "today, 7:31 AM", "tomorrow, 3:30 AM", "3 Mar 2026, 7:31 AM". */
export function when(at: number): string {
  // A line must not end between "3:30" and "am".
  const time = new Intl.DateTimeFormat(locale, { timeStyle: 'short' }).format(at).replaceAll(' ', '\u00a0')
  const daysAway = Math.round((midnight(at) - midnight(now())) / dayMs)
  const day =
    Math.abs(daysAway) <= 1
      ? new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(daysAway, 'day')
      : new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }).format(at)
  return `${day}, ${time}`
}

/** A length of time in its two largest units: "9 hours 12 minutes", "3 days", "40 seconds". */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000))
  if (seconds < 60) return amount(seconds, 'second')
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return amount(minutes, 'minute')
  const hours = Math.floor(minutes / 60)
  if (hours >= 48) return amount(Math.floor(hours / 24), 'day')
  const rest = minutes % 60
  return rest ? `${amount(hours, 'hour')} ${amount(rest, 'minute')}` : amount(hours, 'hour')
}

const amount = (count: number, unit: string) =>
  new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(count)

const midnight = (at: number) => new Date(at).setHours(0, 0, 0, 0)

/** The part of an address that says who gets something. */
export const hostOf = (url: string) => (URL.canParse(url) ? new URL(url).host : url)
