import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { AuthenticationClient } from 'auth0/legacy'
import { exportPKCS8 } from 'jose'
import { addInitiator, signingPair, type TestClient } from '../support/ciba.ts'
import { startHttpsFront, trustTestAuthority } from '../support/https-front.ts'
import type { Person } from '../support/person.ts'
import { startServer, type TestServer } from '../support/server.ts'

// Auth0's own libraries, as they come: they know one server, at https, with fixed paths, and name users in JSON.

trustTestAuthority()
// Its ES modules name files without their endings, which Node does not follow; bundlers do.
const require = createRequire(import.meta.url)
const { AsyncAuthorizerBase, getAsyncAuthorizationCredentials } =
  require('@auth0/ai/AsyncAuthorization') as typeof import('@auth0/ai/AsyncAuthorization')
const { AccessDeniedInterrupt, AuthorizationPendingInterrupt } =
  require('@auth0/ai/interrupts') as typeof import('@auth0/ai/interrupts')
const { MemoryStore } = require('@auth0/ai/stores') as typeof import('@auth0/ai/stores')

const front = await startHttpsFront()
let server: TestServer
let person: Person
before(async () => {
  server = await startServer({ env: { COUNTERSIGN_URL: front.origin, COUNTERSIGN_CIBA_HOLD: '0s' } })
  front.leadTo(server.port)
  person = await server.person({ handle: 'asha' })
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await front[Symbol.asyncDispose]()
})

const pending = async () => {
  const path = '/v1/me/requests?status=pending'
  return (await person.must<{ requests: { id: string }[] }>('GET', path)).requests
}
const idOf = async () => {
  for (let tries = 0; tries < 100; tries += 1) {
    const [first] = await pending()
    if (first) return first.id
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  return assert.fail('Nothing waits.')
}
const add = (more: Record<string, unknown> = {}) =>
  addInitiator(server, [person.userId], { token_endpoint_auth_method: 'client_secret_post', ...more })
const asked = () => ({ userId: person.userId, binding_message: 'Order 42', scope: 'openid' })

test('auth0: AuthenticationClient asks at /bc-authorize and fetches at /oauth/token', async () => {
  const app = await add()
  const auth0 = new AuthenticationClient({
    domain: front.domain,
    clientId: app.client_id,
    clientSecret: app.client_secret,
  })
  const { auth_req_id, interval } = await auth0.backchannel.authorize(asked())
  assert.equal(interval, 1)
  const poll = () => auth0.backchannel.backchannelGrant({ auth_req_id })
  await assert.rejects(poll(), { error: 'authorization_pending' })
  // Without this header @auth0/ai would come again at once, and again.
  await assert.rejects(
    poll(),
    (fault: { error: string; headers: Headers }) =>
      fault.error === 'slow_down' && Number(fault.headers.get('retry-after')) >= 6,
  )
  await person.approve(await idOf())
  const tokens = await poll()
  assert.ok(tokens.access_token && tokens.id_token)
  await assert.rejects(poll(), { error: 'invalid_grant' })
})

test('auth0: the same by private_key_jwt', async () => {
  const pair = await signingPair('PS256')
  const app = await add({ token_endpoint_auth_method: 'private_key_jwt', jwks: pair.jwks })
  const auth0 = new AuthenticationClient({
    domain: front.domain,
    clientId: app.client_id,
    clientAssertionSigningKey: await exportPKCS8(pair.privateKey),
    clientAssertionSigningAlg: 'PS256',
  })
  const { auth_req_id } = await auth0.backchannel.authorize(asked())
  await person.approve(await idOf())
  assert.ok((await auth0.backchannel.backchannelGrant({ auth_req_id })).access_token)
})

/** A tool that Auth0's AI library guards, and what became of it. */
function guarded(
  app: TestClient,
  onAuthorizationRequest: 'block' | 'interrupt',
  onUnauthorized: (fault: Error) => unknown = (fault) => fault,
) {
  const authorizer = new AsyncAuthorizerBase<[{ amount: number }]>(
    {
      domain: front.domain,
      clientId: app.client_id,
      clientSecret: app.client_secret,
      telemetry: false,
    },
    {
      scopes: ['payments'],
      userID: async () => person.userId,
      bindingMessage: async ({ amount }) => `Pay ${amount}`,
      requestedExpiry: 60,
      store: new MemoryStore(),
      onAuthorizationRequest,
      onUnauthorized,
    },
  )
  return authorizer.protect(
    () => ({ threadID: '1', toolName: 'pay', toolCallID: '1' }),
    async ({ amount }) => ({ amount, token: getAsyncAuthorizationCredentials()?.accessToken }),
  )
}

test('@auth0/ai: a tool call that blocks is done once the user has approved', async () => {
  const pay = guarded(await add({ scope: 'openid payments' }), 'block')
  const calling = pay({ amount: 250 })
  const id = await idOf()
  const { approval } = await person.review(id)
  assert.match(approval, /"binding_message":"Pay 250"/)
  await person.approve(id)
  const { amount, token } = (await calling) as { amount: number; token: string }
  assert.equal(amount, 250)
  assert.ok(token.length > 100)
})

test('@auth0/ai: a tool call that is interrupted is taken up again after the approval', async () => {
  const pay = guarded(await add({ scope: 'openid payments' }), 'interrupt')
  await assert.rejects(pay({ amount: 7 }), (fault) => fault instanceof AuthorizationPendingInterrupt)
  await person.approve(await idOf())
  assert.equal(((await pay({ amount: 7 })) as { amount: number }).amount, 7)
})

test('@auth0/ai: a rejection is an AccessDeniedInterrupt, and the tool is not run', async () => {
  const pay = guarded(await add({ scope: 'openid payments' }), 'block')
  const calling = pay({ amount: 9_999 })
  await person.reject(await idOf())
  assert.ok((await calling) instanceof AccessDeniedInterrupt)
})
