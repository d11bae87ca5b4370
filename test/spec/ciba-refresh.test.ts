import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { DAY, HOUR, MINUTE } from '#base/clock.ts'
import { hashSecret } from '#base/secrets.ts'
import { halfHash } from '#tokens/id-token.ts'
import { addInitiator, cibaCalls, errorOf, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { basic, heldClock, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements.

const SCOPE = 'openid accounts offline_access'

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
      COUNTERSIGN_CIBA_REFRESH_LIFE: '30d',
      COUNTERSIGN_AUTHORIZATION_DETAILS: JSON.stringify({
        accounts: { en: 'See an account', fields: { number: { en: 'Number' } } },
      }),
    },
  })
  person = await server.person({ handle: 'asha' })
  client = await addInitiator(server, [person.userId], {
    scope: SCOPE,
    authorization_details_types: ['accounts'],
  })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

interface Tokens {
  access_token: string
  refresh_token: string
  expires_in: number
  scope: string
  token_type: string
}

/** Access that can be renewed, and the request it came of. */
async function granted(scope = SCOPE, as = client) {
  const { auth_req_id, requestId } = await calls.ask(as, { login_hint: 'asha', scope })
  assert.equal((await person.approve(requestId)).status, 200)
  const tokens = (await (await calls.poll(as, auth_req_id)).json()) as Tokens
  return { ...tokens, requestId }
}
const send = (refresh_token: string, more: Record<string, string> = {}, as = client) =>
  calls.post('/token', { grant_type: 'refresh_token', refresh_token, ...more }, basic(as))
async function refresh(refresh_token: string, more: Record<string, string> = {}): Promise<Tokens> {
  const answer = await send(refresh_token, more)
  assert.equal(answer.status, 200, await answer.clone().text())
  return (await answer.json()) as Tokens
}
const introspect = async (token: string, as = client) =>
  (await (await calls.post('/introspect', { token }, basic(as))).json()) as Record<string, unknown>
const isActive = async (token: string) => (await introspect(token)).active
const kindsOf = async (requestId: string) =>
  (await server.select(`select kind from events where request_id = '${requestId}' order by seq`)).map(
    ({ kind }) => kind as string,
  )
const cards = async () =>
  (
    await person.must<{
      tokens: { id: string; request_id: string; state: string; is_renewable: boolean; expires_at: number }[]
    }>('GET', '/v1/me/tokens')
  ).tokens

describe('RFC 6749 §6, CIBA Core §10.1.1: refresh tokens', () => {
  test('46, 51: who was granted offline_access gets one, and a new one for it each time', async () => {
    const first = await granted()
    const second = await refresh(first.refresh_token)
    assert.deepEqual(Object.keys(second).sort(), [
      'access_token',
      'expires_in',
      'refresh_token',
      'scope',
      'token_type',
    ])
    assert.notEqual(second.refresh_token, first.refresh_token)
    assert.equal(second.scope, SCOPE)
    const claims = decodeJwt(second.access_token)
    const before = decodeJwt(first.access_token)
    assert.equal(claims.sub, person.userId)
    assert.equal(claims.auth_time, before.auth_time)
    assert.notEqual(claims.jti, before.jti)
    assert.equal((await introspect(second.access_token)).active, true)
    assert.equal((await refresh(second.refresh_token)).token_type, 'Bearer')
  })

  test('46: without offline_access there is none', async () => {
    assert.equal((await granted('openid accounts')).refresh_token, undefined)
  })

  test('3, 8: the metadata says so', async () => {
    const found = (await (await fetch(`${server.origin}/.well-known/openid-configuration`)).json()) as Record<
      string,
      string[]
    >
    assert.ok(found.grant_types_supported?.includes('refresh_token'))
    assert.ok(found.scopes_supported?.includes('offline_access'))
  })

  test('51: it is bound to its client; what it answers is no-store', async () => {
    const { refresh_token } = await granted()
    const other = await addInitiator(server, [person.userId], { scope: SCOPE })
    assert.deepEqual(await errorOf(await send(refresh_token, {}, other)), [400, 'invalid_grant'])
    const answer = await send(refresh_token)
    assert.equal(answer.status, 200, 'the try of another one has done no harm')
    assert.equal(answer.headers.get('cache-control'), 'no-store')
  })

  test('51: unknown, missing, or with no client: told as the standard says', async () => {
    const { access_token, refresh_token } = await granted()
    assert.deepEqual(await errorOf(await send('cs_refresh_unknown')), [400, 'invalid_grant'])
    assert.deepEqual(await errorOf(await send(access_token)), [400, 'invalid_grant'])
    assert.deepEqual(await errorOf(await send('')), [400, 'invalid_request'])
    const nobody = await calls.post('/token', { grant_type: 'refresh_token', refresh_token })
    assert.deepEqual(await errorOf(nobody), [401, 'invalid_client'])
  })

  test('51: one that comes again ends the whole family, the newest tokens too', async () => {
    const first = await granted()
    const second = await refresh(first.refresh_token)
    const third = await refresh(second.refresh_token)
    assert.deepEqual(await errorOf(await send(first.refresh_token)), [400, 'invalid_grant'])
    assert.deepEqual(await errorOf(await send(third.refresh_token)), [400, 'invalid_grant'])
    for (const { access_token } of [first, second, third]) assert.equal(await isActive(access_token), false)
    const [revoked] = await server.select(
      `select detail from events where request_id = '${first.requestId}' and kind = 'token_revoked'`,
    )
    assert.equal(revoked?.detail, 'its refresh token was used again')
  })

  test('47, 51: of 50 at the same moment one is answered with tokens', async () => {
    const { refresh_token } = await granted()
    const answers = await Promise.all(Array.from({ length: 50 }, () => send(refresh_token)))
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
    for (const answer of answers) {
      if (answer.status !== 200) assert.deepEqual(await errorOf(answer), [400, 'invalid_grant'])
    }
  })

  test('78: a refresh may narrow its token, never widen it, and the next one has it all again', async () => {
    const { refresh_token } = await granted()
    assert.deepEqual(await errorOf(await send(refresh_token, { scope: 'openid orders' })), [
      400,
      'invalid_scope',
    ])
    const narrow = await refresh(refresh_token, { scope: 'openid' })
    assert.equal(narrow.scope, 'openid')
    assert.equal((await introspect(narrow.access_token)).scope, 'openid')
    assert.equal((await refresh(narrow.refresh_token)).scope, SCOPE)
  })

  test('78: of the details too a refresh may ask for some, and for nothing else', async () => {
    const [one, two] = [
      { type: 'accounts', number: '1' },
      { type: 'accounts', number: '2' },
    ]
    const asked = { login_hint: 'asha', scope: SCOPE, authorization_details: JSON.stringify([one, two]) }
    const { auth_req_id, requestId } = await calls.ask(client, asked)
    await person.approve(requestId)
    const first = (await (await calls.poll(client, auth_req_id)).json()) as Tokens
    const wanted = (...details: object[]) => ({ authorization_details: JSON.stringify(details) })
    for (const more of [
      wanted({ type: 'accounts', number: '3' }),
      wanted(),
      { authorization_details: '{}' },
    ]) {
      assert.deepEqual(await errorOf(await send(first.refresh_token, more)), [
        400,
        'invalid_authorization_details',
      ])
    }
    const narrow = await refresh(first.refresh_token, wanted({ number: '2', type: 'accounts' }))
    assert.deepEqual((await introspect(narrow.access_token)).authorization_details, [two])
    assert.deepEqual(decodeJwt(narrow.access_token).authorization_details, [two])
    const whole = await refresh(narrow.refresh_token)
    assert.deepEqual((await introspect(whole.access_token)).authorization_details, [one, two])
  })

  test('84: the resource is the one that all tokens are for', async () => {
    const { refresh_token } = await granted()
    assert.deepEqual(await errorOf(await send(refresh_token, { resource: 'https://else.example' })), [
      400,
      'invalid_target',
    ])
    await refresh(refresh_token, { resource: server.origin })
  })

  test('the store holds hashes alone, and the log nothing', async () => {
    const first = await granted()
    const second = await refresh(first.refresh_token)
    const rows = await server.select('select hash from refresh_tokens')
    const hashes = rows.map(({ hash }) => Buffer.from(hash as Uint8Array).toString('hex'))
    for (const { refresh_token } of [first, second]) {
      assert.ok(hashes.includes(hashSecret(refresh_token).toString('hex')))
      assert.ok(!server.lines.join('').includes(refresh_token))
    }
  })

  test('each refresh is an entry of the audit log; the page shows the last one', async () => {
    const first = await granted()
    await refresh((await refresh(first.refresh_token)).refresh_token)
    const kinds = await kindsOf(first.requestId)
    assert.deepEqual(kinds.slice(-3), ['token_fetched', 'token_refreshed', 'token_refreshed'])
    const { timeline } = await person.must<{ timeline: { kind: string }[] }>(
      'GET',
      `/v1/me/requests/${first.requestId}`,
    )
    assert.equal(timeline.filter(({ kind }) => kind === 'token_refreshed').length, 1)
  })
})

describe('what can be renewed is one thing to its user', () => {
  test('it is listed once, as long as it can be renewed, and ends whole', async () => {
    const first = await granted()
    const second = await refresh(first.refresh_token)
    clock.forward(2 * HOUR)
    const third = await refresh(second.refresh_token)
    const own = (await cards()).filter((card) => card.request_id === first.requestId)
    assert.deepEqual(
      own.map(({ state, is_renewable }) => [state, is_renewable]),
      [['active', true]],
    )
    assert.equal((await person.call('DELETE', `/v1/me/tokens/${own[0]?.id}`, {})).status, 204)
    assert.deepEqual(await errorOf(await send(third.refresh_token)), [400, 'invalid_grant'])
    assert.equal(await isActive(third.access_token), false)
    const [card] = (await cards()).filter(({ request_id }) => request_id === first.requestId)
    assert.equal(card?.state, 'revoked')
    assert.equal((await kindsOf(first.requestId)).filter((kind) => kind === 'token_revoked').length, 1)
  })

  test('it ends whole also while none of its tokens is good', async () => {
    const first = await granted()
    clock.forward(2 * HOUR)
    const [card] = (await cards()).filter(({ request_id }) => request_id === first.requestId)
    assert.equal(card?.state, 'active')
    await person.must('DELETE', `/v1/me/tokens/${card?.id}`, {})
    assert.deepEqual(await errorOf(await send(first.refresh_token)), [400, 'invalid_grant'])
  })

  test('unlinking ends it', async () => {
    const other = await addInitiator(server, [person.userId], { scope: SCOPE })
    const { refresh_token } = await granted(SCOPE, other)
    clock.forward(2 * HOUR)
    await person.must('DELETE', `/v1/me/links/${other.client_id}`, {})
    assert.deepEqual(await errorOf(await send(refresh_token, {}, other)), [400, 'invalid_grant'])
  })
})

describe('RFC 7662, RFC 7009: refresh tokens', () => {
  test('81: introspection knows them, for their client, until they are used', async () => {
    const { refresh_token } = await granted()
    const told = await introspect(refresh_token)
    assert.equal(told.active, true)
    assert.equal(told.scope, SCOPE)
    assert.equal(told.client_id, client.client_id)
    assert.equal(told.exp, Math.floor(clock.now() / 1_000) + 30 * 86_400)
    const other = await addInitiator(server, [person.userId])
    assert.deepEqual(await introspect(refresh_token, other), { active: false })
    await refresh(refresh_token)
    assert.deepEqual(await introspect(refresh_token), { active: false })
  })

  test('82: a revoked one takes its access tokens with it', async () => {
    const first = await granted()
    const second = await refresh(first.refresh_token)
    const other = await addInitiator(server, [person.userId])
    await calls.post('/revoke', { token: second.refresh_token }, basic(other))
    assert.equal(await isActive(second.refresh_token), true)
    const answer = await calls.post('/revoke', { token: second.refresh_token }, basic(client))
    assert.equal(answer.status, 200)
    for (const token of [second.refresh_token, second.access_token, first.access_token]) {
      assert.equal(await isActive(token), false)
    }
  })

  test('82: an access token is revoked alone; what can be renewed goes on', async () => {
    const first = await granted()
    await calls.post('/revoke', { token: first.access_token }, basic(client))
    assert.equal(await isActive(first.access_token), false)
    const second = await refresh(first.refresh_token)
    assert.equal(await isActive(second.access_token), true)
  })
})

describe('CIBA Core §10.3.1: a push with a refresh token', () => {
  test('59, 60: the ID Token vouches for it by rt_hash, and the push client may use it', async () => {
    await using receiver = await startReceiver()
    const push = await addInitiator(server, [person.userId], {
      scope: SCOPE,
      backchannel_token_delivery_mode: 'push',
      backchannel_client_notification_endpoint: receiver.url,
    })
    const fields = { login_hint: 'asha', scope: SCOPE, client_notification_token: 'x'.repeat(32) }
    const { requestId } = await calls.ask(push, fields)
    assert.equal((await person.approve(requestId)).status, 200)
    const [post] = await receiver.received(1)
    const body = JSON.parse(post?.body ?? '') as Record<string, string>
    const claims = decodeJwt(body.id_token ?? '')
    assert.equal(claims['urn:openid:params:jwt:claim:rt_hash'], halfHash(body.refresh_token ?? ''))
    const answer = await send(body.refresh_token ?? '', {}, push)
    assert.equal(answer.status, 200, await answer.clone().text())
    const [attempt] = await server.select(
      `select sent_body from delivery_attempts join deliveries on deliveries.id = delivery_id where request_id = '${requestId}'`,
    )
    assert.ok(
      !String(attempt?.sent_body).includes(body.refresh_token ?? ''),
      'the log of attempts has none of it',
    )
  })
})

describe('the end of it', () => {
  test('it goes on until what the user was shown, and no token of it outlives that', async () => {
    const { auth_req_id, requestId } = await calls.ask(client, { login_hint: 'asha', scope: SCOPE })
    const { approval } = await person.review(requestId)
    const { expires_at, renewable_until } = JSON.parse(approval) as Record<string, number>
    assert.equal(renewable_until, (expires_at ?? 0) + 30 * DAY)
    await person.approve(requestId)
    const at = clock.now()
    let { refresh_token } = (await (await calls.poll(client, auth_req_id)).json()) as Tokens
    clock.moveTo(at + 29 * DAY)
    refresh_token = (await refresh(refresh_token)).refresh_token
    clock.moveTo(at + 30 * DAY - MINUTE)
    const last = await refresh(refresh_token)
    assert.equal(last.expires_in, 60)
    clock.moveTo(at + 30 * DAY)
    assert.deepEqual(await errorOf(await send(last.refresh_token)), [400, 'invalid_grant'])
    assert.equal(await isActive(last.refresh_token), false)
    const rows = await server.select(
      `select round from tokens where request_id = '${requestId}' order by round`,
    )
    assert.deepEqual(
      rows.map(({ round }) => Number(round)),
      [0, 2],
      'what lay between and has ended is cleared away',
    )
  })

  test('disabling the account ends it', async () => {
    person = await server.person({ handle: 'meera' })
    await server.admin(`/v1/admin/clients/${client.client_id}/links`, { user_id: person.userId })
    const { auth_req_id, requestId } = await calls.ask(client, { login_hint: 'meera', scope: SCOPE })
    await person.approve(requestId)
    const { refresh_token } = (await (await calls.poll(client, auth_req_id)).json()) as Tokens
    clock.forward(2 * HOUR)
    await server.admin(`/v1/admin/users/${person.userId}/state`, { state: 'disabled' })
    assert.deepEqual(await errorOf(await send(refresh_token)), [400, 'invalid_grant'])
  })
})
