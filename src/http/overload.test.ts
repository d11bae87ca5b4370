import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { jsonLog } from '#base/log.ts'
import { until } from '../../test/support/until.ts'
import { type OverloadRule, type Precedence, shedOverload } from './overload.ts'
import { createServer } from './server.ts'

const NEVER = Number.POSITIVE_INFINITY

test('from so many calls under way on asks are turned away, from twice as many all but what goes first', async () => {
  await using stage = await startStage({ calls: 2, lagMs: NEVER })
  const statuses = async () => [
    await stage.status('/last'),
    await stage.status('/usual'),
    await stage.status('/held'),
    await stage.status('/first'),
  ]
  assert.deepEqual(await statuses(), [200, 200, 200, 200])
  const slow = [stage.status('/first?slow'), stage.status('/first?slow')]
  await until(() => stage.underWay() === 2)
  assert.deepEqual(await statuses(), [503, 200, 200, 200])
  slow.push(stage.status('/first?slow'), stage.status('/first?slow'))
  await until(() => stage.underWay() === 4)
  assert.deepEqual(await statuses(), [503, 503, 503, 200])

  const answer = await fetch(`${stage.origin}/last`)
  const wait = Number(answer.headers.get('retry-after'))
  assert.ok(wait >= 1 && wait <= 3, `retry-after: ${wait}`)
  assert.deepEqual(await answer.json(), {
    type: 'about:blank',
    title: 'Service Unavailable',
    status: 503,
    code: 'overloaded',
    detail: 'There is more to do here than can be done now. Come back when retry-after says.',
    retry_after: wait,
  })
  assert.deepEqual(stage.shed, { first: 0, usual: 1, held: 1, last: 3 })

  stage.goOn()
  assert.deepEqual(await Promise.all(slow), [200, 200, 200, 200])
  assert.equal(stage.underWay(), 0)
  assert.deepEqual(await statuses(), [200, 200, 200, 200])
  assert.equal(stage.turns.length, 1, 'the beginning is said once')
})

test('a caller who hangs up leaves their work under way; one who waits for a person is not counted', async () => {
  await using stage = await startStage({ calls: 1, lagMs: NEVER })
  const hangUp = new AbortController()
  const call = fetch(`${stage.origin}/usual?slow`, { signal: hangUp.signal })
  await until(() => stage.underWay() === 1)
  hangUp.abort()
  await assert.rejects(call)
  assert.equal(await stage.status('/last'), 503)
  stage.goOn()
  await until(() => stage.underWay() === 0)

  const held = stage.status('/held?slow')
  assert.equal(await stage.status('/last'), 200)
  assert.equal(stage.underWay(), 0)
  stage.goOn()
  assert.equal(await held, 200)
})

test('a process that comes late to everything turns asks away; one halt alone is no reason', async () => {
  await using stage = await startStage({ calls: NEVER, lagMs: 80 })
  await nextSample()
  halt(250)
  await nextSample()
  assert.equal(await stage.status('/last'), 200)

  const halting = setInterval(() => halt(250), 0)
  try {
    await until(async () => (await stage.status('/last')) === 503, 20_000)
    assert.equal(await stage.status('/first'), 200)
  } finally {
    clearInterval(halting)
  }
  await until(async () => (await stage.status('/last')) === 200)
})

/** A little more than the time between two looks at the event loop. */
const nextSample = () => new Promise((resolve) => setTimeout(resolve, 150))

function halt(ms: number) {
  const end = performance.now() + ms
  while (performance.now() < end);
}

async function startStage(rule: OverloadRule) {
  const server = createServer({ log: jsonLog(() => {}), trustProxy: false, onBadUrl: () => false })
  const shed = { first: 0, usual: 0, held: 0, last: 0 }
  const turns: (number | undefined)[] = []
  const underWay = shedOverload(server, {
    rule,
    precedenceOf: (_method, url) => url.slice(1) as Precedence,
    onShed: (precedence) => {
      shed[precedence] += 1
    },
    onTurn: (count) => turns.push(count),
  })
  let goOn = () => {}
  let slow = new Promise<void>(() => {})
  const begin = () => {
    slow = new Promise((resolve) => {
      goOn = resolve
    })
  }
  begin()
  for (const precedence of Object.keys(shed)) {
    server.get(`/${precedence}`, async (http) => {
      if (http.url.endsWith('?slow')) await slow
      return 'ok'
    })
  }
  await server.listen({ port: 0, host: '127.0.0.1' })
  const origin = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`
  return {
    origin,
    shed,
    turns,
    underWay,
    /** Ends all slow calls. */
    goOn() {
      goOn()
      begin()
    },
    async status(path: string) {
      const answer = await fetch(`${origin}${path}`)
      await answer.text()
      return answer.status
    },
    [Symbol.asyncDispose]: () => server.close(),
  }
}
