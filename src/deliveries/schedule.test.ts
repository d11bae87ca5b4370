import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DAY, HOUR, MINUTE, SECOND } from '#base/clock.ts'
import { nextAttemptAt, retryAfter } from './schedule.ts'

const WAITS = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR]
const NOW = Date.UTC(2026, 10, 24, 6, 0)
const FAR = NOW + 30 * DAY

const attempt = fc.integer({ min: 1, max: WAITS.length })
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const plannedAfter = (nth: number) => WAITS[nth - 1] as number

test('the waits are 5 s, 5 min, 30 min, 2 h, 5 h and 10 h', () => {
  const waits = WAITS.map(
    (_, i) => (nextAttemptAt(i + 1, { now: NOW, expiresAt: FAR }, () => 0.5) ?? 0) - NOW,
  )
  assert.deepEqual(waits, WAITS)
})

test('a wait is spread by 20 % to either side', () => {
  fc.assert(
    fc.property(attempt, random, (nth, chance) => {
      const wait = (nextAttemptAt(nth, { now: NOW, expiresAt: FAR }, () => chance) ?? 0) - NOW
      assert.ok(wait >= plannedAfter(nth) * 0.8 && wait <= plannedAfter(nth) * 1.2, `${wait} ms`)
    }),
  )
  const spread = [0, 0.999].map((chance) => nextAttemptAt(4, { now: NOW, expiresAt: FAR }, () => chance) ?? 0)
  assert.deepEqual(
    spread.map((at) => Math.round((at - NOW) / MINUTE)),
    [96, 144],
  )
})

test('after the seventh attempt it is given up', () => {
  for (const nth of [7, 8, 100]) assert.equal(nextAttemptAt(nth, { now: NOW, expiresAt: FAR }), undefined)
})

test('no attempt is planned at or past the end of the token', () => {
  fc.assert(
    fc.property(attempt, random, fc.integer({ min: 0, max: DAY }), (nth, chance, life) => {
      const expiresAt = NOW + life
      const free = nextAttemptAt(nth, { now: NOW, expiresAt: FAR }, () => chance) ?? 0
      const cut = nextAttemptAt(nth, { now: NOW, expiresAt }, () => chance)
      assert.equal(cut, free < expiresAt ? free : undefined)
    }),
  )
  assert.equal(
    nextAttemptAt(1, { now: NOW, expiresAt: NOW + 5_000 }, () => 0.5),
    undefined,
  )
  assert.equal(
    nextAttemptAt(1, { now: NOW, expiresAt: NOW + 5_001 }, () => 0.5),
    NOW + 5_000,
  )
})

test('a receiver may ask for a longer wait, up to twice the planned one, and for no shorter one', () => {
  fc.assert(
    fc.property(attempt, random, fc.integer({ min: 0, max: 2 * DAY }), (nth, chance, retryAfterMs) => {
      const planned = plannedAfter(nth)
      const own = (nextAttemptAt(nth, { now: NOW, expiresAt: FAR }, () => chance) ?? 0) - NOW
      const wait = (nextAttemptAt(nth, { now: NOW, expiresAt: FAR, retryAfterMs }, () => chance) ?? 0) - NOW
      assert.equal(wait, Math.max(own, Math.min(retryAfterMs, planned * 2)))
    }),
  )
})

test('retry-after is read in seconds', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999_999_999 }), (seconds) => {
      assert.equal(retryAfter(String(seconds), NOW), seconds * SECOND)
    }),
  )
})

test('retry-after is read as a date, one in the past as no wait', () => {
  fc.assert(
    fc.property(fc.integer({ min: -DAY, max: DAY }), (away) => {
      const date = new Date(NOW + away)
      const whole = Math.floor(date.getTime() / SECOND) * SECOND
      assert.equal(retryAfter(date.toUTCString(), NOW), Math.max(0, whole - NOW))
    }),
  )
  assert.equal(retryAfter('Tue, 24 Nov 2026 06:00:10 GMT', NOW), 10 * SECOND)
})

test('a retry-after that is neither is as if it were not there', () => {
  const garbage = [
    '',
    'soon',
    '5 minutes',
    '12abc',
    '1e3',
    '-5',
    '1.5',
    'tomorrow 2099',
    '99999999999999999999',
  ]
  for (const text of garbage) assert.equal(retryAfter(text, NOW), undefined, JSON.stringify(text))
  assert.equal(retryAfter(undefined, NOW), undefined)
  assert.equal(retryAfter(['5', '6'], NOW), undefined)
})

test('whatever a receiver writes there, the next attempt stays within its bounds', () => {
  const written = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.double().map(String),
    fc.date().map(String),
  )
  fc.assert(
    fc.property(attempt, written, (nth, text) => {
      const next = nextAttemptAt(nth, { now: NOW, expiresAt: FAR, retryAfterMs: retryAfter(text, NOW) })
      const wait = (next ?? 0) - NOW
      assert.ok(wait >= plannedAfter(nth) * 0.8 && wait <= plannedAfter(nth) * 2, `${wait} ms`)
    }),
    { numRuns: 1_000 },
  )
})
