import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { isWellFormedSecret } from '#base/secrets.ts'
import { addInitiator, cibaCalls, errorOf, proofKey, type TestClient } from '../support/ciba.ts'
import { runCommand } from '../support/command.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, basic, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements, section 1L.

const KEY = 'a-key-of-the-service-that-takes-tokens-0123456789'
const SCOPE = 'openid accounts offline_access'

let server: TestServer
let person: Person
let client: TestClient
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  server = await startServer({
    env: { COUNTERSIGN_INTROSPECTION_KEY: KEY, COUNTERSIGN_CIBA_MOST_OPEN: '100' },
  })
  person = await server.person({ handle: 'asha' })
  client = await addInitiator(server, [person.userId], { scope: SCOPE, access_token_format: 'opaque' })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

async function granted(as = client, headers: Record<string, string> = {}) {
  const { auth_req_id, requestId } = await calls.ask(as, { login_hint: 'asha', scope: SCOPE })
  await person.approve(requestId)
  const fields = { grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id }
  const answer = await calls.post('/token', fields, { ...basic(as), ...headers })
  assert.equal(answer.status, 200)
  return (await answer.json()) as { access_token: string; refresh_token: string; token_type: string }
}
const introspect = async (token: string, headers: Record<string, string> = basic(client)) =>
  (await (await calls.post('/introspect', { token }, headers)).json()) as Record<string, unknown>
const asResource = { authorization: `Bearer ${KEY}` }

test('80, 81: an opaque token says nothing; introspection says all that a JWT would', async () => {
  const { access_token } = await granted()
  assert.match(access_token, /^cs_token_/)
  assert.ok(isWellFormedSecret(access_token))
  const told = await introspect(access_token)
  assert.equal(told.active, true)
  assert.equal(told.sub, person.userId)
  assert.equal(told.scope, SCOPE)
  assert.equal(told.acr, 'phr')
  assert.equal(told.aud, server.origin)
})

test('80: what comes of a refresh or a push is opaque too, and may be bound', async () => {
  const key = await proofKey()
  const first = await granted(client, { dpop: await key.prove(`${server.origin}/token`) })
  assert.equal(first.token_type, 'DPoP')
  assert.deepEqual((await introspect(first.access_token)).cnf, { jkt: key.jkt })
  const refreshed = await calls.post(
    '/token',
    { grant_type: 'refresh_token', refresh_token: first.refresh_token },
    { ...basic(client), dpop: await key.prove(`${server.origin}/token`) },
  )
  assert.match(((await refreshed.json()) as typeof first).access_token, /^cs_token_/)

  await using receiver = await startReceiver()
  const push = await addInitiator(server, [person.userId], {
    backchannel_token_delivery_mode: 'push',
    backchannel_client_notification_endpoint: receiver.url,
    access_token_format: 'opaque',
  })
  const { requestId } = await calls.ask(push, {
    login_hint: 'asha',
    client_notification_token: 'x'.repeat(32),
  })
  await person.approve(requestId)
  const [post] = await receiver.received(1)
  const { access_token } = JSON.parse(post?.body ?? '') as typeof first
  assert.match(access_token, /^cs_token_/)
  assert.equal((await introspect(access_token, basic(push))).active, true)
})

test('it lies nowhere in clear', async () => {
  const { access_token } = await granted()
  const rows = [
    await server.select('select * from tokens'),
    await server.select('select * from events'),
    await server.select('select * from delivery_attempts'),
  ]
  assert.ok(!JSON.stringify([rows, server.lines]).includes(access_token))
})

test('81: the service that takes tokens asks by a key of its own about any of them', async () => {
  const { access_token, refresh_token } = await granted()
  const told = await introspect(access_token, asResource)
  assert.equal(told.active, true)
  assert.equal(told.client_id, client.client_id)
  const plain = await addInitiator(server, [person.userId], { scope: SCOPE })
  assert.equal((await introspect((await granted(plain)).access_token, asResource)).active, true)
  assert.deepEqual(await introspect(refresh_token, asResource), { active: false })
  assert.deepEqual(await introspect('cs_token_x', asResource), { active: false })
  await calls.post('/revoke', { token: access_token }, basic(client))
  assert.deepEqual(await introspect(access_token, asResource), { active: false })
})

test('81: that key is good for nothing else, and no other one is good for this', async () => {
  const post = (path: string, key: string) =>
    calls.post(path, { token: 'x' }, { authorization: `Bearer ${key}` }).then(errorOf)
  for (const path of ['/token', '/bc-authorize', '/revoke']) {
    assert.deepEqual(await post(path, KEY), [401, 'invalid_client'], path)
  }
  assert.deepEqual(await post('/introspect', ADMIN_KEY), [401, 'invalid_client'])
  assert.deepEqual(await post('/introspect', ''), [401, 'invalid_client'])
  assert.deepEqual(await errorOf(await calls.post('/introspect', {}, asResource)), [400, 'invalid_request'])
})

test('81: a token of test mode is good for no service', async () => {
  const own = await addInitiator(server, [person.userId], { scope: SCOPE, mode: 'test' })
  const { auth_req_id, requestId } = await calls.ask(own, { login_hint: 'asha' })
  const simulate = await fetch(`${server.origin}/v1/requests/${requestId}/simulate`, {
    method: 'POST',
    headers: { ...basic(own), 'content-type': 'application/json' },
    body: JSON.stringify({ outcome: 'approve' }),
  })
  assert.equal(simulate.status, 200, await simulate.text())
  const { access_token } = (await (await calls.poll(own, auth_req_id)).json()) as { access_token: string }
  assert.equal((await introspect(access_token, basic(own))).active, true)
  assert.deepEqual(await introspect(access_token, asResource), { active: false })
})

test('9: an unknown format is refused; the command takes it', async () => {
  const words = ['client', 'add', '--initiator', '--name', 'Agent', '--link', 'asha', '--json', '--dpop']
  const add = (format: string) => runCommand([...words, '--token-format', format], server.storeEnv)
  const refused = await add('paper')
  assert.notEqual(refused.code, 0)
  assert.match(refused.err, /jwt, opaque/)
  const { code, out, err } = await add('opaque')
  assert.equal(code, 0, err)
  const { client_id } = JSON.parse(out) as TestClient
  const [row] = await server.select(
    `select token_format, bound_by from initiators where client_id = '${client_id}'`,
  )
  assert.deepEqual({ ...row }, { token_format: 'opaque', bound_by: 'dpop' })
})
