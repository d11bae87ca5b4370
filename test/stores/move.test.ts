import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import { runCommand } from '../support/command.ts'
import { borrowPostgres } from '../support/postgres.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer } from '../support/server.ts'

test('a store moves from SQLite to PostgreSQL with all that is in it, and what waited goes on there', async () => {
  await using postgres = await borrowPostgres()
  const url = await postgres.database()
  let isAwake = false
  await using receiver = await startReceiver((_http, response) => {
    response.writeHead(isAwake ? 200 : 503).end()
  })

  const old = await startServer()
  const person = await old.person({ handle: 'asha' })
  const client = await old.addClient({ user_id: person.userId, notifier_url: receiver.url })
  const delivered = await old.openRequest(client)
  await person.approve(delivered)
  await receiver.received(1)
  const pending = await old.openRequest(client)
  await old.stop()

  const from = `${old.folder}/countersign.db`
  const moved = await runCommand(['migrate', '--from', from, '--to', url])
  assert.equal(moved.code, 0, moved.err)
  assert.match(moved.out, /token_requests: 2 of 2/)
  assert.match(moved.out, /both sides have the same counts/)
  const again = await runCommand(['migrate', '--from', from, '--to', url])
  assert.equal(again.code, 1)
  assert.match(again.err, /The target is not empty/)

  // The first delivery is due again five seconds after it failed, on the other engine.
  isAwake = true
  await using server = await startServer({
    data: old.folder,
    env: { COUNTERSIGN_DATABASE: url, COUNTERSIGN_PORT: String(old.port), COUNTERSIGN_URL: old.origin },
  })
  const [, second] = await receiver.received(2, 15_000)
  assert.equal(second?.body, receiver.posts[0]?.body)
  assert.equal(second?.headers['webhook-id'], receiver.posts[0]?.headers['webhook-id'])

  assert.equal((await server.requestStatus(client, pending)).status, 'pending')
  assert.equal((await person.approve(pending)).status, 200)
  await receiver.received(3)
  await rm(old.folder, { recursive: true, force: true })
})
