import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { addInitiator, CIBA_GRANT, cibaCalls, errorOf, proofKey, signingPair } from '../support/ciba.ts'
import { runCommand } from '../support/command.ts'
import type { Person } from '../support/person.ts'
import { ADMIN_KEY, basic, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements, section 1K.

let server: TestServer
/** Of the ordinary rules; it has the same store. */
let core: TestServer
let person: Person
let calls: ReturnType<typeof cibaCalls>
let pair: Awaited<ReturnType<typeof signingPair>>
before(async () => {
  server = await startServer({ env: { COUNTERSIGN_CIBA_PROFILE: 'fapi' } })
  core = await startServer({ env: server.storeEnv, data: server.folder })
  person = await server.person({ handle: 'asha' })
  calls = cibaCalls(server.origin)
  pair = await signingPair('PS256')
})
after(async () => {
  await core[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

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

/** The registration of a client by the operator. */
const register = (at: TestServer, form: Record<string, unknown>) =>
  fetch(`${at.origin}/v1/admin/clients`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'initiator', name: 'Northwind Agent', ...form }),
  })
async function refusalOf(answer: Response) {
  const { code, detail } = (await answer.json()) as { code: string; detail: string }
  assert.deepEqual([answer.status, code], [400, 'client_metadata_refused'])
  return detail
}

/** Asks by a signed request, authenticated by a signed assertion. */
async function ask(client_id: string, more: Record<string, unknown> = {}, at = server) {
  const now = Math.floor(Date.now() / 1_000)
  const own = {
    iss: client_id,
    aud: at.origin,
    iat: now,
    nbf: now,
    exp: now + 60,
    jti: crypto.randomUUID(),
  }
  const asked = { scope: 'openid', login_hint: 'asha', binding_message: '1234' }
  const request = await pair.sign({ ...own, ...asked, ...more })
  const assertion = await pair.assertion(client_id, at.origin)
  return cibaCalls(at.origin).post('/bc-authorize', { request, ...assertion })
}

describe('FAPI-CIBA §5.2.2: the profile of one client, on a server of the ordinary rules', () => {
  test('it is held to it, and others are not', async () => {
    const { client_id } = await addInitiator(core, [person.userId], { ...keeps(), profile: 'fapi' })
    const other = await addInitiator(core, [person.userId], keeps())
    const unbound = { binding_message: undefined }
    assert.deepEqual(await errorOf(await ask(client_id, unbound, core)), [400, 'invalid_request'])
    assert.equal((await ask(other.client_id, unbound, core)).status, 200)
    assert.equal((await ask(client_id, {}, core)).status, 200)
  })

  test('its owner cannot change its terms to such that break it', async () => {
    const { client_id } = await addInitiator(core, [], {
      ...keeps(),
      profile: 'fapi',
      user_id: person.userId,
    })
    const change = (terms: object) =>
      person.call('PUT', `/v1/me/apps/${client_id}/ciba`, { scope: 'openid', ...terms })
    assert.match(await refusalOf(await change(push)), /push is off/)
    const kept = await change({ backchannel_token_delivery_mode: 'poll', scope: 'openid accounts' })
    assert.equal(((await kept.json()) as { profile: string }).profile, 'fapi')
  })

  test('the command knows it, and an unknown one is refused', async () => {
    const words = ['client', 'add', '--initiator', '--name', 'Agent', '--json', '--profile']
    const env = { ...core.storeEnv, COUNTERSIGN_DEV: '1' }
    const broken = await runCommand([...words, 'fapi'], env)
    assert.equal(broken.code, 1)
    assert.match(broken.err, /registered for the FAPI profile.*authenticate by private_key_jwt/)
    const unknown = await runCommand([...words, 'fapi-2'], env)
    assert.match(unknown.err, /The profile must be one of core, fapi/)
  })
})

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
      const ofServer = await refusalOf(await register(server, { ...keeps(), ...form }))
      assert.match(ofServer, sentence)
      assert.match(ofServer, /^This server keeps/)
      const ofClient = await refusalOf(await register(core, { ...keeps(), ...form, profile: 'fapi' }))
      assert.match(ofClient, sentence)
      assert.match(ofClient, /^This client is registered for/)
    })
  }

  test('who was registered before the profile was turned on is refused at every endpoint', async () => {
    for (const [name, form] of BREAKS) {
      const client = await addInitiator(core, [person.userId], { ...keeps(), ...form })
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
