import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { fetch as fetchBy, type RequestInit } from 'undici'
import { callerWith, MTLS_ENV } from '../support/certificates.ts'
import { addInitiator, signingPair, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer, type TestServer } from '../support/server.ts'

// Other people's libraries, as they come.

let server: TestServer
let person: Person
before(async () => {
  server = await startServer()
  person = await server.person({ handle: 'asha' })
})
after(() => server[Symbol.asyncDispose]())

/** Approves what waits, once it does. */
async function approveNext() {
  for (let tries = 0; tries < 50; tries += 1) {
    const { requests } = await person.must<{ requests: { id: string }[] }>(
      'GET',
      '/v1/me/requests?status=pending',
    )
    if (requests[0]) return person.approve(requests[0].id)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('Nothing waits.')
}

const discover = (app: TestClient, authentication: client.ClientAuth) =>
  client.discovery(new URL(server.origin), app.client_id, undefined, authentication, {
    execute: [client.allowInsecureRequests],
  })

for (const [method, authentication] of [
  ['client_secret_basic', client.ClientSecretBasic],
  ['client_secret_post', client.ClientSecretPost],
] as const) {
  test(`openid-client: discovers, asks and polls, by ${method}`, async () => {
    const app = await addInitiator(server, [person.userId], { token_endpoint_auth_method: method })
    const config = await discover(app, authentication(app.client_secret))
    const asked = await client.initiateBackchannelAuthentication(config, {
      scope: 'openid',
      login_hint: 'asha',
      binding_message: '1234',
    })
    const tokens = client.pollBackchannelAuthenticationGrant(config, asked)
    await approveNext()
    const answer = await tokens
    assert.equal(answer.claims()?.sub, person.userId)
    assert.equal(answer.token_type, 'bearer')
  })
}

test('openid-client: asks and polls by private_key_jwt', async () => {
  const pair = await signingPair('PS256')
  const app = await addInitiator(server, [person.userId], {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: pair.jwks,
  })
  const key = { key: pair.privateKey, kid: pair.jwk.kid }
  const config = await discover(app, client.PrivateKeyJwt(key))
  const asked = await client.initiateBackchannelAuthentication(config, {
    scope: 'openid',
    login_hint: 'asha',
  })
  const tokens = client.pollBackchannelAuthenticationGrant(config, asked)
  await approveNext()
  assert.equal((await tokens).claims()?.sub, person.userId)
})

test('openid-client: hears of a rejection, and of a wrong secret', async () => {
  const app = await addInitiator(server, [person.userId])
  const config = await discover(app, client.ClientSecretBasic(app.client_secret))
  const asked = await client.initiateBackchannelAuthentication(config, {
    scope: 'openid',
    login_hint: 'asha',
  })
  const { requests } = await person.must<{ requests: { id: string }[] }>(
    'GET',
    '/v1/me/requests?status=pending',
  )
  await person.reject(requests[0]?.id ?? '')
  await assert.rejects(client.pollBackchannelAuthenticationGrant(config, asked), { error: 'access_denied' })

  const wrong = await discover(app, client.ClientSecretBasic('wrong'))
  const asking = client.initiateBackchannelAuthentication(wrong, { scope: 'openid', login_hint: 'asha' })
  await assert.rejects(asking, { cause: [{ scheme: 'basic', parameters: { realm: 'countersign' } }] })
})

test('openid-client: after a ping it fetches the tokens by one call', async () => {
  await using receiver = await startReceiver()
  const app = await addInitiator(server, [person.userId], {
    backchannel_token_delivery_mode: 'ping',
    backchannel_client_notification_endpoint: receiver.url,
  })
  const config = await discover(app, client.ClientSecretBasic(app.client_secret))
  await client.initiateBackchannelAuthentication(config, {
    scope: 'openid',
    login_hint: 'asha',
    client_notification_token: client.randomState(),
  })
  await approveNext()
  const [post] = await receiver.received(1)
  const { auth_req_id } = JSON.parse(post?.body ?? '') as { auth_req_id: string }
  const grant = 'urn:openid:params:grant-type:ciba'
  const answer = await client.genericGrantRequest(config, grant, { auth_req_id })
  assert.ok(answer.id_token)
})

test('openid-client: tokens bound by DPoP, with the nonces that the server asks for', async () => {
  await using strict = await startServer({ env: { COUNTERSIGN_DPOP_NONCE: '1' } })
  const asha = await strict.person({ handle: 'asha' })
  const app = await addInitiator(strict, [asha.userId], {
    scope: 'openid offline_access',
    dpop_bound_access_tokens: true,
  })
  const config = await client.discovery(
    new URL(strict.origin),
    app.client_id,
    undefined,
    client.ClientSecretBasic(app.client_secret),
    { execute: [client.allowInsecureRequests] },
  )
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const asked = await client.initiateBackchannelAuthentication(config, {
    scope: 'openid offline_access',
    login_hint: 'asha',
  })
  const { requests } = await asha.must<{ requests: { id: string }[] }>(
    'GET',
    '/v1/me/requests?status=pending',
  )
  await asha.approve(requests[0]?.id ?? '')
  const tokens = await client.pollBackchannelAuthenticationGrant(config, asked, {}, { DPoP })
  assert.equal(tokens.token_type, 'dpop')
  const renewed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '', {}, { DPoP })
  assert.equal(renewed.token_type, 'dpop')
  const told = await client.tokenIntrospection(config, renewed.access_token)
  assert.equal((told.cnf as { jkt: string }).jkt, await DPoP.calculateThumbprint())
})

test('openid-client: by its certificate, at the mTLS addresses, for tokens bound to it', async () => {
  await using secure = await startServer({ env: MTLS_ENV })
  const asha = await secure.person({ handle: 'asha' })
  const app = await addInitiator(secure, [asha.userId], {
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_san_dns: 'agent.example.com',
    tls_client_certificate_bound_access_tokens: true,
  })
  const dispatcher = callerWith('agent')
  const config = await client.discovery(
    new URL(secure.origin),
    app.client_id,
    { use_mtls_endpoint_aliases: true },
    client.TlsClientAuth(),
    {
      execute: [client.allowInsecureRequests],
      [client.customFetch]: (url, options) =>
        fetchBy(url, { ...options, dispatcher } as RequestInit) as unknown as Promise<Response>,
    },
  )
  const asked = await client.initiateBackchannelAuthentication(config, {
    scope: 'openid',
    login_hint: 'asha',
  })
  const { requests } = await asha.must<{ requests: { id: string }[] }>(
    'GET',
    '/v1/me/requests?status=pending',
  )
  await asha.approve(requests[0]?.id ?? '')
  const tokens = await client.pollBackchannelAuthenticationGrant(config, asked)
  const told = await client.tokenIntrospection(config, tokens.access_token)
  assert.ok((told.cnf as Record<string, string>)['x5t#S256'])
  await dispatcher.close()
})

test('openid-client: renews its access by refresh tokens, each used once', async () => {
  const app = await addInitiator(server, [person.userId], { scope: 'openid offline_access' })
  const config = await discover(app, client.ClientSecretBasic(app.client_secret))
  const asked = await client.initiateBackchannelAuthentication(config, {
    scope: 'openid offline_access',
    login_hint: 'asha',
  })
  const tokens = client.pollBackchannelAuthenticationGrant(config, asked)
  await approveNext()
  const first = (await tokens).refresh_token ?? ''
  const second = (await client.refreshTokenGrant(config, first)).refresh_token ?? ''
  assert.ok(second && second !== first)
  await assert.rejects(client.refreshTokenGrant(config, first), { error: 'invalid_grant' })
  await assert.rejects(client.refreshTokenGrant(config, second), { error: 'invalid_grant' })
})

test('oauth4webapi: its strict reading of metadata, acknowledgement and tokens is content', async () => {
  const app = await addInitiator(server, [person.userId])
  const issuer = new URL(server.origin)
  const insecure = { [oauth.allowInsecureRequests]: true }
  for (const algorithm of ['oidc', 'oauth2'] as const) {
    const found = await oauth.discoveryRequest(issuer, { algorithm, ...insecure })
    const as = await oauth.processDiscoveryResponse(issuer, found)
    const self = { client_id: app.client_id }
    const secret = oauth.ClientSecretBasic(app.client_secret)
    const fields = new URLSearchParams({ scope: 'openid', login_hint: 'asha' })
    const asked = await oauth.processBackchannelAuthenticationResponse(
      as,
      self,
      await oauth.backchannelAuthenticationRequest(as, self, secret, fields, insecure),
    )
    assert.equal(asked.interval, 1)
    const held = oauth.backchannelAuthenticationGrantRequest(as, self, secret, asked.auth_req_id, insecure)
    await approveNext()
    const tokens = await oauth.processBackchannelAuthenticationGrantResponse(as, self, await held)
    assert.equal(oauth.getValidatedIdTokenClaims(tokens)?.sub, person.userId)
  }
})
