import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { runCommand } from '../support/command.ts'
import { startPostgres } from '../support/postgres.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer } from '../support/server.ts'

test('the database away: calls get 503 with retry-after, and what was acknowledged goes on when it is back', async () => {
  await using postgres = await startPostgres()
  await using receiver = await startReceiver()
  await using server = await startServer({ env: { COUNTERSIGN_DATABASE: await postgres.database() } })
  const person = await server.person()
  const [first, second] = [
    await server.addClient({ user_id: person.userId, notifier_url: receiver.url }),
    await server.addClient({ user_id: person.userId, notifier_url: receiver.url }),
  ]
  const id = await server.openRequest(first)

  await postgres.stop()
  for (let i = 0; i < 3; i += 1) {
    const answer = await server.ask(second.client_id, { client_secret: second.client_secret })
    assert.equal(answer.status, 503, await answer.clone().text())
    assert.ok(Number(answer.headers.get('retry-after')) > 0)
    const body = (await answer.json()) as { errors: { errorCode: string }[] }
    assert.equal(body.errors[0]?.errorCode, 'UDAPI100500')
  }
  assert.equal((await fetch(`${server.origin}/readyz`)).status, 503)
  assert.equal((await fetch(`${server.origin}/livez`)).status, 200)
  await pause(3_000)
  await postgres.start()

  // The pool finds its way back by itself.
  let status = 503
  for (let tries = 0; status === 503 && tries < 100; tries += 1) {
    status = (await server.ask(second.client_id, { client_secret: second.client_secret })).status
    if (status === 503) await pause(100)
  }
  assert.equal(status, 200)
  assert.equal((await person.approve(id)).status, 200)
  await receiver.received(1, 10_000)
})

test('with LISTEN cut off, work of another node is found within the poll', async () => {
  await using postgres = await startPostgres()
  await using receiver = await startReceiver()
  const url = await postgres.database()
  const env = { COUNTERSIGN_DATABASE: url, COUNTERSIGN_DATABASE_LISTEN: '0' }
  await using one = await startServer({ env })
  const person = await one.person()
  const client = await one.addClient({ user_id: person.userId, notifier_url: receiver.url })

  // A second node that shares store and keys does what the first one promises, and the other way round.
  await using two = await startServer({
    data: one.folder,
    env: { ...env, COUNTERSIGN_PORT: '0', COUNTERSIGN_URL: one.origin },
  })
  assert.equal(two.origin, one.origin)
  const added = await runCommand(['user', 'add', '--handle', 'by-command', '--json'], one.storeEnv)
  assert.equal(added.code, 0, added.err)
  for (let i = 0; i < 5; i += 1) {
    await person.approve(await one.openRequest(client))
    await receiver.received(i + 1, 5_000)
  }
  const ids = receiver.posts.map(({ headers }) => headers['webhook-id'])
  assert.equal(new Set(ids).size, 5)
})
