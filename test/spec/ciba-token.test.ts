import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { MINUTE, SECOND } from '#base/clock.ts'
import { addInitiator, CIBA_GRANT, cibaCalls, errorOf, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { basic, heldClock, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements, section 1H.

let server: TestServer
let person: Person
let client: TestClient
let calls: ReturnType<typeof cibaCalls>
const clock = heldClock()
before(async () => {
  server = await startServer({
    now: clock.now,
    env: {
      COUNTERSIGN_CIBA_HOLD: '0s',
      COUNTERSIGN_CIBA_MOST_OPEN: '1000',
      COUNTERSIGN_CIBA_RATE_LIMIT: '1000/1s',
    },
  })
  person = await server.person({ handle: 'asha' })
  client = await addInitiator(server, [person.userId], { scope: 'openid accounts' })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

const ask = (fields: Record<string, string> = {}) => calls.ask(client, { login_hint: 'asha', ...fields })
const told = async (authReqId: string, by = client) => (await errorOf(await calls.poll(by, authReqId)))[1]

describe('CIBA Core §10.1, §11: the token endpoint', () => {
  test('41: grant type, auth_req_id and the client are all needed', async () => {
    const { auth_req_id } = await ask()
    const post = async (fields: Record<string, string>, as: Record<string, string> = basic(client)) =>
      errorOf(await calls.post('/token', fields, as))
    assert.deepEqual(await post({ auth_req_id }), [400, 'invalid_request'])
    assert.deepEqual(await post({ grant_type: CIBA_GRANT }), [400, 'invalid_request'])
    assert.deepEqual(await post({ grant_type: 'password', auth_req_id }), [400, 'unsupported_grant_type'])
    assert.deepEqual(await post({ grant_type: CIBA_GRANT, auth_req_id }, {}), [401, 'invalid_client'])
  })

  test("42: an unknown id and another client's are answered alike", async () => {
    const { auth_req_id } = await ask()
    const other = await addInitiator(server, [person.userId])
    const answers = await Promise.all([
      calls.poll(other, auth_req_id),
      calls.poll(other, 'x.y'),
      calls.poll(other, '.'),
    ])
    const texts = await Promise.all(answers.map((each) => each.text()))
    assert.equal(new Set(texts).size, 1)
    assert.equal(JSON.parse(texts[0] ?? '').error, 'invalid_grant')
    assert.equal(await told(`${auth_req_id}x`), 'invalid_grant')
    assert.equal(await told(auth_req_id), 'authorization_pending')
  })

  test('44: waiting is authorization_pending; too fast is slow_down, and the interval grows by 5 s for good', async () => {
    const { auth_req_id } = await ask()
    assert.equal(await told(auth_req_id), 'authorization_pending')
    assert.equal(await told(auth_req_id), 'slow_down')
    clock.forward(5 * SECOND)
    assert.equal(await told(auth_req_id), 'slow_down', '1 s and 5 s is 6 s')
    clock.forward(11 * SECOND)
    assert.equal(await told(auth_req_id), 'authorization_pending')
    clock.forward(10 * SECOND)
    assert.equal(await told(auth_req_id), 'slow_down')
  })

  test('45: rejected is access_denied, too late is expired_token, and both stay so', async () => {
    const rejected = await ask()
    assert.equal((await person.reject(rejected.requestId)).status, 200)
    assert.equal(await told(rejected.auth_req_id), 'access_denied')
    assert.equal(await told(rejected.auth_req_id), 'access_denied')

    const late = await ask({ requested_expiry: '10' })
    clock.forward(10 * SECOND)
    assert.equal(await told(late.auth_req_id), 'expired_token')
    clock.forward(60 * MINUTE)
    assert.equal(await told(late.auth_req_id), 'expired_token')
  })

  test('45: what was approved and never fetched is expired_token after a while', async () => {
    const { auth_req_id, requestId } = await ask({ requested_expiry: '10' })
    assert.equal((await person.approve(requestId)).status, 200)
    clock.forward(10 * SECOND + MINUTE - 1)
    const other = await ask({ requested_expiry: '10' })
    assert.equal((await person.approve(other.requestId)).status, 200)
    assert.equal((await calls.poll(client, auth_req_id)).status, 200)
    clock.forward(10 * SECOND + MINUTE)
    assert.equal(await told(other.auth_req_id), 'expired_token')
  })

  test('46, 50: tokens: no-store, Bearer, expires_in, scope; an ID Token of the approver for this client', async () => {
    const { auth_req_id, requestId } = await ask({ scope: 'openid accounts' })
    const approvedAt = clock.now()
    assert.equal((await person.approve(requestId)).status, 200)
    clock.forward(3 * SECOND)
    const answer = await calls.poll(client, auth_req_id)
    assert.equal(answer.status, 200)
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    const body = (await answer.json()) as Record<string, string>
    assert.deepEqual(Object.keys(body).sort(), [
      'access_token',
      'expires_in',
      'id_token',
      'scope',
      'token_type',
    ])
    assert.equal(body.token_type, 'Bearer')
    assert.equal(body.expires_in, 3_600)
    assert.equal(body.scope, 'openid accounts')

    const keys = createRemoteJWKSet(new URL(`${server.origin}/jwks`))
    const options = { issuer: server.origin, audience: client.client_id, currentDate: new Date(clock.now()) }
    const { payload, protectedHeader } = await jwtVerify(body.id_token ?? '', keys, options)
    assert.equal(protectedHeader.alg, 'ES256')
    assert.equal(payload.sub, person.userId)
    assert.equal(payload.auth_time, Math.floor(approvedAt / 1_000))
    assert.equal(payload.acr, 'phr')
    assert.deepEqual(payload.amr, ['pop', 'user', 'mfa'])
    assert.equal(payload.nonce, undefined)
    const digest = await crypto.subtle.digest('SHA-256', Buffer.from(body.access_token ?? ''))
    assert.equal(payload.at_hash, Buffer.from(digest).subarray(0, 16).toString('base64url'))
  })

  test('80: the access token is at+jwt with the claims of RFC 9068', async () => {
    const { auth_req_id, requestId } = await ask({ scope: 'accounts openid' })
    await person.approve(requestId)
    const { access_token } = (await (await calls.poll(client, auth_req_id)).json()) as Record<string, string>
    const keys = createRemoteJWKSet(new URL(`${server.origin}/jwks`))
    const options = {
      issuer: server.origin,
      audience: server.origin,
      typ: 'at+jwt',
      currentDate: new Date(clock.now()),
    }
    const { payload } = await jwtVerify(access_token ?? '', keys, options)
    assert.deepEqual(Object.keys(payload).sort(), [
      'acr',
      'aud',
      'auth_time',
      'client_id',
      'exp',
      'iat',
      'iss',
      'jti',
      'scope',
      'sub',
    ]) // prettier-ignore
    assert.equal(payload.client_id, client.client_id)
    assert.equal(payload.scope, 'accounts openid')
  })

  test('47: of 50 at the same moment one is given the tokens', async () => {
    const { auth_req_id, requestId } = await ask()
    await person.approve(requestId)
    const answers = await Promise.all(Array.from({ length: 50 }, () => calls.poll(client, auth_req_id)))
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
    for (const answer of answers) {
      if (answer.status !== 200) assert.deepEqual(await errorOf(answer), [400, 'invalid_grant'])
    }
    assert.equal((await server.select(`select id from tokens where request_id = '${requestId}'`)).length, 1)
  })

  test('47: a second use ends the tokens that the first brought', async () => {
    const { auth_req_id, requestId } = await ask()
    await person.approve(requestId)
    assert.equal((await calls.poll(client, auth_req_id)).status, 200)
    const state = async () =>
      (await server.select(`select state from tokens where request_id = '${requestId}'`)).map(
        (each) => each.state,
      )
    assert.deepEqual(await state(), ['active'])
    assert.equal(await told(auth_req_id), 'invalid_grant')
    assert.deepEqual(await state(), ['revoked'])
  })

  test('52: deciding is final: reject after approve, and approve after the end, change nothing', async () => {
    const approved = await ask()
    assert.equal((await person.approve(approved.requestId)).status, 200)
    assert.equal((await person.reject(approved.requestId)).status, 409)
    assert.equal((await calls.poll(client, approved.auth_req_id)).status, 200)
    const late = await ask({ requested_expiry: '10' })
    const review = await person.review(late.requestId)
    clock.forward(10 * SECOND)
    assert.equal(
      (await person.approveWith(late.requestId, person.passkey.assert(review.options))).status,
      409,
    )
    assert.equal(await told(late.auth_req_id), 'expired_token')
  })

  test('the tokens of a fetched request are in the list of the user, who can end them', async () => {
    const { auth_req_id, requestId } = await ask()
    await person.approve(requestId)
    await calls.poll(client, auth_req_id)
    const { tokens } = await person.must<{ tokens: { id: string; request_id: string }[] }>(
      'GET',
      '/v1/me/tokens',
    )
    const token = tokens.find((each) => each.request_id === requestId)
    assert.equal((await person.call('DELETE', `/v1/me/tokens/${token?.id}`, {})).status, 204)
  })

  test('the alias /oauth/token is the same endpoint', async () => {
    const { auth_req_id } = await ask()
    const answer = await calls.post('/oauth/token', { grant_type: CIBA_GRANT, auth_req_id }, basic(client))
    assert.deepEqual(await errorOf(answer), [400, 'authorization_pending'])
  })
})

describe('CIBA Core §10.1: long polling', () => {
  let holding: TestServer
  let asha: Person
  let app: TestClient
  before(async () => {
    holding = await startServer({ env: { COUNTERSIGN_CIBA_HOLD: '2s' } })
    asha = await holding.person({ handle: 'asha' })
    app = await addInitiator(holding, [asha.userId])
  })
  after(() => holding[Symbol.asyncDispose]())
  const timed = async <T>(work: Promise<T>): Promise<[T, number]> => {
    const from = performance.now()
    return [await work, performance.now() - from]
  }

  test('49: a poll is held and answered the moment the user has decided', async () => {
    const { poll, ask } = cibaCalls(holding.origin)
    const { auth_req_id, requestId } = await ask(app, { login_hint: 'asha' })
    const held = timed(poll(app, auth_req_id))
    const credential = asha.passkey.assert((await asha.review(requestId)).options)
    await pause(300)
    await asha.approveWith(requestId, credential)
    const [answer, ms] = await held
    assert.equal(answer.status, 200)
    assert.ok(ms > 300 && ms < 1_800, `${ms} ms`)
  })

  test('49: a rejection ends the wait too; if nobody decides it is authorization_pending', async () => {
    const { poll, ask } = cibaCalls(holding.origin)
    const rejected = await ask(app, { login_hint: 'asha' })
    const held = poll(app, rejected.auth_req_id)
    await pause(200)
    await asha.reject(rejected.requestId)
    assert.deepEqual(await errorOf(await held), [400, 'access_denied'])

    const { auth_req_id } = await ask(app, { login_hint: 'asha' })
    const [answer, ms] = await timed(poll(app, auth_req_id))
    assert.deepEqual(await errorOf(answer), [400, 'authorization_pending'])
    assert.ok(ms > 1_900, `${ms} ms`)
    // The interval counts from when the held poll was sent, so the next may come at once.
    await asha.reject(
      (await asha.must<{ requests: { id: string }[] }>('GET', '/v1/me/requests?status=pending')).requests[0]
        ?.id ?? '',
    )
    assert.deepEqual(await errorOf(await poll(app, auth_req_id)), [400, 'access_denied'])
  })

  test('49: who hangs up loses nothing: the result is there for the next poll', async () => {
    // Two rejections in a row have paused the other one.
    const paused = await cibaCalls(holding.origin).authorize(app, { login_hint: 'asha' })
    assert.ok(Number(paused.headers.get('retry-after')) > 0)
    assert.deepEqual(await errorOf(paused), [403, 'access_denied'])
    const other = await addInitiator(holding, [asha.userId])
    const { poll, ask } = cibaCalls(holding.origin)
    const { auth_req_id, requestId } = await ask(other, { login_hint: 'asha' })
    const hangUp = new AbortController()
    const held = fetch(`${holding.origin}/token`, {
      method: 'POST',
      headers: basic(other),
      body: new URLSearchParams({ grant_type: CIBA_GRANT, auth_req_id }),
      signal: hangUp.signal,
    })
    await pause(200)
    hangUp.abort()
    await assert.rejects(held)
    await asha.approve(requestId)
    assert.equal((await poll(other, auth_req_id)).status, 200)
  })

  test('49: a server that is stopped keeps nobody waiting', async () => {
    const server = await startServer({ env: { COUNTERSIGN_CIBA_HOLD: '25s' } })
    const user = await server.person({ handle: 'asha' })
    const own = await addInitiator(server, [user.userId])
    const { poll, ask } = cibaCalls(server.origin)
    const { auth_req_id } = await ask(own, { login_hint: 'asha' })
    const held = poll(own, auth_req_id)
    await pause(200)
    const [, ms] = await timed(server[Symbol.asyncDispose]())
    assert.deepEqual(await errorOf(await held), [400, 'authorization_pending'])
    assert.ok(ms < 5_000, `${ms} ms`)
  })
})
