import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { after, before, beforeEach, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { Webhook } from 'standardwebhooks'
import { halfHash } from '#tokens/id-token.ts'
import { addInitiator, cibaCalls, errorOf, proofKey, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { basic, startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

// The operator's own issuer of access tokens, played by a server that answers as it is told.

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const SCOPE = 'openid accounts offline_access'

type Receiver = Awaited<ReturnType<typeof startReceiver>>

let server: TestServer
let person: Person
let calls: ReturnType<typeof cibaCalls>
let source: Receiver
let answer: (response: ServerResponse, made: number) => void
let made = 0
const good = (response: ServerResponse, nth: number) =>
  response
    .setHeader('content-type', 'application/json')
    .end(JSON.stringify({ access_token: `own-token-${nth}`, expires_in: 600 }))
const withStatus = (status: number) => (response: ServerResponse) => void response.writeHead(status).end('no')

before(async () => {
  source = await startReceiver((_http, response) => {
    made += 1
    answer(response, made)
  })
  server = await startServer({
    env: {
      COUNTERSIGN_TOKEN_SOURCE_URL: source.url,
      COUNTERSIGN_TOKEN_SOURCE_SECRET: SECRET,
      COUNTERSIGN_TOKEN_SOURCE_TIMEOUT: '1s',
      COUNTERSIGN_CIBA_HOLD: '0s',
      COUNTERSIGN_CIBA_MOST_OPEN: '100',
      COUNTERSIGN_NOTIFIER_PROOF: 'off',
    },
  })
  person = await server.person({ handle: 'asha' })
  calls = cibaCalls(server.origin)
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await source[Symbol.asyncDispose]()
})
beforeEach(() => {
  answer = good
})

const asked = () => source.posts.length
async function approved(client: TestClient, fields: Record<string, string> = {}) {
  const { auth_req_id, requestId } = await calls.ask(client, { login_hint: 'asha', scope: SCOPE, ...fields })
  assert.equal((await person.approve(requestId)).status, 200)
  return { auth_req_id, requestId }
}
const kindsOf = async (requestId: string) =>
  (await server.select(`select kind from events where request_id = '${requestId}' order by seq`)).map(
    ({ kind }) => kind,
  )
const individual = (notifier_url: string) => server.addClient({ user_id: person.userId, notifier_url })

describe('tokens that are fetched', () => {
  test('it is asked by a signed POST that says for whom, and its token is what the client gets', async () => {
    const client = await addInitiator(server, [person.userId], { scope: SCOPE })
    const { auth_req_id, requestId } = await approved(client)
    const before = asked()
    const key = await proofKey()
    const fields = { grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id }
    const dpop = await key.prove(`${server.origin}/token`)
    const fetched = await calls.post('/token', fields, { ...basic(client), dpop })
    assert.equal(fetched.status, 200)
    const tokens = (await fetched.json()) as Record<string, string>
    assert.match(tokens.access_token ?? '', /^own-token-/)
    assert.ok(Number(tokens.expires_in) > 590 && Number(tokens.expires_in) <= 600)
    assert.equal(decodeJwt(tokens.id_token ?? '').at_hash, halfHash(tokens.access_token ?? ''))
    const post = source.posts[before]
    new Webhook(SECRET).verify(post?.body ?? '', post?.headers as Record<string, string>)
    assert.equal(post?.headers['idempotency-key'], `${requestId}.0`)
    const { type, data } = JSON.parse(post?.body ?? '') as { type: string; data: Record<string, unknown> }
    assert.equal(type, 'token.requested')
    assert.equal(data.sub, person.userId)
    assert.equal(data.client_id, client.client_id)
    assert.equal(data.scope, SCOPE)
    assert.deepEqual(data.cnf, { jkt: key.jkt })

    const told = await calls.post('/introspect', { token: tokens.access_token }, basic(client))
    assert.equal(((await told.json()) as Record<string, unknown>).active, true)
    const rows = await server.select('select * from tokens')
    assert.ok(!JSON.stringify([rows, server.lines]).includes(tokens.access_token ?? 'x'))
  })

  test('47: of 20 who come at the same moment one gets it, and the issuer is asked for one token', async () => {
    const client = await addInitiator(server, [person.userId], { scope: SCOPE })
    const { auth_req_id } = await approved(client)
    const before = asked()
    const answers = await Promise.all(Array.from({ length: 20 }, () => calls.poll(client, auth_req_id)))
    assert.equal(answers.filter(({ status }) => status === 200).length, 1)
    // A node that comes later asks again, by the same key.
    const keys = source.posts.slice(before).map(({ headers }) => headers['idempotency-key'])
    assert.equal(new Set(keys).size, 1)
  })

  test('51: a refresh asks for the next one; while there is none the refresh token stays good', async () => {
    const client = await addInitiator(server, [person.userId], { scope: SCOPE })
    const { auth_req_id, requestId } = await approved(client)
    const first = (await (await calls.poll(client, auth_req_id)).json()) as Record<string, string>
    const refresh = () =>
      calls.post('/token', { grant_type: 'refresh_token', refresh_token: first.refresh_token }, basic(client))
    answer = withStatus(400)
    assert.deepEqual(await errorOf(await refresh()), [503, 'temporarily_unavailable'])
    answer = good
    const second = (await (await refresh()).json()) as Record<string, string>
    assert.match(second.access_token ?? '', /^own-token-/)
    assert.notEqual(second.access_token, first.access_token)
    assert.equal(source.posts.at(-1)?.headers['idempotency-key'], `${requestId}.1`)
  })

  test('while it is away the client is told to come back, the user sees it, and the approval stands', async () => {
    const client = await addInitiator(server, [person.userId], { scope: SCOPE })
    const { auth_req_id, requestId } = await approved(client)
    answer = withStatus(500)
    const before = asked()
    const away = await calls.poll(client, auth_req_id)
    assert.deepEqual(await errorOf(away), [503, 'temporarily_unavailable'])
    assert.equal(away.headers.get('retry-after'), '5')
    assert.equal(asked() - before, 3, 'three tries')
    assert.equal(new Set(source.posts.slice(before).map(({ headers }) => headers['idempotency-key'])).size, 1)
    answer = withStatus(403)
    await calls.poll(client, auth_req_id)
    assert.equal((await kindsOf(requestId)).filter((kind) => kind === 'token_source_failed').length, 1)
    answer = good
    assert.equal((await calls.poll(client, auth_req_id)).status, 200)
  })

  test('what is no token is none: no JSON, no text, an end that is none, a redirect', async () => {
    const client = await addInitiator(server, [person.userId], { scope: SCOPE })
    const { auth_req_id } = await approved(client)
    for (const body of [
      'x',
      '{}',
      '{"access_token":7}',
      '{"access_token":"a b"}',
      '{"access_token":"a","expires_in":-1}',
    ]) {
      answer = (response) => void response.end(body)
      assert.deepEqual(
        await errorOf(await calls.poll(client, auth_req_id)),
        [503, 'temporarily_unavailable'],
        body,
      )
    }
    answer = (response) => void response.writeHead(302, { location: source.url }).end()
    assert.deepEqual(await errorOf(await calls.poll(client, auth_req_id)), [503, 'temporarily_unavailable'])
    answer = good
    assert.equal((await calls.poll(client, auth_req_id)).status, 200)
  })
})

describe('tokens that are sent', () => {
  test('the approval is kept first; when the issuer is back its token is delivered', async () => {
    await using notifier = await startReceiver()
    const client = await individual(notifier.url)
    const before = asked()
    // Longer than one job tries.
    answer = (response, nth) => (asked() - before <= 4 ? withStatus(503)(response) : good(response, nth))
    const id = await server.openRequest(client)
    assert.equal((await person.approve(id)).status, 200)
    assert.equal((await server.requestStatus(client, id)).status, 'approved')
    const [post] = await notifier.received(1, 10_000)
    assert.match((JSON.parse(post?.body ?? '') as Record<string, string>).access_token ?? '', /^own-token-/)
    const { tokens } = await person.must<{ tokens: { request_id: string; state: string }[] }>(
      'GET',
      '/v1/me/tokens',
    )
    assert.equal(tokens.find(({ request_id }) => request_id === id)?.state, 'active')
  })

  test('61: when it says no, a push client hears transaction_failed, and asker and user see why', async () => {
    await using receiver = await startReceiver()
    const push = await addInitiator(server, [person.userId], {
      scope: SCOPE,
      backchannel_token_delivery_mode: 'push',
      backchannel_client_notification_endpoint: receiver.url,
    })
    answer = withStatus(422)
    const { auth_req_id, requestId } = await approved(push, { client_notification_token: 'x'.repeat(32) })
    const [post] = await receiver.received(1)
    const { error_description, ...told } = JSON.parse(post?.body ?? '') as Record<string, string>
    assert.deepEqual(told, { auth_req_id, error: 'transaction_failed' })
    assert.ok(error_description)
    const { status, timeline } = await server.requestStatus(push, requestId)
    assert.equal(status, 'approved')
    assert.ok(timeline.some(({ event }) => event === 'token_source_failed'))
    const seen = await person.must<{ timeline: { kind: string }[] }>('GET', `/v1/me/requests/${requestId}`)
    assert.ok(seen.timeline.some(({ kind }) => kind === 'token_source_failed'))
  })

  test('59, 60: a push holds its token, and an ID Token that vouches for it', async () => {
    await using receiver = await startReceiver()
    const push = await addInitiator(server, [person.userId], {
      scope: SCOPE,
      backchannel_token_delivery_mode: 'push',
      backchannel_client_notification_endpoint: receiver.url,
    })
    await approved(push, { client_notification_token: 'x'.repeat(32) })
    const [post] = await receiver.received(1)
    const body = JSON.parse(post?.body ?? '') as Record<string, string>
    assert.match(body.access_token ?? '', /^own-token-/)
    assert.equal(decodeJwt(body.id_token ?? '').at_hash, halfHash(body.access_token ?? ''))
  })

  test('whoever is unlinked before the token is made gets none', async () => {
    await using receiver = await startReceiver()
    const push = await addInitiator(server, [person.userId], {
      scope: SCOPE,
      backchannel_token_delivery_mode: 'push',
      backchannel_client_notification_endpoint: receiver.url,
    })
    answer = withStatus(503)
    const { requestId } = await approved(push, { client_notification_token: 'x'.repeat(32) })
    await person.must('DELETE', `/v1/me/links/${push.client_id}`, {})
    answer = good
    await until(
      async () =>
        (await server.select(`select id from outbox where ref = '${requestId}' and kind = 'issue'`))
          .length === 0,
      15_000,
    )
    assert.equal(receiver.posts.length, 0)
    assert.deepEqual(await server.select(`select id from tokens where request_id = '${requestId}'`), [])
  })

  test('test mode asks our own issuer', async () => {
    await using notifier = await startReceiver()
    const own = await server.addClient({
      user_id: person.userId,
      notifier_url: notifier.url,
      mode: 'test',
      simulate: 'approve',
    })
    const before = asked()
    await server.openRequest(own)
    const [post] = await notifier.received(1)
    assert.equal(
      decodeJwt((JSON.parse(post?.body ?? '') as Record<string, string>).access_token ?? '').test,
      true,
    )
    assert.equal(asked(), before)
  })
})

test('one of the two settings alone stops the start', async () => {
  await assert.rejects(
    startServer({ env: { COUNTERSIGN_TOKEN_SOURCE_URL: 'https://a.example/' } }),
    /belong together/,
  )
})
