import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppCard, AppEvent, InitiatorCard, NewAppSecrets } from '../../src/api/contract.ts'
import { cibaCalls, signingPair } from '../support/ciba.ts'
import { basic, startServer } from '../support/server.ts'

const PUSH = {
  backchannel_token_delivery_mode: 'push',
  backchannel_client_notification_endpoint: 'http://127.0.0.1:9/push',
  scope: 'openid orders',
}
const POLL = { backchannel_token_delivery_mode: 'poll', scope: 'openid' }

test('an app for many users that its developer makes can speak CIBA, once the operator has accepted it', async () => {
  await using stage = await startStage()
  const card = await stage.card()
  assert.equal(card.state, 'under_review')
  assert.deepEqual(card.ciba, {
    backchannel_token_delivery_mode: 'poll',
    backchannel_client_notification_endpoint: null,
    token_endpoint_auth_method: 'client_secret_basic',
    jwks: null,
    jwks_uri: null,
    backchannel_authentication_request_signing_alg: null,
    tls_client_certificate_bound_access_tokens: false,
    dpop_bound_access_tokens: false,
    access_token_format: 'jwt',
    scope: 'openid',
    authorization_details_types: [],
    require_match_code: false,
    backchannel_user_code_parameter: false,
    profile: 'core',
  })
})

test('its developer changes how results come; another address takes a fresh passkey', async () => {
  await using stage = await startStage()
  const bare = await stage.person.call('PUT', stage.path('/ciba'), PUSH)
  assert.equal(bare.status, 403)
  assert.equal((await bare.json()).code, 'passkey_needed')
  const { options } = await stage.person.must<{ options: Record<string, unknown> }>(
    'POST',
    stage.path('/ciba/confirm'),
    PUSH,
  )
  const elsewhere = { ...PUSH, backchannel_client_notification_endpoint: 'http://127.0.0.1:9/other' }
  const credential = stage.person.passkey.assert(options)
  const wrong = await stage.person.call('PUT', stage.path('/ciba'), { ...elsewhere, credential })
  assert.equal((await wrong.json()).code, 'assertion_refused')
  const fresh = await stage.person.must<{ options: Record<string, unknown> }>(
    'POST',
    stage.path('/ciba/confirm'),
    PUSH,
  )
  const changed = await stage.person.must<InitiatorCard>('PUT', stage.path('/ciba'), {
    ...PUSH,
    credential: stage.person.passkey.assert(fresh.options),
  })
  assert.equal(changed.backchannel_token_delivery_mode, 'push')
  assert.equal((await stage.card()).ciba?.scope, 'openid orders')
  // Away from an address needs no passkey: less is sent.
  assert.equal((await stage.person.call('PUT', stage.path('/ciba'), POLL)).status, 200)
})

test('asking for more goes back to the operator; asking for less does not', async () => {
  await using stage = await startStage()
  const accept = () => stage.server.admin(`/v1/admin/clients/${stage.id}/state`, { state: 'active' })
  await accept()
  assert.equal(
    (await stage.person.call('PUT', stage.path('/ciba'), { ...POLL, scope: 'openid orders' })).status,
    200,
  )
  assert.equal((await stage.card()).state, 'under_review')
  await accept()
  assert.equal((await stage.person.call('PUT', stage.path('/ciba'), POLL)).status, 200)
  assert.equal((await stage.card()).state, 'active')
})

test('another type of details goes back to the operator; what is not said stays as it is', async () => {
  await using stage = await startStage()
  const accept = () => stage.server.admin(`/v1/admin/clients/${stage.id}/state`, { state: 'active' })
  await accept()
  const asked = { ...POLL, authorization_details_types: ['payment'], require_match_code: true }
  const changed = await stage.person.must<InitiatorCard>('PUT', stage.path('/ciba'), asked)
  assert.deepEqual(changed.authorization_details_types, ['payment'])
  assert.equal((await stage.card()).state, 'under_review')
  await accept()
  assert.equal((await stage.person.call('PUT', stage.path('/ciba'), POLL)).status, 200)
  const { ciba, state } = await stage.card()
  assert.deepEqual(
    [ciba?.authorization_details_types, ciba?.require_match_code, state],
    [['payment'], true, 'active'],
  )
})

test('its developer changes how it makes itself known; then its secrets end, and the app reads of it', async () => {
  await using stage = await startStage()
  const { jwks, assertion } = await signingPair()
  const accept = () => stage.server.admin(`/v1/admin/clients/${stage.id}/state`, { state: 'active' })
  await accept()
  const change = (terms: object) => stage.person.call('PUT', stage.path('/ciba'), terms)
  assert.equal((await change({ token_endpoint_auth_method: 'private_key_jwt' })).status, 400, 'without keys')
  const changed = await change({
    token_endpoint_auth_method: 'private_key_jwt',
    jwks,
    access_token_format: 'opaque',
    dpop_bound_access_tokens: true,
  })
  assert.equal(changed.status, 200)
  const { ciba, secrets, state } = await stage.card()
  assert.deepEqual(ciba?.jwks, jwks)
  assert.deepEqual(
    [ciba?.access_token_format, ciba?.dpop_bound_access_tokens, ciba?.scope, secrets, state],
    ['opaque', true, 'openid', [], 'active'],
  )
  const { post } = cibaCalls(stage.server.origin)
  const asked = await post('/introspect', {
    token: 'x',
    ...(await assertion(stage.id, stage.server.origin)),
  })
  assert.equal(asked.status, 200)
  const { events } = await stage.person.must<{ events: AppEvent[] }>('GET', stage.path('/history'))
  assert.ok(events.some(({ kind, detail }) => kind === 'app_keys_changed' && detail === 'private_key_jwt'))

  // Back again: what is not said stays, null takes away, and a secret is made anew.
  const back = { token_endpoint_auth_method: 'client_secret_basic', jwks: null }
  assert.equal((await change(back)).status, 200)
  const { client_secret = '' } = await stage.person.must<NewAppSecrets>('POST', stage.path('/secrets'))
  const bySecret = await post('/introspect', { token: 'x' }, basic({ client_id: stage.id, client_secret }))
  assert.equal(bySecret.status, 200)
  assert.deepEqual((await stage.card()).ciba?.jwks, null)
})

test('who is held to the FAPI profile stays so', async () => {
  await using stage = await startStage()
  const { jwks } = await signingPair()
  const change = (terms: object) => stage.person.call('PUT', stage.path('/ciba'), terms)
  assert.equal((await change({ profile: 'fapi' })).status, 400)
  const kept = await change({
    profile: 'fapi',
    token_endpoint_auth_method: 'private_key_jwt',
    jwks,
    backchannel_authentication_request_signing_alg: 'ES256',
    dpop_bound_access_tokens: true,
  })
  assert.equal(kept.status, 200)
  const less = await change({ profile: 'core' })
  assert.match(((await less.json()) as { detail: string }).detail, /stays so/)
  assert.equal((await stage.card()).ciba?.profile, 'fapi')
})

test('what makes no sense is refused with a sentence, and changes nothing', async () => {
  await using stage = await startStage()
  const before = await stage.card()
  for (const wrong of [
    { ...POLL, backchannel_token_delivery_mode: 'pull' },
    { ...POLL, backchannel_client_notification_endpoint: 'http://127.0.0.1:9/' },
    { ...PUSH, backchannel_client_notification_endpoint: null },
    { ...POLL, scope: 'a "b"' },
    { ...POLL, authorization_details_types: ['a b'] },
    { ...POLL, authorization_details_types: ['pay-all'] },
  ]) {
    const answer = await stage.person.call('PUT', stage.path('/ciba'), wrong)
    assert.equal(answer.status, 400, JSON.stringify(wrong))
  }
  assert.deepEqual(await stage.card(), before)
  const mine = await stage.person.must<NewAppSecrets>('POST', '/v1/me/apps', { name: 'Mine alone' })
  const answer = await stage.person.call('PUT', `/v1/me/apps/${mine.client_id}/ciba`, POLL)
  assert.equal((await answer.json()).code, 'client_not_initiator')
  const stranger = await stage.server.person()
  assert.equal((await stranger.call('PUT', stage.path('/ciba'), POLL)).status, 404)
})

const TYPES = { payment: { en: 'Make one payment' } }

async function startStage() {
  const env = { COUNTERSIGN_AUTHORIZATION_DETAILS: JSON.stringify(TYPES) }
  const server = await startServer({ env })
  const person = await server.person()
  const { client_id: id } = await person.must<NewAppSecrets>('POST', '/v1/me/apps', {
    name: 'For many',
    kind: 'initiator',
  })
  const path = (rest = '') => `/v1/me/apps/${id}${rest}`
  return {
    server,
    person,
    id,
    path,
    card: () => person.must<AppCard>('GET', path()),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
