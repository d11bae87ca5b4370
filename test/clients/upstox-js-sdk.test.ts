import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import UpstoxClient from 'upstox-js-sdk'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer, type TestServer } from '../support/server.ts'

// The SDK as it comes from npm, told nothing but another base address.

interface SdkAnswer {
  error: (Error & { status?: number; response?: { body: unknown; text: string } }) | null
  data: { status?: string; data?: { authorizationExpiry?: string; notifierUrl?: string } } | null
}

let server: TestServer
let person: Person
let receiver: Awaited<ReturnType<typeof startReceiver>>

before(async () => {
  receiver = await startReceiver()
  server = await startServer()
  person = await server.person()
  UpstoxClient.ApiClient.instance.basePath = server.origin
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

const ask = (clientSecret: string | undefined, clientId: string) =>
  new Promise<SdkAnswer>((resolve) => {
    const body = new UpstoxClient.IndieUserTokenRequest()
    if (clientSecret !== undefined) body.clientSecret = clientSecret
    new UpstoxClient.LoginApi().initTokenRequestForIndieUser(
      body,
      clientId,
      (error: SdkAnswer['error'], data: SdkAnswer['data']) => resolve({ error, data }),
    )
  })

test('asks, and reads our answer as its own model', async () => {
  const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  const { error, data } = await ask(client.client_secret, client.client_id)

  assert.equal(error, null)
  assert.equal(data?.status, 'success')
  assert.equal(data?.data?.notifierUrl, receiver.url)
  assert.ok(Number(data?.data?.authorizationExpiry) > Date.now())
})

test('reads a wrong secret, a missing one and an unknown app as errors with our codes', async () => {
  const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  for (const [secret, id, status, code] of [
    ['wrong', client.client_id, 401, 'UDAPI100069'],
    ['wrong', 'a b/c%', 401, 'UDAPI100069'],
    [undefined, client.client_id, 400, 'UDAPI1024'],
  ] as const) {
    const { error, data } = await ask(secret, id)
    assert.equal(data, null)
    assert.equal(error?.status, status)
    const problem = UpstoxClient.ApiGatewayErrorResponse.constructFromObject(error?.response?.body)
    assert.equal(problem.errors[0].errorCode, code)
  }
})

test('logs out with the token that was delivered', async () => {
  const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  const before = receiver.posts.length
  await ask(client.client_secret, client.client_id)
  const { requests } = await person.must<{ requests: { id: string; client: { id: string } }[] }>(
    'GET',
    '/v1/me/requests?status=pending',
  )
  await person.approve(requests.find((each) => each.client.id === client.client_id)?.id ?? '')
  const post = (await receiver.received(before + 1)).at(-1)

  UpstoxClient.ApiClient.instance.authentications.OAUTH2.accessToken = JSON.parse(
    post?.body ?? '',
  ).access_token
  const logout = () =>
    new Promise<SdkAnswer>((resolve) => {
      new UpstoxClient.LoginApi().logout('2.0', (error: SdkAnswer['error'], data: SdkAnswer['data']) =>
        resolve({ error, data }),
      )
    })
  const first = await logout()
  assert.equal(first.error, null)
  assert.deepEqual({ ...first.data }, { status: 'success', data: true })
  assert.equal((await logout()).error?.status, 401)
})

test('exchanges a code for a token', async () => {
  const redirect = 'https://127.0.0.1:5000/callback'
  const client = await server.addClient({ user_id: person.userId, redirect_url: redirect })
  const { request_id } = await person.must<{ request_id: string }>('POST', '/v1/me/authorizations', {
    client_id: client.client_id,
    redirect_uri: redirect,
  })
  const { redirect_to } = (await (await person.approve(request_id)).json()) as { redirect_to: string }
  const token = await new Promise<{ error: unknown; data: { accessToken?: string; userId?: string } }>(
    (resolve) => {
      new UpstoxClient.LoginApi().token(
        '2.0',
        {
          code: new URL(redirect_to).searchParams.get('code'),
          clientId: client.client_id,
          clientSecret: client.client_secret,
          redirectUri: redirect,
          grantType: 'authorization_code',
        },
        (error: unknown, data: { accessToken?: string; userId?: string }) => resolve({ error, data }),
      )
    },
  )
  assert.equal(token.error, null)
  assert.equal(token.data.userId, person.userId)
  assert.ok(token.data.accessToken)
})

test("the bytes that Upstox's Python SDK sends are understood", async () => {
  const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  // As captured from upstox-python-sdk 2.28.0: a space after the colon, its own headers, no authorization.
  const answer = await fetch(`${server.origin}/v3/login/auth/token/request/${client.client_id}`, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      'user-agent': 'Swagger-Codegen/1.0.0/python',
      'x-upstox-sdk-language': 'python',
      'x-upstox-sdk-version': '2.28.0',
    },
    body: `{"client_secret": "${client.client_secret}"}`,
  })
  assert.equal(answer.status, 200)
})

test('in test mode the same SDK asks, and the token comes without a phone', async () => {
  const form = { user_id: person.userId, notifier_url: receiver.url, mode: 'test', simulate: 'approve' }
  const client = await server.addClient(form)
  const before = receiver.posts.length
  const { error, data } = await ask(client.client_secret, client.client_id)
  assert.equal(error, null)
  assert.equal(data?.status, 'success')
  const post = (await receiver.received(before + 1)).at(-1)
  assert.equal(JSON.parse(post?.body ?? '').client_id, client.client_id)
})
