import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import { Webhook } from 'standardwebhooks'
import { HOUR, MINUTE, SECOND } from '#base/clock.ts'
import { isWellFormedSecret } from '#base/secrets.ts'
import { verifyEvidence } from '#requests/evidence.ts'
import { runCommand } from '../support/command.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { basic, heldClock, startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { startWhatsappApi } from '../support/whatsapp-api.ts'

// Test mode (docs/test-mode.md): the person is played, everything else is real.

type App = { client_id: string; client_secret: string; signing_secret: string }

const clock = heldClock()
let server: TestServer
let api: Awaited<ReturnType<typeof startWhatsappApi>>
let receiver: Awaited<ReturnType<typeof startReceiver>>
let person: Person

before(async () => {
  clock.moveTo(Date.now())
  api = await startWhatsappApi()
  receiver = await startReceiver()
  server = await startServer({
    now: clock.now,
    env: {
      // A day is left, whenever the test runs.
      COUNTERSIGN_UPSTOX_EXPIRY: `daily ${new Date(clock.now()).toISOString().slice(11, 16)} UTC`,
      ...api.env,
    },
  })
  person = await server.person({ phone: '+91 98123 45678' })
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
  await api[Symbol.asyncDispose]()
})

const addTestApp = (form: Record<string, unknown> = {}): Promise<App> =>
  server.addClient({ user_id: person.userId, notifier_url: receiver.url, mode: 'test', ...form })

async function simulate(app: App, id: string, outcome: string) {
  const answer = await fetch(`${server.origin}/v1/requests/${id}/simulate`, {
    method: 'POST',
    headers: { ...basic(app), 'content-type': 'application/json' },
    body: JSON.stringify({ outcome }),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

type Status = Awaited<ReturnType<TestServer['requestStatus']>> & { test: boolean }
const statusOf = async (app: App, id: string) => (await server.requestStatus(app, id)) as Status

test('a test secret is known by its prefix, and has the checksum of every secret', async () => {
  const app = await addTestApp()
  assert.match(app.client_secret, /^cs_test_/)
  assert.ok(isWellFormedSecret(app.client_secret))
  const live = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  assert.match(live.client_secret, /^cs_secret_/)
})

test('nobody is told, on no channel, and nobody can answer in the place of the simulation', async () => {
  const app = await addTestApp()
  const id = await server.openRequest(app, 'A test')
  const live = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  const real = await server.openRequest(live)
  await until(async () => api.messages.length > 0, 15_000)
  assert.equal(api.messages.length, 1, 'only the real one is told')

  for (const query of ['', '?status=pending']) {
    const { requests } = await person.must<{ requests: { id: string }[] }>('GET', `/v1/me/requests${query}`)
    assert.ok(requests.some((each) => each.id === real))
    assert.ok(!requests.some((each) => each.id === id))
  }
  assert.equal((await person.call('POST', `/v1/me/requests/${id}/review`)).status, 404)
  assert.equal((await person.call('POST', `/v1/me/requests/${id}/reject`)).status, 404)
  assert.equal((await statusOf(app, id)).status, 'pending')
  const [count] = await server.select(`select count(*) as count from notices where request_id = '${id}'`)
  assert.equal(Number(count?.count), 0)
})

describe('simulate', () => {
  test('approve: a signed delivery of a token that is marked as a test', async () => {
    const app = await addTestApp()
    const id = await server.openRequest(app, 'A test')
    const before = receiver.posts.length
    const played = await simulate(app, id, 'approve')
    assert.deepEqual(played, { status: 200, body: { status: 'approved', redirect_to: null } })

    const post = (await receiver.received(before + 1)).at(-1)
    const body = new Webhook(app.signing_secret).verify(post?.body ?? '', post?.headers as never) as Record<
      string,
      string
    >
    assert.equal(body.user_id, person.userId)
    const token = body.access_token ?? ''
    const claims = decodeJwt(token)
    assert.equal(claims.test, true)
    assert.equal(claims.aud, `test:${server.origin}`)
    const keys = createRemoteJWKSet(new URL('/jwks', server.origin))
    await jwtVerify(token, keys, { audience: `test:${server.origin}` })
    await assert.rejects(jwtVerify(token, keys, { audience: server.origin }), /aud/)

    await until(async () => (await statusOf(app, id)).delivery?.status === 'delivered', 15_000)
    const status = await statusOf(app, id)
    assert.equal(status.test, true)
    assert.equal(status.status, 'approved')
    assert.deepEqual(status.timeline.map(({ event }) => event).slice(0, 2), ['asked', 'approved'])
    const tokens = await person.must<{ tokens: unknown[] }>('GET', '/v1/me/tokens')
    assert.deepEqual(tokens.tokens, [], 'a test is no access of theirs')

    const [row] = await server.select(`select evidence, channel from decisions where request_id = '${id}'`)
    assert.equal(row?.channel, 'simulated')
    assert.equal(JSON.parse(String(row?.evidence)).simulated, true)
    await assert.rejects(verifyEvidence(String(row?.evidence)), /simulated/)
  })

  test('reject, block and expire end it; ignore leaves it to its own time', async () => {
    const app = await addTestApp()
    for (const [outcome, state] of [
      ['reject', 'rejected'],
      ['expire', 'expired'],
      ['block', 'rejected'],
    ] as const) {
      const id = await server.openRequest(app)
      assert.equal((await simulate(app, id, outcome)).body.status, state)
      assert.equal((await statusOf(app, id)).status, state)
      const again = await simulate(app, id, 'approve')
      assert.equal(again.status, 409)
      assert.equal(again.body.code, 'request_settled')
      assert.equal(again.body.state, state)
    }
    const blocked = await server.ask(app.client_id, { client_secret: app.client_secret })
    assert.equal(blocked.status, 429, 'who is blocked may not ask')
    clock.forward(MINUTE)
    const id = await server.openRequest(app)
    assert.equal((await simulate(app, id, 'ignore')).body.status, 'pending')
    assert.equal((await statusOf(app, id)).status, 'pending')
    assert.equal((await simulate(app, id, 'reject')).body.status, 'rejected')
  })

  test('notifier_fails: attempts fail and are repeated, the endpoint is not called, nobody is told', async () => {
    const app = await addTestApp()
    const id = await server.openRequest(app)
    const before = receiver.posts.length
    await simulate(app, id, 'notifier_fails')
    await until(async () => (await statusOf(app, id)).delivery?.attempts.length === 1, 15_000)
    await until(async () => (await statusOf(app, id)).delivery?.attempts[0]?.status === 'failed', 15_000)
    // The longest waits of the real schedule, one after the other.
    for (const [i, ms] of [6_000, 6 * MINUTE, 36 * MINUTE, 2.4 * HOUR, 6 * HOUR, 12 * HOUR].entries()) {
      clock.forward(ms)
      await until(async () => {
        // Faults in a row make an endpoint rest for some seconds.
        clock.forward(SECOND)
        return (await statusOf(app, id)).delivery?.attempts[i + 1]?.status === 'failed'
      }, 15_000)
    }
    await until(async () => (await statusOf(app, id)).delivery?.status === 'undeliverable', 15_000)
    assert.equal(receiver.posts.length, before)
    const status = await statusOf(app, id)
    assert.ok(status.timeline.some(({ event }) => event === 'token_revoked'))
    const [count] = await server.select(`select count(*) as count from notices where request_id = '${id}'`)
    assert.equal(Number(count?.count), 0)
  })

  test('is refused for a live app, another app’s request, a wrong secret and a wrong word', async () => {
    const app = await addTestApp()
    const live = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
    const real = await server.openRequest(live)
    const refused = await simulate(live, real, 'approve')
    assert.deepEqual([refused.status, refused.body.code], [400, 'client_not_test'])
    assert.equal((await simulate(app, real, 'approve')).status, 404)
    assert.equal((await simulate({ ...app, client_secret: 'cs_test_wrong' }, real, 'approve')).status, 401)
    const id = await server.openRequest(app)
    assert.equal((await simulate(app, id, 'perhaps')).status, 400)
    assert.equal((await statusOf(app, id)).status, 'pending')
    assert.equal((await statusOf(live, real)).test, false)
  })

  test('of two at the same moment one is taken', async () => {
    const app = await addTestApp()
    const id = await server.openRequest(app)
    const played = await Promise.all(['approve', 'reject'].map((outcome) => simulate(app, id, outcome)))
    assert.deepEqual(played.map(({ status }) => status).sort(), [200, 409])
  })
})

test('an app that says how is answered by itself', async () => {
  const app = await addTestApp({ simulate: 'approve' })
  const before = receiver.posts.length
  const id = await server.openRequest(app)
  clock.forward(1_000)
  await receiver.received(before + 1)
  await until(async () => (await statusOf(app, id)).status === 'approved', 15_000)
})

test('its owner sees and plays requests on their page, and says how they are answered', async () => {
  const { client_id, client_secret } = await person.must<App>('POST', '/v1/me/apps', {
    name: 'Trial',
    mode: 'test',
    notifier_url: receiver.url,
  })
  assert.match(client_secret, /^cs_test_/)
  const id = await server.openRequest({ client_id, client_secret }, 'By its owner')
  const path = `/v1/me/apps/${client_id}`
  const played = await person.must<{ status: string }>('POST', `${path}/requests/${id}/simulate`, {
    outcome: 'reject',
  })
  assert.equal(played.status, 'rejected')
  const edited = await person.must<{ mode: string; simulate: string }>('PATCH', path, { simulate: 'expire' })
  assert.deepEqual([edited.mode, edited.simulate], ['test', 'expire'])
  const second = await person.must<{ client_secret: string }>('POST', `${path}/secrets`)
  assert.match(second.client_secret, /^cs_test_/)

  const stranger = await server.person()
  const strange = await stranger.call('POST', `${path}/requests/${id}/simulate`, { outcome: 'reject' })
  assert.equal(strange.status, 404)
  const live = await person.must<App>('POST', '/v1/me/apps', { name: 'Live', notifier_url: receiver.url })
  const refused = await person.call('PATCH', `/v1/me/apps/${live.client_id}`, { simulate: 'approve' })
  assert.equal(refused.status, 400)
})

test('an app that asks many users needs no review in test mode, and its tokens say so too', async () => {
  const made = await person.must<App>('POST', '/v1/me/apps', {
    name: 'Many',
    kind: 'initiator',
    mode: 'test',
  })
  const card = await person.must<{ state: string }>('GET', `/v1/me/apps/${made.client_id}`)
  assert.equal(card.state, 'active')

  const app = await server.addClient({
    kind: 'initiator',
    user_id: undefined,
    mode: 'test',
    links: [person.userId],
  })
  const call = (path: string, body: Record<string, string>) =>
    fetch(`${server.origin}${path}`, { method: 'POST', headers: basic(app), body: new URLSearchParams(body) })
  const asked = await call('/bc-authorize', { scope: 'openid', login_hint: person.userId })
  const { auth_req_id = '' } = (await asked.json()) as Record<string, string>
  assert.ok(auth_req_id, `${asked.status}`)
  const [row] = await server.select(`select id from token_requests where client_id = '${app.client_id}'`)
  assert.equal((await simulate(app, String(row?.id), 'approve')).status, 200)
  const answer = await call('/token', { grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id })
  const { access_token = '' } = (await answer.json()) as Record<string, string>
  assert.equal(decodeJwt(access_token).test, true)
})

test('client add --test makes a test app', async () => {
  const words = ['client', 'add', '--individual', person.userId, '--name', 'By hand', '--json']
  const env = { ...server.storeEnv, COUNTERSIGN_DEV: '1' }
  const made = await runCommand([...words, '--test', '--simulate', 'reject', '--notifier', receiver.url], env)
  assert.equal(made.code, 0, made.err)
  const app = JSON.parse(made.out) as App
  assert.match(app.client_secret, /^cs_test_/)
  const id = await server.openRequest(app)
  clock.forward(1_000)
  await until(async () => (await statusOf(app, id)).status === 'rejected', 15_000)

  const unknown = await runCommand([...words, '--test', '--simulate', 'perhaps'], env)
  assert.match(unknown.err, /approve, reject, expire/)
  const notTest = await runCommand([...words, '--simulate', 'reject'], env)
  assert.equal(notTest.code, 1)
  assert.match(notTest.err, /not in test mode/)
})
