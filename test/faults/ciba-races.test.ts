import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SECOND } from '#base/clock.ts'
import {
  addInitiator,
  assertionFields,
  CIBA_GRANT,
  cibaCalls,
  errorOf,
  signingPair,
  type TestClient,
} from '../support/ciba.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startNodes } from '../support/nodes.ts'
import { startPerson } from '../support/person.ts'
import { borrowPostgres } from '../support/postgres.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, basic, heldClock, startServer } from '../support/server.ts'

// What only happens when two things happen at once, or nearly.

async function admin<T>(origin: string, path: string, body: object): Promise<T> {
  const answer = await fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.ok(answer.ok, `${path}: ${answer.status}`)
  return (await answer.json()) as T
}

/** Somebody who can approve, and an initiator that may ask them, on servers of their own process. */
async function settle(origin: string, form: Record<string, unknown> = {}) {
  const user = { handle: 'asha' }
  const made = await admin<Record<'user_id' | 'enrolment_url', string>>(origin, '/v1/admin/users', user)
  const person = await startPerson(origin, made.user_id, made.enrolment_url)
  const client = await admin<TestClient>(origin, '/v1/admin/clients', {
    kind: 'initiator',
    name: 'Northwind Agent',
    links: [made.user_id],
    ...form,
  })
  return { person, client }
}

test('47: of 50 who redeem at the same moment, over three nodes on PostgreSQL, one is given the tokens', async () => {
  await using postgres = await borrowPostgres()
  await using folder = await temporaryFolder('races')
  await using nodes = await startNodes({ count: 3, data: folder.path, database: await postgres.database() })
  const { person, client } = await settle(nodes.origin)
  const calls = cibaCalls(nodes.origin)
  const { auth_req_id, requestId } = await calls.ask(client, { login_hint: 'asha' })
  assert.equal((await person.approve(requestId)).status, 200)

  const origins = [0, 1, 2].map((nth) => nodes.node(nth).origin)
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) => cibaCalls(origins[i % 3] ?? '').poll(client, auth_req_id)),
  )
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  for (const answer of answers) {
    if (answer.status !== 200) assert.deepEqual(await errorOf(answer), [400, 'invalid_grant'])
  }
})

test('killed between the approval and the ping: the ping comes all the same, and the tokens are there', async () => {
  await using folder = await temporaryFolder('races')
  await using receiver = await startReceiver((_http, reply) => reply.writeHead(204).end())
  await using nodes = await startNodes({ count: 1, data: folder.path })
  const { person, client } = await settle(nodes.origin, {
    backchannel_token_delivery_mode: 'ping',
    backchannel_client_notification_endpoint: receiver.url,
  })
  const calls = cibaCalls(nodes.origin)
  const fields = { login_hint: 'asha', client_notification_token: 'a-token-of-the-clients-own-0123456789' }
  const { auth_req_id, requestId } = await calls.ask(client, fields)
  const credential = person.passkey.assert((await person.review(requestId)).options)
  const answered = person.approveWith(requestId, credential)
  // The moment it is said that it is approved is the first at which a ping is owed; before that nothing need be there.
  assert.equal((await answered).status, 200)
  await nodes.node(0).kill()
  nodes.startAgain(0)
  await nodes.allReady()

  const [post] = await receiver.received(1, 30_000)
  assert.deepEqual(JSON.parse(post?.body ?? ''), { auth_req_id })
  assert.equal((await calls.poll(client, auth_req_id)).status, 200)
  assert.equal(new Set(receiver.posts.map(({ headers }) => headers['webhook-id'])).size, 1)
})

test('52: at the moment of the end: a millisecond before it an approval counts, at it it is too late, and nothing is half done', async () => {
  const clock = heldClock()
  await using server = await startServer({ now: clock.now, env: { COUNTERSIGN_CIBA_HOLD: '0s' } })
  const person = await server.person({ handle: 'asha' })
  const client = await addInitiator(server, [person.userId])
  const calls = cibaCalls(server.origin)
  const decideAt = async (ms: number) => {
    const asked = await calls.ask(client, { login_hint: 'asha', requested_expiry: '10' })
    const credential = person.passkey.assert((await person.review(asked.requestId)).options)
    clock.forward(10 * SECOND + ms)
    // Who approves, who rejects and who polls, all at once.
    const [approval, rejection] = await Promise.all([
      person.approveWith(asked.requestId, credential),
      person.reject(asked.requestId),
      calls.poll(client, asked.auth_req_id),
    ])
    const decided = [approval.status, rejection.status].sort()
    return { decided, ...asked }
  }

  const before = await decideAt(-1)
  assert.deepEqual(before.decided, [200, 409], 'one of the two')
  const after = await decideAt(0)
  assert.deepEqual(after.decided, [409, 409], 'neither')
  assert.deepEqual(await errorOf(await calls.poll(client, after.auth_req_id)), [400, 'expired_token'])
  const made = await server.select(`select id from tokens where request_id = '${after.requestId}'`)
  assert.equal(made.length, 0)
})

test('32: a client whose clock is a minute ahead or behind is served; five minutes are too many', async () => {
  const clock = heldClock()
  await using server = await startServer({ now: clock.now, env: { COUNTERSIGN_CIBA_HOLD: '0s' } })
  const person = await server.person({ handle: 'asha' })
  const pair = await signingPair('PS256')
  const { client_id } = await addInitiator(server, [person.userId], {
    token_endpoint_auth_method: 'private_key_jwt',
    backchannel_authentication_request_signing_alg: 'PS256',
    jwks: pair.jwks,
  })
  const calls = cibaCalls(server.origin)
  /** All that it signs, by its own clock. */
  const askAt = async (skew: number) => {
    const now = Math.floor(clock.now() / SECOND) + skew
    const own = () => ({
      iss: client_id,
      aud: server.origin,
      iat: now,
      nbf: now,
      exp: now + 60,
      jti: crypto.randomUUID(),
    })
    const request = await pair.sign({ ...own(), scope: 'openid', login_hint: 'asha' })
    const assertion = await pair.sign({ ...own(), sub: client_id })
    return calls.post('/bc-authorize', { request, ...assertionFields(assertion) })
  }
  for (const skew of [-60, -59, 0, 59, 60]) assert.equal((await askAt(skew)).status, 200, `${skew} s`)
  for (const skew of [-300, 300]) assert.deepEqual(await errorOf(await askAt(skew)), [401, 'invalid_client'])
})

test('49: of two polls of the same request that overlap, one is given the tokens', async () => {
  await using server = await startServer({ env: { COUNTERSIGN_CIBA_HOLD: '5s' } })
  const person = await server.person({ handle: 'asha' })
  const client = await addInitiator(server, [person.userId])
  const calls = cibaCalls(server.origin)
  const { auth_req_id, requestId } = await calls.ask(client, { login_hint: 'asha' })
  const fields = { grant_type: CIBA_GRANT, auth_req_id }
  // Two overlapping polls: the tokens go to one of them, and the other learns nothing of them.
  const both = [0, 1].map(() => calls.post('/token', fields, basic(client)))
  await person.approve(requestId)
  const answers = await Promise.all(both)
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
})
