import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Temporal } from 'temporal-polyfill'
import { HOUR, MINUTE } from '#base/clock.ts'
import { type DailyExpiry, dailyExpiry, nextDaily } from './expiry.ts'

const upstox: DailyExpiry = { time: '03:30', zone: 'Asia/Kolkata' }
const at = (text: string) => Date.parse(text)

test('a request of Tuesday 8:00 PM ends on Wednesday 3:30 AM', () => {
  assert.equal(nextDaily(upstox, at('2024-11-19T20:00:00+05:30')), at('2024-11-20T03:30:00+05:30'))
})

test('a request of 2:30 AM ends at 3:30 AM of the same day', () => {
  assert.equal(nextDaily(upstox, at('2024-11-20T02:30:00+05:30')), at('2024-11-20T03:30:00+05:30'))
})

test('the sample of the announcement comes out', () => {
  assert.equal(nextDaily(upstox, at('2024-11-21T12:00:00+05:30')), 1_732_226_400_000)
})

test('the next time is strictly after now: at 03:30:00.000 it is tomorrow, a millisecond before it is now', () => {
  const end = 1_732_226_400_000
  assert.equal(nextDaily(upstox, end), end + 24 * HOUR)
  assert.equal(nextDaily(upstox, end - 1), end)
})

test('a time that the clock skips is taken after the gap', () => {
  const rule = { time: '02:30', zone: 'America/New_York' }
  const next = nextDaily(rule, at('2024-03-10T00:00:00-05:00'))
  assert.ok(next >= at('2024-03-10T03:00:00-04:00') && next <= at('2024-03-10T03:30:00-04:00'))
  assert.equal(nextDaily(rule, next), at('2024-03-11T02:30:00-04:00'))
})

test('a time that comes twice is taken the first time', () => {
  const rule = { time: '01:30', zone: 'America/New_York' }
  const first = at('2024-11-03T01:30:00-04:00')
  assert.equal(nextDaily(rule, at('2024-11-03T00:00:00-04:00')), first)
  assert.equal(nextDaily(rule, first), at('2024-11-04T01:30:00-05:00'))
})

test('a day that the calendar leaves out has no end of its own', () => {
  const rule = { time: '03:30', zone: 'Pacific/Apia' }
  const next = nextDaily(rule, at('2011-12-29T12:00:00-10:00'))
  assert.equal(next, at('2011-12-31T03:30:00+14:00'))
  assert.equal(nextDaily(rule, next), at('2012-01-01T03:30:00+14:00'))
})

test('a gap that ends at midnight moves the time into the next day, and it still comes', () => {
  // Saturday 23:00 is Sunday 00:00: Saturday's 23:30 is half an hour into Sunday.
  const rule = { time: '23:30', zone: 'America/Nuuk' }
  const moved = at('2024-03-31T00:30:00-01:00')
  assert.equal(nextDaily(rule, at('2024-03-30T20:00:00-02:00')), moved)
  assert.equal(nextDaily(rule, at('2024-03-31T00:10:00-01:00')), moved)
  assert.equal(nextDaily(rule, moved), at('2024-03-31T23:30:00-01:00'))
})

const FROM = Date.UTC(1990, 0, 1)
const TO = Date.UTC(2040, 0, 1)

const zones = [
  'UTC',
  'Asia/Kolkata',
  'Europe/London',
  'America/New_York',
  'Australia/Lord_Howe',
  'Pacific/Apia',
  'America/Sao_Paulo',
  'Africa/Casablanca',
  'America/Nuuk',
  'Asia/Kathmandu',
]

/** The moments at which the clock of a zone was or will be put forward or back. */
const transitionsOf = new Map(
  zones.map((zone) => {
    const found: number[] = []
    let moment = Temporal.Instant.fromEpochMilliseconds(FROM).toZonedDateTimeISO(zone)
    for (;;) {
      const next = moment.getTimeZoneTransition('next')
      if (!next || next.epochMilliseconds > TO) return [zone, found]
      found.push(next.epochMilliseconds)
      moment = next
    }
  }),
)

const offsetAt = (zone: string, instant: number): number =>
  Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone).offsetNanoseconds / 1e6
const wallOf = (zone: string, instant: number): number => instant + offsetAt(zone, instant)

const DAY_MS = 24 * HOUR
const timeOfDay = (wall: number): number => ((wall % DAY_MS) + DAY_MS) % DAY_MS
const msOf = ({ time }: DailyExpiry): number =>
  Number(time.slice(0, 2)) * HOUR + Number(time.slice(3)) * MINUTE

const timeOf = (minute: number) =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`

/** A rule and an instant; most of them near a change of the clock, where there is something to get wrong. */
const ruleAndInstant = fc.constantFrom(...zones).chain((zone) => {
  const transitions = transitionsOf.get(zone) ?? []
  const minute = fc.integer({ min: 0, max: 24 * 60 - 1 })
  const anywhen = fc.record({
    rule: minute.map((each) => ({ time: timeOf(each), zone })),
    now: fc.integer({ min: FROM, max: TO }),
  })
  if (transitions.length === 0) return anywhen
  const away = (hours: number) => fc.integer({ min: -hours * HOUR, max: hours * HOUR })
  const nearChange = fc
    .record({
      change: fc.constantFrom(...transitions),
      minutes: fc.integer({ min: -150, max: 150 }),
      away: fc.oneof(away(2), away(30)),
    })
    .map(({ change, minutes, away }) => {
      const wall = timeOfDay(wallOf(zone, change - 1) + minutes * MINUTE)
      return { rule: { time: timeOf(Math.floor(wall / MINUTE)), zone }, now: change + away }
    })
  return fc.oneof(anywhen, { weight: 3, arbitrary: nearChange })
})

/** What the clock on the wall does between two instants, told by offsets alone: when it shows the time, or skips it. */
function comesBetween(rule: DailyExpiry, after: number, before: number): number[] {
  const { zone } = rule
  const wanted = msOf(rule)
  const found: number[] = []
  const changes = (transitionsOf.get(zone) ?? []).filter((at) => at > after - DAY_MS && at < before)

  // Shown: step from one whole minute to the next, and leave out what a clock that was put back shows again.
  for (let t = Math.floor(after / MINUTE) * MINUTE; t < before; t += MINUTE) {
    if (t <= after || timeOfDay(wallOf(zone, t)) !== wanted) continue
    const isAgain = changes.some((change) => {
      const back = offsetAt(zone, change - 1) - offsetAt(zone, change)
      return back > 0 && t >= change && t < change + back
    })
    if (!isAgain) found.push(t)
  }
  // Skipped: as far after the gap as the time lies within it.
  for (const change of changes) {
    const from = change + offsetAt(zone, change - 1)
    const gap = offsetAt(zone, change) - offsetAt(zone, change - 1)
    const into = timeOfDay(wanted - timeOfDay(from))
    const moved = change + into
    if (into < gap && moved > after && moved < before) found.push(moved)
  }
  return found
}

test('the next time lies after now, at most a day and the change of a clock away', () => {
  fc.assert(
    fc.property(ruleAndInstant, ({ rule, now }) => {
      const next = nextDaily(rule, now)
      assert.ok(next > now, `${next} is not after ${now}`)
      assert.ok(next - now <= 26 * HOUR, `${(next - now) / HOUR} h`)
    }),
    { numRuns: 3_000 },
  )
})

test('the clock on the wall shows the time then, or has just skipped it', () => {
  fc.assert(
    fc.property(ruleAndInstant, ({ rule, now }) => {
      const next = nextDaily(rule, now)
      const wall = timeOfDay(wallOf(rule.zone, next))
      if (wall === msOf(rule)) return
      const isAfterGap = (transitionsOf.get(rule.zone) ?? []).some((change) => {
        const gap = offsetAt(rule.zone, change) - offsetAt(rule.zone, change - 1)
        const into = timeOfDay(msOf(rule) - timeOfDay(change + offsetAt(rule.zone, change - 1)))
        return gap > 0 && into < gap && next >= change && next <= change + gap
      })
      assert.ok(isAfterGap, `the clock shows ${timeOf(wall / MINUTE)}`)
    }),
    { numRuns: 3_000 },
  )
})

test('no earlier one is skipped', () => {
  fc.assert(
    fc.property(ruleAndInstant, ({ rule, now }) => {
      const next = nextDaily(rule, now)
      assert.deepEqual(comesBetween(rule, now, next), [])
    }),
    { numRuns: 400 },
  )
})

test('a later ask never ends earlier', () => {
  const step = fc.integer({ min: 0, max: 30 * HOUR })
  fc.assert(
    fc.property(ruleAndInstant, step, ({ rule, now }, later) => {
      assert.ok(nextDaily(rule, now) <= nextDaily(rule, now + later))
    }),
    { numRuns: 3_000 },
  )
})

test('the kept answer is the one that would be worked out, whichever way the clock goes', () => {
  const steps = fc.array(fc.integer({ min: -50 * HOUR, max: 50 * HOUR }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(ruleAndInstant, steps, ({ rule, now }, moves) => {
      const kept = dailyExpiry(rule)
      let instant = now
      for (const move of [0, ...moves]) {
        instant += move
        assert.equal(kept(instant), nextDaily(rule, instant))
        // Where the answer changes is where a kept one would be wrong.
        const edge = nextDaily(rule, instant)
        for (const near of [edge - 1, edge, edge + 1]) assert.equal(kept(near), nextDaily(rule, near))
      }
    }),
    { numRuns: 500 },
  )
})
