import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { HOUR, steadyClock } from '#base/clock.ts'
import { startServer } from '../support/server.ts'
import { overlapping, repeated, startWitness } from '../support/witness.ts'

/** No step below reaches the end of the tokens. */
const FAR_FROM_EXPIRY = { COUNTERSIGN_UPSTOX_EXPIRY: 'daily 23:00 UTC' }
const MORNING = Date.UTC(2026, 10, 24, 8, 0)

test('a clock that jumps by hours while requests and deliveries are open loses nothing and sends nothing twice', async () => {
  const startedAt = steadyClock()
  let setBy = 0
  const timeOfDay = () => MORNING + setBy + Math.round(steadyClock() - startedAt)
  const held: ServerResponse[] = []
  let isHolding = false
  await using witness = await startWitness((post, response) => {
    // Every fifth fails at first, so that waits for a next attempt are open too.
    const isFirst = witness.posts.filter(({ id }) => id === post.id).length === 1
    if (isFirst && witness.posts.length % 5 === 0) response.writeHead(503).end()
    else if (isHolding) held.push(response)
    else response.end('ok')
  })
  const letGo = () => {
    isHolding = false
    for (const response of held.splice(0)) response.end('ok')
  }
  await using server = await startServer({ now: timeOfDay, steady: steadyClock, env: FAR_FROM_EXPIRY })
  const person = await server.person()
  const clients = await Promise.all(
    Array.from({ length: 4 }, () => server.addClient({ user_id: person.userId, notifier_url: witness.url })),
  )

  const approved: { client: (typeof clients)[number]; id: string }[] = []
  for (const hours of [3, -3, 5, -6, 2]) {
    const opened = await Promise.all(
      clients.map(async (client) => ({ client, id: await server.openRequest(client) })),
    )
    isHolding = true
    const [first, ...rest] = opened
    assert.ok(first)
    assert.equal((await person.approve(first.id)).status, 200)
    // Requests are open, and the POST of one is under way or waits for its next attempt.
    setBy += hours * HOUR
    await pause(1_500)
    for (const { id } of rest) assert.equal((await person.approve(id)).status, 200, `${hours} h`)
    approved.push(...opened)
    letGo()
  }

  const giveUpAt = performance.now() + 60_000
  for (const { client, id } of approved) {
    for (;;) {
      const { delivery } = await server.requestStatus(client, id)
      if (delivery?.status === 'delivered') break
      assert.ok(performance.now() < giveUpAt, `${id} is wedged: ${JSON.stringify(delivery)}`)
      await pause(100)
    }
  }
  assert.deepEqual(overlapping(witness.posts), [])
  assert.deepEqual(repeated(witness.posts), [])
  assert.equal(new Set(witness.posts.map(({ body }) => body)).size, approved.length)
  assert.deepEqual(await server.select(`select id from outbox where kind = 'deliver'`), [])
})
