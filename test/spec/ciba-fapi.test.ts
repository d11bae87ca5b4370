import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { addInitiator, CIBA_GRANT, cibaCalls, errorOf, proofKey, signingPair } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { ADMIN_KEY, basic, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements, section 1K.

let server: TestServer
let person: Person
let calls: ReturnType<typeof cibaCalls>
let pair: Awaited<ReturnType<typeof signingPair>>
before(async () => {
  server = await startServer({ env: { COUNTERSIGN_CIBA_PROFILE: 'fapi' } })
  person = await server.person({ handle: 'asha' })
  calls = cibaCalls(server.origin)
  pair = await signingPair('PS256')
})
after(() => server[Symbol.asyncDispose]())

const keeps = () => ({
  token_endpoint_auth_method: 'private_key_jwt',
  backchannel_authentication_request_signing_alg: 'PS256',
  dpop_bound_access_tokens: true,
  jwks: pair.jwks,
})
const push = {
  backchannel_token_delivery_mode: 'push',
  backchannel_client_notification_endpoint: 'http://127.0.0.1:9/push',
}
/** What a client has otherwise than the profile wants it, and what it is told. */
const BREAKS: [string, Record<string, unknown>, RegExp][] = [
  ['67: push', push, /push is off; register it for poll or ping/],
  [
    '65, 76: a shared secret',
    { token_endpoint_auth_method: 'client_secret_basic' },
    /authenticate by private_key_jwt/,
  ],
  [
    '70: unsigned requests',
    { backchannel_authentication_request_signing_alg: undefined },
    /sign its requests, by PS256/,
  ],
  ['76: tokens that are bound to nothing', { dpop_bound_access_tokens: undefined }, /tokens must be bound/],
]

/** Asks by a signed request, authenticated by a signed assertion. */
async function ask(client_id: string, more: Record<string, unknown> = {}) {
  const now = Math.floor(Date.now() / 1_000)
  const own = {
    iss: client_id,
    aud: server.origin,
    iat: now,
    nbf: now,
    exp: now + 60,
    jti: crypto.randomUUID(),
  }
  const asked = { scope: 'openid', login_hint: 'asha', binding_message: '1234' }
  const request = await pair.sign({ ...own, ...asked, ...more })
  return calls.post('/bc-authorize', { request, ...(await pair.assertion(client_id, server.origin)) })
}

describe('FAPI-CIBA §5.2.2: the profile', () => {
  test('68, 70, 76: a client that signs asks and polls; its token is bound to it', async () => {
    const { client_id } = await addInitiator(server, [person.userId], keeps())
    const answer = await ask(client_id)
    assert.equal(answer.status, 200)
    const { auth_req_id } = (await answer.json()) as { auth_req_id: string }
    await person.approve((answer.headers.get('location') ?? '').replace('/v1/requests/', ''))
    const fields = { grant_type: CIBA_GRANT, auth_req_id }
    const post = async (headers: Record<string, string>) =>
      calls.post('/token', { ...fields, ...(await pair.assertion(client_id, server.origin)) }, headers)
    assert.deepEqual(await errorOf(await post({})), [400, 'invalid_dpop_proof'])
    const key = await proofKey()
    const tokens = await post({ dpop: await key.prove(`${server.origin}/token`) })
    assert.equal(tokens.status, 200)
    const { access_token } = (await tokens.json()) as { access_token: string }
    assert.deepEqual(decodeJwt(access_token).cnf, { jkt: key.jkt })
  })

  test('66: without a binding_message it is refused', async () => {
    const { client_id } = await addInitiator(server, [person.userId], keeps())
    const answer = await ask(client_id, { binding_message: undefined })
    assert.deepEqual(await errorOf(answer), [400, 'invalid_request'])
  })

  for (const [name, form, sentence] of BREAKS) {
    test(`${name} is refused at the registration, with a sentence`, async () => {
      const answer = await fetch(`${server.origin}/v1/admin/clients`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'initiator', name: 'Northwind Agent', ...keeps(), ...form }),
      })
      const { code, detail } = (await answer.json()) as { code: string; detail: string }
      assert.deepEqual([answer.status, code], [400, 'client_metadata_refused'])
      assert.match(detail, sentence)
    })
  }

  test('who was registered before the profile was turned on is refused at every endpoint', async () => {
    await using before = await startServer({ env: server.storeEnv, data: server.folder })
    for (const [name, form] of BREAKS) {
      const client = await addInitiator(before, [person.userId], { ...keeps(), ...form })
      const isSecret = form.token_endpoint_auth_method !== undefined
      for (const path of ['/bc-authorize', '/token', '/introspect', '/revoke']) {
        const shown = isSecret ? {} : await pair.assertion(client.client_id, server.origin)
        const answer = await calls.post(path, shown, isSecret ? basic(client) : {})
        assert.deepEqual(await errorOf(answer), [400, 'unauthorized_client'], `${name}: ${path}`)
      }
    }
  })

  test('2, 6, 67, 76: the metadata says what is left', async () => {
    const answer = await fetch(`${server.origin}/.well-known/openid-configuration`)
    const found = (await answer.json()) as Record<string, string[]>
    assert.deepEqual(found.backchannel_token_delivery_modes_supported, ['poll', 'ping'])
    const methods = found.token_endpoint_auth_methods_supported ?? []
    assert.ok(
      methods.includes('private_key_jwt') && !methods.some((each) => each.startsWith('client_secret')),
    )
    assert.deepEqual(found.token_endpoint_auth_signing_alg_values_supported, ['PS256', 'ES256'])
  })
})
