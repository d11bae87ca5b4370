import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { HOUR, MINUTE } from '#base/clock.ts'
import { addInitiator, CIBA_GRANT, cibaCalls, errorOf, proofKey, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { basic, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements.

const ENV = {
  COUNTERSIGN_CIBA_HOLD: '0s',
  COUNTERSIGN_CIBA_MOST_OPEN: '1000',
  COUNTERSIGN_CIBA_RATE_LIMIT: '1000/1s',
}
const SCOPE = 'openid offline_access'

let server: TestServer
let person: Person
let client: TestClient
let calls: ReturnType<typeof cibaCalls>
let key: Awaited<ReturnType<typeof proofKey>>
let ahead = 0
before(async () => {
  server = await startServer({ env: ENV, now: () => Date.now() + ahead })
  person = await server.person({ handle: 'asha' })
  client = await addInitiator(server, [person.userId], { scope: SCOPE })
  calls = cibaCalls(server.origin)
  key = await proofKey()
})
after(() => server[Symbol.asyncDispose]())

interface Tokens {
  access_token: string
  refresh_token: string
  token_type: string
}

const tokenUrl = () => `${server.origin}/token`
/** An approved request, to be fetched. */
async function approved(as = client, fields: Record<string, string> = {}) {
  const { auth_req_id, requestId } = await calls.ask(as, { login_hint: 'asha', scope: SCOPE, ...fields })
  assert.equal((await person.approve(requestId)).status, 200)
  return auth_req_id
}
const fetchBy = (auth_req_id: string, dpop: string | undefined, as = client) =>
  calls.post('/token', { grant_type: CIBA_GRANT, auth_req_id }, { ...basic(as), ...(dpop ? { dpop } : {}) })
const refreshBy = (refresh_token: string, dpop: string | undefined) =>
  calls.post(
    '/token',
    { grant_type: 'refresh_token', refresh_token },
    { ...basic(client), ...(dpop ? { dpop } : {}) },
  )
const introspect = async (token: string) =>
  (await (await calls.post('/introspect', { token }, basic(client))).json()) as Record<string, unknown>
const tokensOf = async (answer: Response) => {
  assert.equal(answer.status, 200, await answer.clone().text())
  return (await answer.json()) as Tokens
}

describe('RFC 9449 §5: tokens that are bound to a key', () => {
  for (const alg of ['ES256', 'PS256', 'Ed25519'] as const) {
    test(`76, 79: a proof by ${alg} binds the token: cnf.jkt in it and in its introspection, token_type DPoP`, async () => {
      const own = await proofKey(alg)
      const tokens = await tokensOf(await fetchBy(await approved(), await own.prove(tokenUrl())))
      assert.equal(tokens.token_type, 'DPoP')
      assert.deepEqual(decodeJwt(tokens.access_token).cnf, { jkt: own.jkt })
      const told = await introspect(tokens.access_token)
      assert.deepEqual(told.cnf, { jkt: own.jkt })
      assert.equal(told.token_type, 'DPoP')
    })
  }

  test('8, 79: the metadata names the algorithms', async () => {
    const found = await (await fetch(`${server.origin}/.well-known/oauth-authorization-server`)).json()
    assert.deepEqual((found as Record<string, unknown>).dpop_signing_alg_values_supported, [
      'ES256',
      'PS256',
      'Ed25519',
      'EdDSA',
    ])
  })

  test('79: without a proof the token is a Bearer, as before', async () => {
    const tokens = await tokensOf(await fetchBy(await approved(), undefined))
    assert.equal(tokens.token_type, 'Bearer')
    assert.equal(decodeJwt(tokens.access_token).cnf, undefined)
  })

  test('79: a client of dpop_bound_access_tokens gets nothing without a proof, and loses nothing by it', async () => {
    const bound = await addInitiator(server, [person.userId], {
      dpop_bound_access_tokens: true,
      scope: SCOPE,
    })
    const id = await approved(bound)
    assert.deepEqual(await errorOf(await fetchBy(id, undefined, bound)), [400, 'invalid_dpop_proof'])
    await tokensOf(await fetchBy(id, await key.prove(tokenUrl()), bound))
  })

  test('51, 79: a refresh binds the new token to the key it proves; what began bound stays bound', async () => {
    const first = await tokensOf(await fetchBy(await approved(), await key.prove(tokenUrl())))
    assert.deepEqual(await errorOf(await refreshBy(first.refresh_token, undefined)), [
      400,
      'invalid_dpop_proof',
    ])
    const next = await proofKey()
    const second = await tokensOf(await refreshBy(first.refresh_token, await next.prove(tokenUrl())))
    assert.equal(second.token_type, 'DPoP')
    assert.deepEqual(decodeJwt(second.access_token).cnf, { jkt: next.jkt })
  })

  test('29, 79: dpop_jkt or a proof at the request fixes the key', async () => {
    const other = await proofKey()
    for (const [fields, headers] of [
      [{ dpop_jkt: key.jkt }, {}],
      [{}, { dpop: await key.prove(`${server.origin}/bc-authorize`) }],
    ] as const) {
      const asked = await calls.ask(client, { login_hint: 'asha', scope: SCOPE, ...fields }, headers)
      await person.approve(asked.requestId)
      const fetched = async (dpop?: string) => errorOf(await fetchBy(asked.auth_req_id, dpop))
      assert.deepEqual(await fetched(), [400, 'invalid_dpop_proof'])
      assert.deepEqual(await fetched(await other.prove(tokenUrl())), [400, 'invalid_dpop_proof'])
      await tokensOf(await fetchBy(asked.auth_req_id, await key.prove(tokenUrl())))
    }
    const at = `${server.origin}/bc-authorize`
    const fields = { login_hint: 'asha', scope: SCOPE }
    const refused = async (more: Record<string, string>, headers: Record<string, string> = {}) =>
      errorOf(await calls.authorize(client, { ...fields, ...more }, headers))
    assert.deepEqual(await refused({ dpop_jkt: 'short' }), [400, 'invalid_request'])
    assert.deepEqual(await refused({ dpop_jkt: other.jkt }, { dpop: await key.prove(at) }), [
      400,
      'invalid_request',
    ])
    assert.deepEqual(await refused({}, { dpop: await key.prove(tokenUrl()) }), [400, 'invalid_dpop_proof'])
  })

  test('64, 79: a push is bound to the key that the request named; one that must be bound names it', async () => {
    await using receiver = await startReceiver()
    const push = await addInitiator(server, [person.userId], {
      backchannel_token_delivery_mode: 'push',
      backchannel_client_notification_endpoint: receiver.url,
      dpop_bound_access_tokens: true,
    })
    const fields = { login_hint: 'asha', client_notification_token: 'x'.repeat(32) }
    assert.deepEqual(await errorOf(await calls.authorize(push, fields)), [400, 'invalid_request'])
    const { requestId } = await calls.ask(push, { ...fields, dpop_jkt: key.jkt })
    await person.approve(requestId)
    const [post] = await receiver.received(1)
    const body = JSON.parse(post?.body ?? '') as Tokens
    assert.equal(body.token_type, 'DPoP')
    assert.deepEqual(decodeJwt(body.access_token).cnf, { jkt: key.jkt })
  })

  test('a bound token that somebody shows alone ends nothing', async () => {
    const { access_token } = await tokensOf(await fetchBy(await approved(), await key.prove(tokenUrl())))
    const logout = await fetch(`${server.origin}/v2/logout`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${access_token}` },
    })
    assert.equal(logout.status, 401)
    assert.equal((await introspect(access_token)).active, true)
  })
})

describe('RFC 9449 §4.3: what a proof must be', () => {
  let id: string
  before(async () => {
    id = await approved()
  })
  const refused = async (dpop: string) => errorOf(await fetchBy(id, dpop))
  const now = () => Math.floor(Date.now() / 1_000)

  test('79: htm, htu, jti, iat, typ, alg, jwk, signature', async () => {
    const other = await proofKey()
    const proof = key.prove
    for (const [what, dpop] of [
      ['htm', await proof(tokenUrl(), { htm: 'GET' })],
      ['no htm', await proof(tokenUrl(), { htm: undefined })],
      ['htu of another path', await proof(`${server.origin}/bc-authorize`)],
      ['htu of another host', await proof('https://else.example/token')],
      ['no htu', await proof(tokenUrl(), { htu: undefined })],
      ['no jti', await proof(tokenUrl(), { jti: undefined })],
      ['no iat', await proof(tokenUrl(), { iat: undefined })],
      ['typ', await proof(tokenUrl(), {}, { typ: 'JWT' })],
      ['no jwk', await proof(tokenUrl(), {}, { jwk: undefined as never })],
      ['a private jwk', await proof(tokenUrl(), {}, { jwk: key.privateJwk })],
      ['the key of another', await proof(tokenUrl(), {}, {}, other.pair.privateKey)],
      ['two in one', `${await proof(tokenUrl())}, ${await proof(tokenUrl())}`],
      ['no JWT', 'x'],
      ['empty', ' '],
    ]) {
      assert.deepEqual(await refused(dpop ?? ''), [400, 'invalid_dpop_proof'], what)
    }
    const none = `${btoa('{"alg":"none","typ":"dpop+jwt"}')}.${btoa('{}')}.`.replaceAll('=', '')
    assert.deepEqual(await refused(none), [400, 'invalid_dpop_proof'])
  })

  test('79: query, fragment and spelling of htu do not matter', async () => {
    await tokensOf(await fetchBy(await approved(), await key.prove(`${tokenUrl()}?x=1#y`)))
    const spelled = tokenUrl().replace('http://localhost', 'HTTP://LOCALHOST')
    await tokensOf(await fetchBy(await approved(), await key.prove(spelled)))
  })

  test('79: the alias of the token endpoint is an address of its own', async () => {
    const fields = { grant_type: CIBA_GRANT, auth_req_id: await approved() }
    const post = async (htu: string) =>
      calls.post('/oauth/token', fields, { ...basic(client), dpop: await key.prove(htu) })
    assert.deepEqual(await errorOf(await post(tokenUrl())), [400, 'invalid_dpop_proof'])
    await tokensOf(await post(`${server.origin}/oauth/token`))
  })

  test('79: a proof is taken once, also when it comes twice at a time', async () => {
    const dpop = await key.prove(tokenUrl())
    const answers = await Promise.all([fetchBy('x.y', dpop), fetchBy('x.y', dpop), fetchBy('x.y', dpop)])
    const errors = (await Promise.all(answers.map(errorOf))).map(([, error]) => error)
    assert.deepEqual(errors.sort(), ['invalid_dpop_proof', 'invalid_dpop_proof', 'invalid_grant'])
  })

  test('79: a wrong clock is helped by a nonce: use_dpop_nonce names it, and with it the proof is good', async () => {
    for (const iat of [now() - 120, now() + 120]) {
      const answer = await fetchBy(id, await key.prove(tokenUrl(), { iat }))
      assert.deepEqual(await errorOf(answer), [400, 'use_dpop_nonce'])
      const nonce = answer.headers.get('dpop-nonce') ?? ''
      assert.match(nonce, /^[\x21\x23-\x5B\x5D-\x7E]+$/)
      await tokensOf(await fetchBy(await approved(), await key.prove(tokenUrl(), { iat, nonce })))
    }
  })

  test('79: a nonce that is foreign, or older than five minutes, brings a new one', async () => {
    const first = await fetchBy('x.y', await key.prove(tokenUrl()))
    const nonce = first.headers.get('dpop-nonce') ?? ''
    assert.deepEqual(await errorOf(first), [400, 'invalid_grant'])
    for (const foreign of ['x', `${nonce}x`, `zzzzzzz.${nonce.split('.')[1]}`, 7]) {
      const answer = await fetchBy(id, await key.prove(tokenUrl(), { nonce: foreign }))
      assert.deepEqual(await errorOf(answer), [400, 'use_dpop_nonce'], String(foreign))
    }
    ahead += 6 * MINUTE
    try {
      const answer = await fetchBy(id, await key.prove(tokenUrl(), { nonce }))
      assert.deepEqual(await errorOf(answer), [400, 'use_dpop_nonce'])
      assert.notEqual(answer.headers.get('dpop-nonce'), nonce)
    } finally {
      ahead = 0
    }
  })

  test('nothing of a proof lies in the store, but for the hash of its jti until it ends', async () => {
    await fetchBy('x.y', await key.prove(tokenUrl(), { jti: 'seen-nowhere' }))
    const spent = await server.select("select * from spent_jwts where use = 'proof'")
    assert.ok(spent.length > 0 && !JSON.stringify([spent, server.lines]).includes('seen-nowhere'))
    assert.ok(spent.every(({ ends_at }) => Number(ends_at) < Date.now() + HOUR))
  })
})

test('79: a server that always asks for nonces takes no proof without one', async () => {
  await using strict = await startServer({ env: { ...ENV, COUNTERSIGN_DPOP_NONCE: '1' } })
  const asha = await strict.person({ handle: 'asha' })
  const app = await addInitiator(strict, [asha.userId])
  const { ask, post } = cibaCalls(strict.origin)
  const { auth_req_id, requestId } = await ask(app, { login_hint: 'asha' })
  await asha.approve(requestId)
  const fields = { grant_type: CIBA_GRANT, auth_req_id }
  const htu = `${strict.origin}/token`
  const answer = await post('/token', fields, { ...basic(app), dpop: await key.prove(htu) })
  assert.deepEqual(await errorOf(answer), [400, 'use_dpop_nonce'])
  const nonce = answer.headers.get('dpop-nonce')
  await tokensOf(await post('/token', fields, { ...basic(app), dpop: await key.prove(htu, { nonce }) }))
})
