import { MINUTE, SECOND } from '#base/clock.ts'
import type { Finding } from './finding.ts'

/** What somebody else says the time is. */
export interface TimeTold {
  from: string
  /** Epoch milliseconds, as they said it. */
  saidAt: number
  /** The same moment by our own clock. */
  at: number
  /** How coarse their word is, in milliseconds. */
  graceMs: number
}

const LOOK_MS = 5 * SECOND
/** Receivers refuse a delivery whose time is more than 5 minutes off (Standard Webhooks 1.0.0). */
const BAD_MS = MINUTE

/** Holds our clock against others'. */
export function clockFinding(told: TimeTold[]): Finding {
  const what = 'clock'
  const now = new Date().toISOString().slice(0, 19)
  if (told.length === 0)
    return { state: 'off', what, say: `${now}Z; nothing here has a clock to compare it with` }
  const offs = told.map(({ from, saidAt, at, graceMs }) => {
    const ms = at - saidAt
    return { from, ms: Math.sign(ms) * Math.max(0, Math.abs(ms) - graceMs) }
  })
  const worst = offs.reduce((a, b) => (Math.abs(b.ms) > Math.abs(a.ms) ? b : a))
  const size = Math.abs(worst.ms)
  if (size < LOOK_MS)
    return { state: 'ok', what, say: `agrees with ${offs.map(({ from }) => from).join(' and ')}` }
  const seconds = Math.round(size / SECOND)
  const direction = worst.ms > 0 ? 'ahead of' : 'behind'
  const say = `${seconds} s ${direction} ${worst.from}. Turn time synchronisation on (timedatectl set-ntp true); tokens and signatures carry the time.`
  return { state: size < BAD_MS ? 'look' : 'bad', what, say }
}

/** The `date` of an answer (RFC 9110 §6.6.1): whole seconds. */
export function timeOfAnswer(from: string, date: string | string[] | undefined, askedAt: number): TimeTold[] {
  const saidAt = typeof date === 'string' ? Date.parse(date) : Number.NaN
  if (Number.isNaN(saidAt)) return []
  const answeredAt = Date.now()
  const graceMs = SECOND + (answeredAt - askedAt) / 2
  return [{ from, saidAt, at: (askedAt + answeredAt) / 2, graceMs }]
}
