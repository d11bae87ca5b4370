import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { StoreUnavailable } from '#base/errors.ts'
import { jsonLog } from '#base/log.ts'
import { createReadiness } from './readiness.ts'

function stage() {
  const lines: string[] = []
  const counts = { writes: 0, reads: 0 }
  let fault: Error | undefined
  const readiness = createReadiness({
    log: jsonLog((line) => lines.push(line)),
    write: async () => {
      counts.writes += 1
      if (fault) throw fault
    },
    unseal: async () => {
      counts.reads += 1
    },
  })
  return {
    lines,
    counts,
    readiness,
    breaks: (by: Error | undefined) => {
      fault = by
    },
  }
}

test('however many ask, it is written once while all is well, so that the store has its rest', async () => {
  const { readiness, counts } = stage()
  const until = performance.now() + 1_100
  while (performance.now() < until) {
    const found = await Promise.all([readiness.check(), readiness.check(), readiness.check()])
    assert.deepEqual(found, [undefined, undefined, undefined])
    await pause(20)
  }
  assert.equal(counts.writes, 1)
  assert.ok(counts.reads <= 4, `${counts.reads} reads`)
})

test('a failed commit counts at once and for a while; a trouble is logged once, and that it is over', async () => {
  const { readiness, lines } = stage()
  assert.equal(await readiness.check(), undefined)
  readiness.noteFailure()
  assert.equal(await readiness.check(), 'store')

  const { readiness: other, lines: said, breaks } = stage()
  breaks(new StoreUnavailable('away'))
  assert.equal(await other.check(), 'store')
  await pause(600)
  assert.equal(await other.check(), 'store')
  breaks(undefined)
  await pause(600)
  assert.equal(await other.check(), undefined)
  assert.deepEqual(
    said.map((line) => JSON.parse(line).message),
    ['This server cannot do its work now.', 'This server can do its work again.'],
  )
  assert.deepEqual(lines, [])
})

test('once told to stop it is not ready, whatever else', async () => {
  const { readiness } = stage()
  readiness.stop()
  assert.equal(await readiness.check(), 'stopping')
})
