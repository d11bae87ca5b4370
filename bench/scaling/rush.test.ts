import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrom } from '../../test/support/random.ts'
import { hours, minutes, type RushOptions, simulateRush } from './rush.ts'

const RECEIVERS = [
  { name: 'big', share: 0.3, isOneLane: true, answerMs: 100 },
  { name: 'other', share: 0.2, isOneLane: true, answerMs: 100 },
  { name: 'own', share: 0.5, isOneLane: false, answerMs: 100 },
]

const rush = (more: Partial<RushOptions> = {}) =>
  simulateRush({
    users: 200_000,
    nodes: 2,
    receivers: RECEIVERS,
    cpu: { flow: 4_000, deliver: 400, database: 1_000 },
    databaseCores: 4,
    random: randomFrom(7),
    ...more,
  })

const isWhole = ({ delivered, givenUp, owed }: ReturnType<typeof rush>) =>
  assert.equal(delivered + givenUp, owed)

test('on a quiet day all that is owed is delivered, nearly at once', () => {
  const day = rush()
  isWhole(day)
  assert.equal(day.givenUp, 0)
  assert.ok(Math.abs(day.owed / 200_000 - 1) < 0.02, `${day.owed} were owed`)
  for (const longest of Object.values(day.longest)) assert.ok(longest <= 2, `${longest} s`)
})

test('an app that hangs delays nobody else, and all of its own come when it is back', () => {
  const outage = { receiver: 'big', from: hours(8.5), to: hours(8.5) + minutes(40) }
  const day = rush({ outages: [outage] })
  isWhole(day)
  assert.equal(day.givenUp, 0)
  assert.ok(day.failedAttempts > 0 && day.failedAttempts < 200, `${day.failedAttempts} attempts`)
  assert.ok((day.longest.big ?? 0) >= minutes(35))
  for (const name of ['other', 'own']) assert.ok((day.longest[name] ?? 99) <= 2, `${name} was late`)
})

test('an endpoint that is down until the token ends is given up, and counted', () => {
  const day = rush({ users: 2_000, outages: [{ receiver: 'big', from: 0, to: hours(48) }] })
  isWhole(day)
  assert.ok(Math.abs(day.givenUp / day.owed - 0.3) < 0.02, `${day.givenUp} of ${day.owed}`)
  assert.equal(day.minutes.at(-1)?.backlog.other, 0)
})

test('while the database is away nothing is lost: who asked comes back, what was under way goes out twice', () => {
  const day = rush({ outages: [{ from: hours(8.8), to: hours(8.8) + 30 }] })
  isWhole(day)
  assert.equal(day.givenUp, 0)
  assert.ok(day.twice > 0)
})

test('the same seed gives the same morning', () => {
  assert.deepEqual(rush({ users: 20_000 }), rush({ users: 20_000 }))
})
