import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addInitiator, CIBA_GRANT, cibaCalls, errorOf, signingPair } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { basic, startServer, type TestServer } from '../support/server.ts'

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

const SIGNS = {
  token_endpoint_auth_method: 'private_key_jwt',
  backchannel_authentication_request_signing_alg: 'PS256',
}
const add = (form: Record<string, unknown> = {}) =>
  addInitiator(server, [person.userId], { ...SIGNS, jwks: pair.jwks, ...form })

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
  test('68, 70, 76: a client that signs asks and polls; its token is good for less than ten minutes', async () => {
    const { client_id } = await add()
    const answer = await ask(client_id)
    assert.equal(answer.status, 200)
    const { auth_req_id } = (await answer.json()) as { auth_req_id: string }
    await person.approve((answer.headers.get('location') ?? '').replace('/v1/requests/', ''))
    const assertion = await pair.assertion(client_id, server.origin)
    const tokens = await calls.post('/token', { ...assertion, grant_type: CIBA_GRANT, auth_req_id })
    assert.equal(tokens.status, 200)
    const { expires_in } = (await tokens.json()) as { expires_in: number }
    assert.ok(expires_in > 500 && expires_in < 600, String(expires_in))
  })

  test('66: without a binding_message it is refused', async () => {
    const { client_id } = await add()
    assert.deepEqual(await errorOf(await ask(client_id, { binding_message: undefined })), [
      400,
      'invalid_request',
    ])
  })

  test('67: push is refused', async () => {
    const { client_id } = await add({
      backchannel_token_delivery_mode: 'push',
      backchannel_client_notification_endpoint: 'http://127.0.0.1:9/push',
    })
    const answer = await ask(client_id, { client_notification_token: 'x'.repeat(32) })
    assert.deepEqual(await errorOf(answer), [400, 'unauthorized_client'])
  })

  test('70: a client that signs no requests is refused', async () => {
    const { client_id } = await add({ backchannel_authentication_request_signing_alg: undefined })
    const assertion = await pair.assertion(client_id, server.origin)
    const fields = { scope: 'openid', login_hint: 'asha', binding_message: '1234', ...assertion }
    assert.deepEqual(await errorOf(await calls.post('/bc-authorize', fields)), [400, 'unauthorized_client'])
  })

  test('65, 76: a shared secret is refused, at every endpoint', async () => {
    const client = await add({ token_endpoint_auth_method: 'client_secret_basic' })
    for (const path of ['/bc-authorize', '/token', '/introspect', '/revoke']) {
      const answer = await calls.post(path, { login_hint: 'asha', token: 'x' }, basic(client))
      assert.deepEqual(await errorOf(answer), [400, 'unauthorized_client'], path)
    }
  })

  test('2, 6, 67, 76: the metadata says what is left', async () => {
    const answer = await fetch(`${server.origin}/.well-known/openid-configuration`)
    const found = (await answer.json()) as Record<string, unknown>
    assert.deepEqual(found.backchannel_token_delivery_modes_supported, ['poll', 'ping'])
    assert.deepEqual(found.token_endpoint_auth_methods_supported, ['private_key_jwt'])
    assert.deepEqual(found.token_endpoint_auth_signing_alg_values_supported, ['PS256', 'ES256'])
  })
})
