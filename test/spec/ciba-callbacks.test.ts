import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import { Webhook } from 'standardwebhooks'
import { addInitiator, cibaCalls, errorOf } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements, sections 1I and 1J.

const BEARER = 'a-token-of-the-clients-own-0123456789._~+/-=='

let server: TestServer
let person: Person
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  server = await startServer({ env: { COUNTERSIGN_CIBA_HOLD: '0s', COUNTERSIGN_CIBA_MOST_OPEN: '1000' } })
  person = await server.person({ handle: 'asha' })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

type Mode = 'ping' | 'push'
type Behave = NonNullable<Parameters<typeof startReceiver>[0]>

/** An endpoint of a client of this mode, and the client. */
async function stage(mode: Mode, behave?: Behave) {
  const receiver = await startReceiver(behave)
  const client = await addInitiator(server, [person.userId], {
    backchannel_token_delivery_mode: mode,
    backchannel_client_notification_endpoint: receiver.url,
  })
  const fields = { login_hint: 'asha', client_notification_token: BEARER }
  return {
    receiver,
    client,
    ask: (more: Record<string, string> = {}) => calls.ask(client, { ...fields, ...more }),
    fields,
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  }
}

const withStatus =
  (status: number, headers: Record<string, string> = {}): Behave =>
  (_http, response) =>
    response.writeHead(status, headers).end('whatever')

describe('CIBA Core §4, §7.1: what ping and push need', () => {
  test('10: an endpoint, and none with poll', async () => {
    for (const form of [
      { backchannel_token_delivery_mode: 'ping' },
      { backchannel_token_delivery_mode: 'push' },
      { backchannel_client_notification_endpoint: 'https://a.example/' },
    ]) {
      const answer = await fetch(`${server.origin}/v1/admin/clients`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'initiator', name: 'Agent', ...form }),
      })
      assert.equal(answer.status, 400)
      assert.equal(((await answer.json()) as { code: string }).code, 'client_metadata_refused')
    }
  })

  test('10: http, loopback and private addresses only in development, and the rule holds at the call too', async () => {
    await using strict = await startServer({ env: { COUNTERSIGN_DEV: '0' } })
    for (const url of ['http://a.example/x', 'https://127.0.0.1/x', 'https://localhost/x']) {
      const answer = await fetch(`${strict.origin}/v1/admin/clients`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          kind: 'initiator',
          name: 'Agent',
          backchannel_token_delivery_mode: 'ping',
          backchannel_client_notification_endpoint: url,
        }),
      })
      assert.equal(answer.status, 400, url)
      assert.equal(((await answer.json()) as { code: string }).code, 'notifier_refused')
    }
  })

  test('23: client_notification_token is needed, of the right form, at most 1024 characters; poll ignores it', async () => {
    await using ping = await stage('ping')
    const refused = async (token: string | undefined) =>
      errorOf(await calls.authorize(ping.client, { ...ping.fields, client_notification_token: token }))
    for (const token of [undefined, '', 'with space', 'ümlaut', 'x'.repeat(1_025), 'a=b']) {
      assert.deepEqual(await refused(token), [400, 'invalid_request'], token)
    }
    const fits = { ...ping.fields, client_notification_token: 'x'.repeat(1_024) }
    assert.equal((await calls.authorize(ping.client, fits)).status, 200)
    const poll = await addInitiator(server, [person.userId])
    const ignored = { login_hint: 'asha', client_notification_token: 'with space' }
    assert.equal((await calls.authorize(poll, ignored)).status, 200)
  })

  test('23: the notification token lies nowhere in clear', async () => {
    await using ping = await stage('ping', withStatus(500))
    const { requestId } = await ping.ask()
    await person.approve(requestId)
    await ping.receiver.received(1)
    const rows = [
      ...(await server.select('select sealed_bearer from request_handles where sealed_bearer is not null')),
      ...(await server.select('select sealed, sealed_bearer from delivery_payloads')),
    ]
    assert.ok(rows.length >= 2)
    for (const row of rows) {
      for (const value of Object.values(row)) assert.ok(!Buffer.from(value as Uint8Array).includes(BEARER))
    }
    assert.ok(!server.lines.join('').includes(BEARER))
  })

  test('37: the answer to a push client has no interval', async () => {
    await using push = await stage('push')
    const answer = (await (await calls.authorize(push.client, push.fields)).json()) as Record<string, unknown>
    assert.deepEqual(Object.keys(answer).sort(), ['auth_req_id', 'expires_in'])
  })
})

describe('CIBA Core §9, §10.2: ping', () => {
  test('48, 53, 54, 56: bearer, JSON, only auth_req_id; 200 with a body is good, and the tokens are there by then', async () => {
    let redeemed: Promise<Response> | undefined
    await using ping = await stage('ping', (_http, response) => {
      redeemed = calls.poll(ping.client, asked.auth_req_id)
      response.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello')
    })
    const asked = await ping.ask()
    assert.equal((await calls.poll(ping.client, asked.auth_req_id)).status, 400)
    await pause(1_000)
    await person.approve(asked.requestId)
    const [post] = await ping.receiver.received(1)
    assert.equal(post?.headers.authorization, `Bearer ${BEARER}`)
    assert.match(post?.headers['content-type'] ?? '', /^application\/json/)
    assert.deepEqual(JSON.parse(post?.body ?? ''), { auth_req_id: asked.auth_req_id })
    assert.equal((await redeemed)?.status, 200)
    await pause(200)
    assert.equal(ping.receiver.posts.length, 1)
    const { timeline } = await server.requestStatus(ping.client, asked.requestId)
    assert.ok(timeline.some(({ event }) => event === 'ping_delivered'))
  })

  test('48: a ping is not needed to redeem', async () => {
    await using ping = await stage('ping', withStatus(500))
    const { auth_req_id, requestId } = await ping.ask()
    await person.approve(requestId)
    assert.equal((await calls.poll(ping.client, auth_req_id)).status, 200)
  })

  test('54: rejection and expiry ping too', async () => {
    await using ping = await stage('ping')
    const rejected = await ping.ask()
    await person.reject(rejected.requestId)
    await ping.receiver.received(1)
    assert.deepEqual(await errorOf(await calls.poll(ping.client, rejected.auth_req_id)), [
      400,
      'access_denied',
    ])
    const expired = await ping.ask({ requested_expiry: '1' })
    const posts = await ping.receiver.received(2)
    assert.deepEqual(JSON.parse(posts[1]?.body ?? ''), { auth_req_id: expired.auth_req_id })
    assert.deepEqual(await errorOf(await calls.poll(ping.client, expired.auth_req_id)), [
      400,
      'expired_token',
    ])
  })

  for (const status of [301, 307, 401, 403, 404, 410]) {
    test(`55, 57: after ${status} nobody is called again there or elsewhere, and the poll still ends well`, async () => {
      await using elsewhere = await startReceiver()
      await using ping = await stage('ping', withStatus(status, { location: elsewhere.url }))
      const { auth_req_id, requestId } = await ping.ask()
      await person.approve(requestId)
      await ping.receiver.received(1)
      if (status >= 400) {
        await settled(requestId)
        assert.deepEqual(await jobs(requestId), [])
      }
      assert.equal(elsewhere.posts.length, 0)
      assert.equal((await calls.poll(ping.client, auth_req_id)).status, 200)
      const state = await server.select(`select state from tokens where request_id = '${requestId}'`)
      assert.deepEqual(
        state.map((each) => each.state),
        ['active'],
        'no token ends for a ping',
      )
    })
  }

  for (const status of [408, 429, 500, 503]) {
    test(`57: after ${status} it is tried again`, async () => {
      await using ping = await stage('ping', withStatus(status))
      const { requestId } = await ping.ask()
      await person.approve(requestId)
      await ping.receiver.received(1)
      await pause(100)
      assert.equal((await jobs(requestId)).length, 1)
    })
  }

  test('58: the POST is signed too, with an id that stays the same', async () => {
    await using ping = await stage('ping')
    const { requestId } = await ping.ask()
    await person.approve(requestId)
    const [post] = await ping.receiver.received(1)
    const { signing_secret } = ping.client as unknown as { signing_secret: string }
    new Webhook(signing_secret).verify(post?.body ?? '', post?.headers as Record<string, string>)
    assert.match(String(post?.headers['webhook-id']), /^dlv_/)
  })
})

describe('CIBA Core §10.3, §12: push', () => {
  test('59, 60: the tokens, with an ID Token that vouches for all of it', async () => {
    await using push = await stage('push', withStatus(204))
    const { auth_req_id, requestId } = await push.ask()
    const { approval } = await person.review(requestId)
    assert.equal(JSON.parse(approval).notifier_url, push.receiver.url, 'where it goes is shown and signed')
    assert.equal((await person.approve(requestId)).status, 200)
    const [post] = await push.receiver.received(1)
    assert.equal(post?.headers.authorization, `Bearer ${BEARER}`)
    const body = JSON.parse(post?.body ?? '') as Record<string, string>
    assert.deepEqual(Object.keys(body), [
      'auth_req_id',
      'access_token',
      'token_type',
      'expires_in',
      'id_token',
      'scope',
    ])
    assert.equal(body.auth_req_id, auth_req_id)
    assert.equal(body.expires_in, 3_600)
    const keys = createRemoteJWKSet(new URL(`${server.origin}/jwks`))
    const { payload } = await jwtVerify(body.id_token ?? '', keys, {
      issuer: server.origin,
      audience: push.client.client_id,
      subject: person.userId,
    })
    assert.equal(payload['urn:openid:params:jwt:claim:auth_req_id'], auth_req_id)
    const digest = await crypto.subtle.digest('SHA-256', Buffer.from(body.access_token ?? ''))
    assert.equal(payload.at_hash, Buffer.from(digest).subarray(0, 16).toString('base64url'))
    assert.equal(decodeJwt(body.access_token ?? '').client_id, push.client.client_id)
    const { delivery } = await settled(requestId)
    assert.equal(delivery?.status, 'delivered')
  })

  test('61: a rejection and an expiry push the error', async () => {
    await using push = await stage('push')
    const rejected = await push.ask()
    await person.reject(rejected.requestId)
    const expired = await push.ask({ requested_expiry: '1' })
    const posts = (await push.receiver.received(2)).map(({ body }) => JSON.parse(body))
    assert.deepEqual(
      posts.map(({ auth_req_id, error, error_description, ...rest }) => [
        auth_req_id,
        error,
        typeof error_description,
        rest,
      ]),
      [
        [rejected.auth_req_id, 'access_denied', 'string', {}],
        [expired.auth_req_id, 'expired_token', 'string', {}],
      ],
    )
  })

  test('43: a push client may not poll', async () => {
    await using push = await stage('push')
    const { auth_req_id } = await push.ask()
    assert.deepEqual(await errorOf(await calls.poll(push.client, auth_req_id)), [400, 'unauthorized_client'])
  })

  test('62, 63: a redirect is not followed; what was not taken is kept and comes again, the same to the byte', async () => {
    await using elsewhere = await startReceiver()
    let isUp = false
    await using push = await stage('push', (_http, response) =>
      isUp ? response.writeHead(200).end() : response.writeHead(302, { location: elsewhere.url }).end(),
    )
    const { requestId } = await push.ask()
    await person.approve(requestId)
    await push.receiver.received(1)
    isUp = true
    const posts = await push.receiver.received(2, 10_000)
    assert.equal(posts[1]?.body, posts[0]?.body)
    assert.equal(posts[1]?.headers['webhook-id'], posts[0]?.headers['webhook-id'])
    assert.equal(elsewhere.posts.length, 0)
  })
})

const jobs = (requestId: string) =>
  server.select(`
    select outbox.id from outbox join deliveries on outbox.ref = deliveries.id
     where deliveries.request_id = '${requestId}'`)

/** Waits until the delivery of a request is over. */
async function settled(requestId: string) {
  for (let tries = 0; tries < 50; tries += 1) {
    const [row] = await server.select(`select state from deliveries where request_id = '${requestId}'`)
    if (row && row.state !== 'queued') return { delivery: { status: row.state } }
    await pause(50)
  }
  throw new Error('The delivery is not over.')
}
