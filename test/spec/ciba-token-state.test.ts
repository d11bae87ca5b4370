import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addInitiator, cibaCalls, errorOf, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { basic, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements, section 1L.

let server: TestServer
let person: Person
let client: TestClient
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  server = await startServer()
  person = await server.person({ handle: 'asha' })
  client = await addInitiator(server, [person.userId], { scope: 'openid accounts' })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

async function newToken() {
  const { auth_req_id, requestId } = await calls.ask(client, { login_hint: 'asha', scope: 'openid accounts' })
  await person.approve(requestId)
  return ((await (await calls.poll(client, auth_req_id)).json()) as { access_token: string }).access_token
}
const introspect = async (token: string, as = client) =>
  (await (await calls.post('/introspect', { token }, basic(as))).json()) as Record<string, unknown>

test('81: a good token is told with its claims, to its own client alone', async () => {
  const token = await newToken()
  const told = await introspect(token)
  assert.equal(told.active, true)
  assert.equal(told.sub, person.userId)
  assert.equal(told.client_id, client.client_id)
  assert.equal(told.scope, 'openid accounts')
  const other = await addInitiator(server, [person.userId])
  assert.deepEqual(await introspect(token, other), { active: false })
  assert.deepEqual(await introspect('unknown'), { active: false })
})

test('81: who asks authenticates, and names a token', async () => {
  assert.deepEqual(await errorOf(await calls.post('/introspect', { token: 'x' })), [401, 'invalid_client'])
  assert.deepEqual(await errorOf(await calls.post('/introspect', {}, basic(client))), [
    400,
    'invalid_request',
  ])
})

test('82: revoked is not active any more; unknown tokens are a 200 as well, others stay', async () => {
  const token = await newToken()
  const other = await addInitiator(server, [person.userId])
  assert.equal((await calls.post('/revoke', { token }, basic(other))).status, 200)
  assert.equal((await introspect(token)).active, true)
  assert.equal((await calls.post('/revoke', { token }, basic(client))).status, 200)
  assert.deepEqual(await introspect(token), { active: false })
  assert.equal((await calls.post('/revoke', { token: 'unknown' }, basic(client))).status, 200)
})
