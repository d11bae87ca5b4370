import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addInitiator, cibaCalls, errorOf, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { basic, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements, sections 1C, 1F and 1G.

let server: TestServer
let person: Person
let client: TestClient
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  server = await startServer({
    env: { COUNTERSIGN_CIBA_MOST_OPEN: '1000', COUNTERSIGN_CIBA_RATE_LIMIT: '1000/1s' },
  })
  person = await server.person({ handle: 'asha' })
  client = await addInitiator(server, [person.userId], { scope: 'openid accounts payments' })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

const refused = async (fields: Record<string, string | undefined>) =>
  errorOf(await calls.authorize(client, { login_hint: 'asha', ...fields }))
const inbox = async () =>
  (await person.must<{ requests: { id: string }[] }>('GET', '/v1/me/requests?status=pending')).requests

describe('CIBA Core §7: the request', () => {
  test('15: GET is 405, JSON is 415', async () => {
    const get = await fetch(`${server.origin}/bc-authorize`)
    assert.equal(get.headers.get('allow'), 'POST')
    assert.deepEqual(await errorOf(get), [405, 'invalid_request'])
    const json = await fetch(`${server.origin}/bc-authorize`, {
      method: 'POST',
      headers: { ...basic(client), 'content-type': 'application/json' },
      body: '{"scope":"openid","login_hint":"asha"}',
    })
    assert.deepEqual(await errorOf(json), [415, 'invalid_request'])
  })

  test('16: who the client is comes first: 401, with WWW-Authenticate if the header was used', async () => {
    const wrong = { ...client, client_secret: 'wrong' }
    const byHeader = await calls.authorize(wrong, { login_hint: 'nobody', scope: undefined })
    assert.match(byHeader.headers.get('www-authenticate') ?? '', /^Basic/)
    assert.deepEqual(await errorOf(byHeader), [401, 'invalid_client'])
    const byForm = await calls.post('/bc-authorize', { ...wrong, login_hint: 'asha' })
    assert.equal(byForm.headers.get('www-authenticate'), null)
    assert.deepEqual(await errorOf(byForm), [401, 'invalid_client'])
    assert.deepEqual(await errorOf(await calls.post('/bc-authorize', { login_hint: 'asha' })), [
      401,
      'invalid_client',
    ])
    const unknown = await calls.authorize({ ...client, client_id: 'nobody\0' }, { login_hint: 'asha' })
    assert.deepEqual(await errorOf(unknown), [401, 'invalid_client'])
  })

  test('16: a client authenticates as it is registered, and in no other way', async () => {
    const post = await addInitiator(server, [person.userId], {
      token_endpoint_auth_method: 'client_secret_post',
    })
    assert.deepEqual(await errorOf(await calls.authorize(post, { login_hint: 'asha' })), [
      401,
      'invalid_client',
    ])
    const { client_id, client_secret } = post
    const fields = { client_id, client_secret, scope: 'openid', login_hint: 'asha' }
    assert.equal((await calls.post('/bc-authorize', fields)).status, 200)
    assert.deepEqual(await errorOf(await calls.post('/bc-authorize', { ...fields, ...client })), [
      401,
      'invalid_client',
    ])
    const twice = await calls.post('/bc-authorize', fields, basic(post))
    assert.deepEqual(await errorOf(twice), [400, 'invalid_request'])
  })

  test('17: a client that is not registered for CIBA, or not active', async () => {
    const individual = await server.addClient({ user_id: person.userId })
    assert.deepEqual(await errorOf(await calls.authorize(individual, { login_hint: 'asha' })), [
      400,
      'unauthorized_client',
    ])
    const disabled = await addInitiator(server, [person.userId])
    await server.admin(`/v1/admin/clients/${disabled.client_id}/state`, { state: 'disabled' })
    assert.deepEqual(await errorOf(await calls.authorize(disabled, { login_hint: 'asha' })), [
      400,
      'unauthorized_client',
    ])
  })

  test('18: scope is there, contains openid, and holds nothing the client or the link lacks; order is free', async () => {
    assert.deepEqual(await refused({ scope: undefined }), [400, 'invalid_request'])
    assert.deepEqual(await refused({ scope: 'accounts' }), [400, 'invalid_scope'])
    assert.deepEqual(await refused({ scope: 'openid everything' }), [400, 'invalid_scope'])
    assert.equal(
      (await calls.authorize(client, { login_hint: 'asha', scope: 'payments openid accounts' })).status,
      200,
    )
  })

  test('19: exactly one hint', async () => {
    assert.deepEqual(await refused({ login_hint: undefined }), [400, 'invalid_request'])
    assert.deepEqual(await refused({ id_token_hint: 'x' }), [400, 'invalid_request'])
    assert.deepEqual(await refused({ login_hint_token: 'x' }), [400, 'invalid_request'])
  })

  test('20: no such user, not linked, disabled, blocking: one answer, nobody told', async () => {
    const stranger = await server.person({ handle: 'ravi' })
    assert.deepEqual(await refused({ login_hint: 'nobody' }), [400, 'unknown_user_id'])
    const blocker = await server.person({ handle: 'meera' })
    const blocked = await addInitiator(server, [blocker.userId])
    const { requestId } = await calls.ask(blocked, { login_hint: 'meera' })
    await blocker.must('POST', `/v1/me/requests/${requestId}/reject`, { report: true })
    const [toBlocker, toNobody] = await Promise.all(
      ['meera', 'nobody'].map(async (login_hint) => (await calls.authorize(blocked, { login_hint })).text()),
    )
    assert.equal(toBlocker, toNobody)
    const answers = await Promise.all(
      ['nobody', 'ravi', 'no\u{1F600}body'].map(async (login_hint) => {
        const answer = await calls.authorize(client, { login_hint })
        return [answer.status, await answer.text()]
      }),
    )
    assert.equal(new Set(answers.map(String)).size, 1)
    const { requests } = await stranger.must<{ requests: unknown[] }>('GET', '/v1/me/requests')
    assert.deepEqual(requests, [])
  })

  test('24: what is fit to show is shown as it came; what is not is refused, never cut', async () => {
    for (const binding_message of ['1234', 'Zahlung für Köln: 12,50 €', 'भुगतान 42', 'x'.repeat(140)]) {
      const { requestId } = await calls.ask(client, { login_hint: 'asha', binding_message })
      const { approval } = await person.review(requestId)
      assert.equal(JSON.parse(approval).binding_message, binding_message)
    }
    const before = (await inbox()).length
    for (const binding_message of [
      'x'.repeat(141),
      'a\u202Eb',
      'a\nb',
      'a\u200Bb',
      ' ',
      'a\u0007b',
      'a\u2028b',
    ]) {
      assert.deepEqual(await refused({ binding_message }), [400, 'invalid_binding_message'], binding_message)
    }
    assert.equal((await inbox()).length, before)
  })

  test('25: requested_expiry is a positive whole number, capped', async () => {
    const { expires_in } = await calls.ask(client, { login_hint: 'asha', requested_expiry: '30' })
    assert.ok(expires_in >= 29 && expires_in <= 30)
    const long = await calls.ask(client, { login_hint: 'asha', requested_expiry: '99999999' })
    assert.ok(long.expires_in <= 3_600)
    for (const requested_expiry of ['0', '-1', '1.5', 'soon', '1e3', '9'.repeat(40)]) {
      assert.deepEqual(await refused({ requested_expiry }), [400, 'invalid_request'], requested_expiry)
    }
  })

  test('27: a parameter sent twice is refused, an unknown one is let pass', async () => {
    const answer = await fetch(`${server.origin}/bc-authorize`, {
      method: 'POST',
      headers: { ...basic(client), 'content-type': 'application/x-www-form-urlencoded' },
      body: 'scope=openid&login_hint=asha&login_hint=asha',
    })
    assert.deepEqual(await errorOf(answer), [400, 'invalid_request'])
    assert.equal((await calls.authorize(client, { login_hint: 'asha', anything: 'x' })).status, 200)
    assert.deepEqual(await refused({ binding_message: 'a\0b' }), [400, 'invalid_request'])
  })

  test('28: whatever is refused leaves nothing behind', async () => {
    const count = async () => (await server.select('select count(*) as n from token_requests'))[0]?.n
    const before = await count()
    await refused({ requested_expiry: '0' })
    await refused({ scope: 'openid everything' })
    await refused({ binding_message: 'a\nb' })
    await refused({ login_hint: 'nobody' })
    assert.equal(await count(), before)
  })

  test('30: a retry with the same Idempotency-Key is the same request; with other content it is refused', async () => {
    const fields = { login_hint: 'asha', binding_message: 'pay 1' }
    const key = { 'idempotency-key': 'k-1' }
    const before = (await inbox()).length
    const [first, second] = await Promise.all([
      calls.ask(client, fields, key),
      calls.ask(client, fields, key),
    ])
    assert.equal(first.auth_req_id, second.auth_req_id)
    assert.equal((await inbox()).length, before + 1)
    const other = await calls.authorize(client, { ...fields, binding_message: 'pay 2' }, key)
    assert.deepEqual(await errorOf(other), [400, 'invalid_request'])
    const elsewhere = await addInitiator(server, [person.userId])
    assert.notEqual((await calls.ask(elsewhere, fields, key)).auth_req_id, first.auth_req_id)
  })

  test('77: by the id of the user as well as by the handle', async () => {
    assert.equal((await calls.authorize(client, { login_hint: person.userId })).status, 200)
  })

  test('77: by a subject identifier of this server, as Auth0 writes it', async () => {
    const subject = (more: object) =>
      JSON.stringify({ format: 'iss_sub', iss: `${server.origin}/`, sub: person.userId, ...more })
    assert.equal((await calls.authorize(client, { login_hint: subject({}) })).status, 200)
    assert.equal((await calls.authorize(client, { login_hint: subject({ iss: server.origin }) })).status, 200)
    for (const more of [{ iss: 'https://else.example' }, { format: 'email' }, { sub: 7 }]) {
      assert.deepEqual(await refused({ login_hint: subject(more) }), [400, 'invalid_request'])
    }
    assert.deepEqual(await refused({ login_hint: '{"sub"' }), [400, 'invalid_request'])
    assert.deepEqual(await refused({ login_hint: subject({ sub: 'nobody' }) }), [400, 'unknown_user_id'])
  })

  test('83: no request_uri', async () => {
    assert.deepEqual(await refused({ request_uri: 'https://x.example' }), [400, 'invalid_request'])
  })

  test('87: so many may wait for one user by one client, also when they come at once', async () => {
    await using small = await startServer()
    const user = await small.person({ handle: 'asha' })
    const app = await addInitiator(small, [user.userId])
    const ask = cibaCalls(small.origin)
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => ask.authorize(app, { login_hint: 'asha' })),
    )
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 200, 200, 200, 200, 429, 429, 429])
    const other = await addInitiator(small, [user.userId])
    assert.equal((await ask.authorize(other, { login_hint: 'asha' })).status, 200)
  })
})

describe('CIBA Core §7.3: the acknowledgement', () => {
  test('37, 38, 39: 200, JSON, no-store; a long opaque auth_req_id, expires_in and interval as numbers', async () => {
    const answer = await calls.authorize(client, { login_hint: 'asha' })
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    const body = (await answer.json()) as Record<string, unknown>
    assert.deepEqual(Object.keys(body).sort(), ['auth_req_id', 'expires_in', 'interval'])
    assert.match(String(body.auth_req_id), /^[A-Za-z0-9._-]{70,128}$/)
    assert.ok(Number.isInteger(body.expires_in) && Number(body.expires_in) > 290)
    assert.equal(body.interval, 1)
  })

  test('38: auth_req_id lies nowhere in the store, nor in the log', async () => {
    const { auth_req_id } = await calls.ask(client, { login_hint: 'asha' })
    const secret = auth_req_id.split('.')[1] ?? ''
    const dump = JSON.stringify([
      await server.select('select * from token_requests'),
      await server.select('select request_id, interval_seconds from request_handles'),
      await server.select('select * from events'),
      server.lines,
    ])
    assert.ok(!dump.includes(secret))
  })
})
