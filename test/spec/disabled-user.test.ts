import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addInitiator, cibaCalls, errorOf, type TestClient } from '../support/ciba.ts'
import { signIn } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

// What a user approved before their account was disabled is given out no more, also after it was enabled again.

let server: TestServer
let source: Awaited<ReturnType<typeof startReceiver>>
let isSourceUp = true
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  source = await startReceiver((_http, response) => {
    response.setHeader('content-type', 'application/json')
    if (isSourceUp) response.end('{"access_token":"own-token","expires_in":600}')
    else response.writeHead(503).end('{}')
  })
  server = await startServer({ env: { COUNTERSIGN_CIBA_HOLD: '0s', COUNTERSIGN_NOTIFIER_PROOF: 'off' } })
  calls = cibaCalls(server.origin)
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await source[Symbol.asyncDispose]()
})

const setState = (at: TestServer, userId: string, state: 'active' | 'disabled') =>
  at.admin(`/v1/admin/users/${userId}/state`, { state })
const errorsOf = async (client: TestClient, handle: string) => errorOf(await calls.poll(client, handle))

test('OpenID CIBA: it cannot be fetched, by poll or after a ping', async () => {
  await using receiver = await startReceiver()
  for (const [handle, mode] of [
    ['asha', {}],
    [
      'ravi',
      {
        backchannel_token_delivery_mode: 'ping',
        backchannel_client_notification_endpoint: receiver.url,
      },
    ],
  ] as const) {
    const person = await server.person({ handle })
    const client = await addInitiator(server, [person.userId], mode)
    const fields = { login_hint: handle, client_notification_token: 'a-token-of-the-clients-own' }
    const { requestId, auth_req_id } = await calls.ask(client, fields)
    assert.equal((await person.approve(requestId)).status, 200)
    await setState(server, person.userId, 'disabled')
    assert.deepEqual(await errorsOf(client, auth_req_id), [400, 'access_denied'], handle)
    await setState(server, person.userId, 'active')
    assert.deepEqual(await errorsOf(client, auth_req_id), [400, 'access_denied'], `${handle}, enabled again`)

    const back = await signIn(server.origin, person.passkey)
    const again = await calls.ask(client, fields)
    assert.equal((await back.approve(again.requestId)).status, 200)
    assert.equal(
      (await calls.poll(client, again.auth_req_id)).status,
      200,
      `${handle}: what comes later counts`,
    )
  }
})

test('OpenID CIBA: of a fetch and a disabling at the same moment, no token is left standing', async () => {
  for (let round = 0; round < 5; round += 1) {
    const handle = `racer-${round}`
    const person = await server.person({ handle })
    const client = await addInitiator(server, [person.userId])
    const { requestId, auth_req_id } = await calls.ask(client, { login_hint: handle })
    assert.equal((await person.approve(requestId)).status, 200)
    await Promise.all([calls.poll(client, auth_req_id), setState(server, person.userId, 'disabled')])
    const left = await server.select(
      `select id from tokens where user_id = '${person.userId}' and state = 'active'`,
    )
    assert.deepEqual(left, [])
  }
})

test('Upstox: a code brings no token', async () => {
  const person = await server.person()
  const redirect_uri = 'https://127.0.0.1:5000/callback'
  const client = await server.addClient({ user_id: person.userId, redirect_url: redirect_uri })
  const asked = { client_id: client.client_id, redirect_uri }
  const { request_id } = await person.must<{ request_id: string }>('POST', '/v1/me/authorizations', asked)
  const decided = (await (await person.approve(request_id)).json()) as { redirect_to: string }
  await setState(server, person.userId, 'disabled')
  const answer = await fetch(`${server.origin}/v2/login/authorization/token`, {
    method: 'POST',
    body: new URLSearchParams({
      ...asked,
      client_secret: client.client_secret,
      grant_type: 'authorization_code',
      code: new URL(decided.redirect_to).searchParams.get('code') ?? '',
    }),
  })
  assert.equal(answer.status, 400)
  const { errors } = (await answer.json()) as { errors: { errorCode: string }[] }
  assert.equal(errors[0]?.errorCode, 'UDAPI100057')
})

test('Upstox: what waits for the issuer of the operator is not delivered when that is back', async () => {
  await using sourced = await startServer({
    env: {
      COUNTERSIGN_TOKEN_SOURCE_URL: source.url,
      COUNTERSIGN_TOKEN_SOURCE_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
      COUNTERSIGN_NOTIFIER_PROOF: 'off',
    },
  })
  await using notifier = await startReceiver()
  const person = await sourced.person()
  const client = await sourced.addClient({ user_id: person.userId, notifier_url: notifier.url })
  const id = await sourced.openRequest(client)
  isSourceUp = false
  assert.equal((await person.approve(id)).status, 200)
  await source.received(1)
  await setState(sourced, person.userId, 'disabled')
  await setState(sourced, person.userId, 'active')
  isSourceUp = true
  await until(
    async () => (await sourced.select("select id from outbox where kind = 'issue'")).length === 0,
    10_000,
  )
  assert.equal((await sourced.requestStatus(client, id)).delivery, null)
  assert.deepEqual(await sourced.select(`select id from tokens where user_id = '${person.userId}'`), [])
  assert.equal(notifier.posts.length, 0)
})
