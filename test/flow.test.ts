import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

test('an approved request is delivered to the notifier endpoint', async () => {
  await using receiver = await startReceiver()
  await using server = await startServer()
  const person = await server.person()
  const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  const id = await server.openRequest(client, 'Morning run')

  const answer = await person.approve(id)

  assert.equal(answer.status, 200, await answer.clone().text())
  const [post] = await receiver.received(1)
  assert.equal(JSON.parse(post?.body ?? '').client_id, client.client_id)
})
