import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createPasskey } from '../../demo/passkey.ts'
import type { Person } from '../../test/support/person.ts'
import { startReceiver } from '../../test/support/receiver.ts'
import { basic, heldClock, startServer, type TestServer } from '../../test/support/server.ts'
import { verifyEvidence } from './evidence.ts'

let server: TestServer
let person: Person
let receiver: Awaited<ReturnType<typeof startReceiver>>
const clock = heldClock()

before(async () => {
  receiver = await startReceiver()
  server = await startServer({ now: clock.now })
  person = await server.person()
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

async function openOne(reason?: string) {
  const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  return { client, id: await server.openRequest(client, reason) }
}

async function refused(answer: Response, status: number, code: string) {
  const body = (await answer.json()) as { code: string; state?: string }
  assert.equal(answer.status, status, JSON.stringify(body))
  assert.equal(body.code, code)
  return body
}

const statusOf = async (client: Parameters<TestServer['requestStatus']>[0], id: string) =>
  (await server.requestStatus(client, id)).status

test('a passkey over what was shown approves, and the token is delivered', async () => {
  const { client, id } = await openOne()
  const before = receiver.posts.length
  const answer = await person.approve(id)
  assert.equal(answer.status, 200)
  assert.deepEqual(await answer.json(), { status: 'approved', redirect_to: null })
  await receiver.received(before + 1)
  assert.equal(await statusOf(client, id), 'approved')
})

test('an assertion for another challenge than the one shown is refused', async () => {
  const { client, id } = await openOne()
  const other = await openOne()
  const { options } = await person.review(id)
  const { options: otherOptions } = await person.review(other.id)

  // What was shown of another request; a challenge of nobody; a sign-in's challenge.
  await refused(await person.approveWith(id, person.passkey.assert(otherOptions)), 409, 'review_expired')
  const invented = person.passkey.assert(options, { challenge: Buffer.alloc(32, 7).toString('base64url') })
  await refused(await person.approveWith(id, invented), 409, 'review_expired')
  const signIn = (await (await person.call('POST', '/v1/session/options', {})).json()) as {
    options: Record<string, unknown>
  }
  await refused(await person.approveWith(id, person.passkey.assert(signIn.options)), 409, 'review_expired')
  assert.equal(await statusOf(client, id), 'pending')
})

test('an assertion without user verification is refused', async () => {
  const { client, id } = await openOne()
  const { options } = await person.review(id)
  const credential = person.passkey.assert(options, { withoutVerification: true })
  await refused(await person.approveWith(id, credential), 403, 'assertion_refused')
  assert.equal(await statusOf(client, id), 'pending')
})

test('an assertion made at another origin is refused', async () => {
  const { id } = await openOne()
  const { options } = await person.review(id)
  const credential = person.passkey.assert(options, { origin: 'https://sign.examp1e.com' })
  await refused(await person.approveWith(id, credential), 403, 'assertion_refused')
})

test('a signature with one byte changed is refused', async () => {
  const { id } = await openOne()
  const { options } = await person.review(id)
  const credential = person.passkey.assert(options) as { response: Record<string, string> }
  const bytes = Buffer.from(credential.response.authenticatorData ?? '', 'base64url')
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
  credential.response.authenticatorData = bytes.toString('base64url')
  await refused(await person.approveWith(id, credential), 403, 'assertion_refused')
})

test('a passkey that nobody has enrolled is refused', async () => {
  const { id } = await openOne()
  const { options } = await person.review(id)
  const stranger = createPasskey(server.origin)
  await refused(await person.approveWith(id, stranger.assert(options)), 403, 'assertion_refused')
})

test("another user neither sees nor decides somebody else's request", async () => {
  const { client, id } = await openOne()
  const other = await server.person()
  const { options } = await person.review(id)
  await refused(await other.approveWith(id, other.passkey.assert(options)), 404, 'request_not_found')
  await refused(await other.call('GET', `/v1/me/requests/${id}`), 404, 'request_not_found')
  await refused(await other.call('POST', `/v1/me/requests/${id}/review`, {}), 404, 'request_not_found')
  await refused(await other.reject(id), 404, 'request_not_found')
  // Nor does another user's passkey serve in a session of the right one.
  await refused(await person.approveWith(id, other.passkey.assert(options)), 403, 'assertion_refused')
  assert.equal(await statusOf(client, id), 'pending')
})

test('the same assertion a second time is refused', async () => {
  const { id } = await openOne()
  const { options } = await person.review(id)
  const credential = person.passkey.assert(options)
  assert.equal((await person.approveWith(id, credential)).status, 200)
  const body = await refused(await person.approveWith(id, credential), 409, 'request_settled')
  assert.equal(body.state, 'approved')
})

test('of many approvals and rejections at the same moment one is taken, and at most one token is made', async () => {
  const { client, id } = await openOne()
  const before = receiver.posts.length
  const reviews = await Promise.all([person.review(id), person.review(id), person.review(id)])
  const answers = await Promise.all([
    ...reviews.map(({ options }) => person.approveWith(id, person.passkey.assert(options))),
    person.reject(id),
    person.reject(id),
  ])
  assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409, 409, 409, 409])
  const status = await statusOf(client, id)
  const { tokens } = await person.must<{ tokens: { request_id: string }[] }>('GET', '/v1/me/tokens')
  const made = tokens.filter(({ request_id }) => request_id === id).length
  assert.equal(made, status === 'approved' ? 1 : 0)
  if (made) await receiver.received(before + 1)
})

for (const [what, form] of [
  ['the notifier URL', { notifier_url: 'http://127.0.0.1:9/elsewhere' }],
  ['the name of the app', { name: 'Northwind Reserch' }],
] as const) {
  test(`${what} changed after it was shown: the approval is void`, async () => {
    const made = await person.must<{ client_id: string; client_secret: string }>('POST', '/v1/me/apps', {
      name: 'Northwind Research',
      notifier_url: receiver.url,
    })
    const id = await server.openRequest(made)
    const { options } = await person.review(id)
    await person.editApp(made.client_id, form)

    await refused(await person.approveWith(id, person.passkey.assert(options)), 409, 'approval_changed')
    assert.equal(await statusOf(made, id), 'pending')
    const { approval } = await person.review(id)
    for (const text of Object.values(form)) assert.ok(approval.includes(text))
  })
}

test('a page that stood open for too long must be read again', async () => {
  const { id } = await openOne()
  const { options } = await person.review(id)
  clock.minutes(11)
  await refused(await person.approveWith(id, person.passkey.assert(options)), 409, 'review_expired')
  assert.equal((await person.approve(id)).status, 200)
})

test('a late approval and a late rejection are refused and say what became of it', async () => {
  const { client, id } = await openOne()
  const { options } = await person.review(id)
  const at = clock.now()
  clock.moveTo(Date.UTC(2026, 10, 24, 22, 0))
  for (const answer of [
    await person.approveWith(id, person.passkey.assert(options)),
    await person.reject(id),
  ]) {
    const body = await refused(answer, 409, 'request_settled')
    assert.equal(body.state, 'expired')
  }
  assert.equal(await statusOf(client, id), 'expired')
  clock.moveTo(at)
})

test('rejecting needs the session alone, and is final', async () => {
  const { client, id } = await openOne()
  const { options } = await person.review(id)
  assert.equal((await person.reject(id)).status, 200)
  const body = await refused(
    await person.approveWith(id, person.passkey.assert(options)),
    409,
    'request_settled',
  )
  assert.equal(body.state, 'rejected')
  assert.equal(await statusOf(client, id), 'rejected')
})

test('without a session, or from another site, nothing is decided', async () => {
  const { client, id } = await openOne()
  const path = `${server.origin}/v1/me/requests/${id}/reject`
  const json = { 'content-type': 'application/json' }
  const cookie = person.cookie()
  const bare = await fetch(path, { method: 'POST', headers: { ...json, origin: server.origin }, body: '{}' })
  await refused(bare, 401, 'not_signed_in')
  for (const origin of ['https://evil.example.com', 'null', '']) {
    const headers: Record<string, string> = origin ? { ...json, cookie, origin } : { ...json, cookie }
    await refused(await fetch(path, { method: 'POST', headers, body: '{}' }), 403, 'cross_origin')
  }
  assert.equal(await statusOf(client, id), 'pending')
})

test('the evidence of an approval verifies offline, and nothing in it can be changed', async () => {
  const { id } = await openOne('Monthly statement')
  await person.approve(id)
  const answer = await person.call('GET', `/v1/me/requests/${id}/evidence`)
  assert.match(answer.headers.get('content-disposition') ?? '', /attachment/)
  const text = await answer.text()

  const { approval } = await verifyEvidence(text)
  assert.equal(approval.request_id, id)
  assert.equal(approval.reason, 'Monthly statement')
  assert.equal(approval.notifier_url, receiver.url)

  const evidence = JSON.parse(text)
  const forged = { ...evidence, approval: evidence.approval.replace('Monthly', 'Hourly!') }
  await assert.rejects(verifyEvidence(JSON.stringify(forged)), /does not fit what was shown/)
  const { challenge: _, ...stranger } = evidence
  stranger.passkey = { ...evidence.passkey, public_key: await foreignKey() }
  await assert.rejects(verifyEvidence(JSON.stringify(stranger)), /does not fit what was shown/)
  await assert.rejects(verifyEvidence('{}'), /a field is missing/)
  await assert.rejects(verifyEvidence('no json'), /not JSON/)
})

/** The public key of another enrolled passkey, as evidence would hold it. */
async function foreignKey(): Promise<string> {
  const other = await server.person()
  const [row] = await server.select(`select public_key from passkeys where user_id = '${other.userId}'`)
  return Buffer.from(row?.public_key as Uint8Array).toString('base64url')
}

test('there is no evidence of a rejection', async () => {
  const { id } = await openOne()
  await person.reject(id)
  await refused(await person.call('GET', `/v1/me/requests/${id}/evidence`), 404, 'request_not_found')
})

test('revoking takes back a token, and its delivery if that is on its way', async () => {
  await using dead = await startReceiver((_http, response) => response.writeHead(503).end())
  const client = await server.addClient({ user_id: person.userId, notifier_url: dead.url })
  const id = await server.openRequest(client)
  await person.approve(id)
  await dead.received(1)

  const { tokens } = await person.must<{ tokens: { id: string; request_id: string; state: string }[] }>(
    'GET',
    '/v1/me/tokens',
  )
  const token = tokens.find(({ request_id }) => request_id === id)
  assert.equal(token?.state, 'active')
  assert.equal((await person.call('DELETE', `/v1/me/tokens/${token?.id}`)).status, 204)
  assert.equal((await person.call('DELETE', `/v1/me/tokens/${token?.id}`)).status, 204)

  const status = await server.requestStatus(client, id)
  assert.equal(status.delivery?.status, 'undeliverable')
  const other = await server.person()
  await refused(await other.call('DELETE', `/v1/me/tokens/${token?.id}`), 404, 'token_not_found')
})

test('what is wrong with a call is said, and is never a fault of ours', async () => {
  const { client, id } = await openOne()
  const base = `/v1/me/requests/${id}`
  for (const body of [
    undefined,
    {},
    [],
    { credential: {} },
    { credential: 'x' },
    { credential: { id: 5 } },
  ]) {
    assert.equal((await person.call('POST', `${base}/approve`, body)).status, 400)
  }
  const { options } = await person.review(id)
  const good = person.passkey.assert(options) as { response: Record<string, unknown> }
  for (const response of [
    { clientDataJSON: 'e30' },
    { clientDataJSON: '####' },
    { ...good.response, signature: 'AAAA' },
    { ...good.response, authenticatorData: '' },
    { ...good.response, signature: 5 },
  ]) {
    const answer = await person.call('POST', `${base}/approve`, { credential: { ...good, response } })
    assert.ok([400, 403, 409].includes(answer.status), `${answer.status}`)
  }
  for (const bad of ['%00', 'x'.repeat(300), 'req_nothing', '..%2f']) {
    const answer = await person.call('GET', `/v1/me/requests/${bad}`)
    assert.ok([400, 404].includes(answer.status), `${bad}: ${answer.status}`)
  }
  for (const authorization of [
    'Basic',
    'Basic !!!',
    'Bearer x',
    `Basic ${Buffer.from('a\0:b').toString('base64')}`,
  ]) {
    const answer = await fetch(`${server.origin}/v1/requests/${id}`, { headers: { authorization } })
    assert.equal(answer.status, 401)
  }
  assert.equal((await fetch(`${server.origin}/v1/requests/${id}`, { headers: basic(client) })).status, 200)
  assert.deepEqual(
    server.lines.filter((line) => line.includes('"level":"error"')),
    [],
  )
})
