import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { spread } from '../support/figures.ts'
import { assumptions, limitsOf, planFor, tablesOf } from './model.ts'
import { readUnits, refreshed } from './units.ts'

const PAGE = new URL('../../docs/scaling.md', import.meta.url)
const units = await readUnits()

test('docs/scaling.md holds what the model says of the units (UPDATE_DOCS=1 writes it)', () => {
  let fresh = readFileSync(PAGE, 'utf8')
  for (const [name, table] of Object.entries({ ...tablesOf(units), assumptions: assumptions() })) {
    const mark = `<!-- ${name} -->`
    const [head, old, tail] = fresh.split(mark)
    assert.ok(old !== undefined && tail !== undefined, `${mark} stands twice in the document`)
    fresh = `${head}${mark}\n\n${table}\n\n${mark}${tail}`
  }
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PAGE, fresh)
  assert.equal(readFileSync(PAGE, 'utf8'), fresh)
})

test('a hundred times the users need a hundred times the cores and the room', () => {
  const [few, many] = [planFor(1_000_000, units), planFor(100_000_000, units)]
  for (const key of ['peak', 'nodeCores', 'databaseCores', 'storedGib', 'logPerSecond'] as const)
    assert.ok(Math.abs(many[key] / few[key] - 100) < 0.001, key)
  assert.ok(planFor(10, units).nodes >= 2)
})

test('the limits come in the order in which they are met', () => {
  const flows = limitsOf(units).map((each) => each.flows)
  assert.deepEqual(
    flows,
    flows.toSorted((a, b) => a - b),
  )
})

test('a unit is taken anew from its bench, and what no bench tells stays', () => {
  const report = {
    name: 'flow',
    about: '',
    machine: 'another',
    at: '2027-01-02T03:04:05Z',
    bars: [],
    rows: [{ variant: 'countersign', 'CPU µs each': spread([1_000, 2_000, 3_000]) }],
  }
  const fresh = refreshed(units, new Map([['flow', report]]))
  assert.equal(fresh.units.flowSqlite.value, 2_000)
  assert.equal(fresh.units.flowSqlite.at, '2027-01-02')
  assert.deepEqual(fresh.units.poll, units.units.poll)
})
