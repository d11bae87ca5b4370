import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { generateKeyPair, SignJWT } from 'jose'
import { DAY } from '#base/clock.ts'
import {
  addInitiator,
  CIBA_GRANT,
  cibaCalls,
  errorOf,
  signingPair,
  type TestClient,
} from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { ADMIN_KEY, basic, heldClock, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements, section 1D. Where the conformance suite has a module for
// it, its name follows (`fapi-ciba-id1-…`).

let server: TestServer
let person: Person
let calls: ReturnType<typeof cibaCalls>
let pair: Awaited<ReturnType<typeof signingPair>>
let client: TestClient
before(async () => {
  server = await startServer({
    env: { COUNTERSIGN_CIBA_MOST_OPEN: '1000', COUNTERSIGN_CIBA_RATE_LIMIT: '1000/1s' },
  })
  person = await server.person({ handle: 'asha' })
  calls = cibaCalls(server.origin)
  pair = await signingPair('PS256')
  client = await addInitiator(server, [person.userId], {
    jwks: pair.jwks,
    backchannel_authentication_request_signing_alg: 'PS256',
    scope: 'openid accounts',
  })
})
after(() => server[Symbol.asyncDispose]())

const now = () => Math.floor(Date.now() / 1_000)
const claims = (more: Record<string, unknown> = {}) => ({
  iss: client.client_id,
  aud: server.origin,
  iat: now(),
  nbf: now(),
  exp: now() + 300,
  jti: crypto.randomUUID(),
  scope: 'openid',
  login_hint: 'asha',
  ...more,
})
const send = (request: string, fields: Record<string, string> = {}) =>
  calls.post('/bc-authorize', { request, ...fields }, basic(client))
const answered = async (more: Record<string, unknown>) => {
  const answer = await send(await pair.sign(claims(more)))
  return answer.ok ? [answer.status, ''] : errorOf(answer)
}
const REFUSED = [400, 'invalid_request']

describe('CIBA Core §7.1.1: signed requests', () => {
  test('31, 33: what is asked is what was signed', async () => {
    const answer = await send(await pair.sign(claims({ scope: 'accounts openid', binding_message: '1234' })))
    assert.equal(answer.status, 200)
    const { approval } = await person.review(
      (answer.headers.get('location') ?? '').replace('/v1/requests/', ''),
    )
    assert.equal(JSON.parse(approval).binding_message, '1234')
  })

  test('32: aud, iss, exp, iat, nbf, jti: each must be there (ensure-request-object-missing-…-fails)', async () => {
    for (const name of ['aud', 'iss', 'exp', 'iat', 'nbf', 'jti']) {
      assert.deepEqual(await answered({ [name]: undefined }), REFUSED, name)
    }
  })

  test('32: bad aud, bad iss, expired (ensure-request-object-{bad-aud,bad-iss,expired-exp}-fails)', async () => {
    assert.deepEqual(await answered({ aud: 'https://else.example' }), REFUSED)
    assert.deepEqual(await answered({ aud: [] }), REFUSED)
    assert.deepEqual(await answered({ iss: 'somebody' }), REFUSED)
    assert.deepEqual(await answered({ exp: now() - 300 }), REFUSED)
  })

  test('32, 34, 73: nbf 10 minutes ahead, nbf 70 minutes ago, exp 70 minutes ahead are refused', async () => {
    assert.deepEqual(await answered({ nbf: now() + 600 }), REFUSED)
    assert.deepEqual(await answered({ nbf: now() - 4_200 }), REFUSED)
    assert.deepEqual(await answered({ exp: now() + 4_200 }), REFUSED)
    assert.deepEqual(await answered({ nbf: now() - 60, exp: now() + 3_500 }), [200, ''])
  })

  test('31: none, RS256, HS256, another alg than registered, a broken signature, another client’s key', async () => {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const rs256 = new SignJWT(claims()).setProtectedHeader({ alg: 'RS256', kid: pair.jwk.kid })
    const hs256 = new SignJWT(claims()).setProtectedHeader({ alg: 'HS256', kid: pair.jwk.kid })
    const other = await signingPair('PS256')
    const elliptic = await signingPair('ES256')
    const good = await pair.sign(claims())
    for (const request of [
      `${encode({ alg: 'none' })}.${encode(claims())}.`,
      await rs256.sign((await generateKeyPair('RS256')).privateKey),
      await hs256.sign(new TextEncoder().encode(client.client_secret)),
      await elliptic.sign(claims()),
      await other.sign(claims()),
      `${good.slice(0, -8)}AAAAAAAA`,
      'x',
    ]) {
      assert.deepEqual(await errorOf(await send(request)), REFUSED, request)
    }
  })

  test('33: nothing stands beside it, not even a repetition; a client_id may', async () => {
    for (const fields of [
      { scope: 'openid' },
      { login_hint: 'asha' },
      { anything: 'x' },
      { request_uri: 'x' },
    ]) {
      assert.deepEqual(await errorOf(await send(await pair.sign(claims()), { ...fields })), REFUSED)
    }
    const named = await send(await pair.sign(claims()), { client_id: client.client_id })
    assert.equal(named.status, 200)
  })

  test('33: no request in the request, no NUL, no other client', async () => {
    for (const more of [
      { request: 'x' },
      { request_uri: 'x' },
      { client_id: 'other' },
      { login_hint: 'a\0b' },
      { login_hint: { a: '\0' } },
    ]) {
      assert.deepEqual(await answered(more), REFUSED, JSON.stringify(more))
    }
  })

  test('35: the same jti again is refused, whatever else it says', async () => {
    const jti = crypto.randomUUID()
    const request = await pair.sign(claims({ jti }))
    const answers = await Promise.all([send(request), send(request)])
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400])
    assert.deepEqual(await answered({ jti, binding_message: '2' }), REFUSED)
  })

  test('25: requested_expiry as a string or a number (ensure-requested-expiry-as-string-succeeds)', async () => {
    for (const requested_expiry of [30, '30']) {
      const answer = await send(await pair.sign(claims({ requested_expiry })))
      const { expires_in } = (await answer.json()) as { expires_in: number }
      assert.ok(expires_in >= 28 && expires_in <= 30)
    }
    for (const requested_expiry of [0, -1, 1.5, true, [30]]) {
      assert.deepEqual(await answered({ requested_expiry }), REFUSED, String(requested_expiry))
    }
  })

  test('19: hints are counted in the JWT (ensure-authorization-request-with-multiple-hints-fails)', async () => {
    assert.deepEqual(await answered({ id_token_hint: 'x' }), REFUSED)
    assert.deepEqual(await answered({ login_hint: undefined }), REFUSED)
  })

  test('11: a client that registered an alg must sign (ensure-unsigned-…-fails); one that did not must not', async () => {
    assert.deepEqual(await errorOf(await calls.authorize(client, { login_hint: 'asha' })), REFUSED)
    const plain = await addInitiator(server, [person.userId], { jwks: pair.jwks })
    const request = await pair.sign(claims({ iss: plain.client_id }))
    assert.deepEqual(await errorOf(await calls.post('/bc-authorize', { request }, basic(plain))), REFUSED)
  })

  test('4, 11: what is registered is PS256 or ES256, with keys; the metadata says so', async () => {
    const found = (await (await fetch(`${server.origin}/.well-known/openid-configuration`)).json()) as object
    assert.deepEqual(Object(found).backchannel_authentication_request_signing_alg_values_supported, [
      'PS256',
      'ES256',
    ])
    for (const form of [
      { alg: 'none' },
      { alg: 'HS256' },
      { alg: 'RS256' },
      { alg: 'PS256', jwks: undefined },
    ]) {
      const { alg, ...more } = form
      const answer = await fetch(`${server.origin}/v1/admin/clients`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          kind: 'initiator',
          name: 'Agent',
          jwks: pair.jwks,
          backchannel_authentication_request_signing_alg: alg,
          ...more,
        }),
      })
      assert.equal(answer.status, 400, alg)
      assert.equal(((await answer.json()) as { code: string }).code, 'client_metadata_refused')
    }
  })
})

describe('CIBA Core §7.1: hints and wishes beside a login_hint', () => {
  let app: TestClient
  let idToken: string
  let accessToken: string
  before(async () => {
    app = await addInitiator(server, [person.userId])
    const asked = await calls.ask(app, { login_hint: 'asha', acr_values: 'urn:else phr' })
    await person.approve(asked.requestId)
    const tokens = (await (await calls.poll(app, asked.auth_req_id)).json()) as Record<string, string>
    idToken = tokens.id_token ?? ''
    accessToken = tokens.access_token ?? ''
  })
  const hinted = async (id_token_hint: string, by = app) => {
    const answer = await calls.authorize(by, { id_token_hint })
    return answer.ok ? [answer.status, ''] : errorOf(answer)
  }

  test('21: an ID Token that we gave this client names its user', async () => {
    const { requestId } = await calls.ask(app, { id_token_hint: idToken })
    assert.equal(JSON.parse((await person.review(requestId)).approval).binding_message ?? null, null)
  })

  test('21: of another client, changed, by another key, an access token, no token: refused', async () => {
    const other = await addInitiator(server, [person.userId])
    assert.deepEqual(await hinted(idToken, other), REFUSED)
    const [header, , signature] = idToken.split('.')
    const payload = Buffer.from(JSON.stringify({ iss: server.origin, sub: 'x', aud: app.client_id }))
    for (const text of [
      `${header}.${payload.toString('base64url')}.${signature}`,
      await (await signingPair()).sign(JSON.parse(payload.toString()), { typ: 'JWT' }),
      accessToken,
      'x',
      'a.b.c',
    ]) {
      assert.deepEqual(await hinted(text), REFUSED, text)
    }
  })

  test('21: an ID Token that has ended still names its user', async () => {
    const clock = heldClock()
    await using later = await startServer({ now: clock.now })
    const user = await later.person({ handle: 'asha' })
    const own = await addInitiator(later, [user.userId])
    const ask = cibaCalls(later.origin)
    const asked = await ask.ask(own, { login_hint: 'asha' })
    await user.approve(asked.requestId)
    const { id_token } = (await (await ask.poll(own, asked.auth_req_id)).json()) as { id_token: string }
    clock.forward(2 * DAY)
    assert.equal((await ask.authorize(own, { id_token_hint: id_token })).status, 200)
  })

  test('22: login_hint_token is refused, never ignored', async () => {
    assert.deepEqual(await errorOf(await calls.authorize(app, { login_hint_token: 'x' })), REFUSED)
  })

  test('26: asked for whatever acr, the ID Token says what was done', () => {
    const claims = JSON.parse(Buffer.from(idToken.split('.')[1] ?? '', 'base64url').toString()) as object
    assert.equal(Object(claims).acr, 'phr')
  })

  test('84, RFC 8707 §2: our own audience may be named, another resource is invalid_target', async () => {
    const { auth_req_id } = await calls.ask(app, { login_hint: 'asha', resource: server.origin })
    const other = await calls.authorize(app, { login_hint: 'asha', resource: 'https://else.example' })
    assert.deepEqual(await errorOf(other), [400, 'invalid_target'])
    const fields = { grant_type: CIBA_GRANT, auth_req_id, resource: 'https://else.example' }
    assert.deepEqual(await errorOf(await calls.post('/token', fields, basic(app))), [400, 'invalid_target'])
  })
})
