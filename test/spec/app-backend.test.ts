import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { verifyEvidence } from '#requests/evidence.ts'
import { startAppBackend } from '../../demo/app-backend.ts'
import { createPasskey } from '../../demo/passkey.ts'
import { startSession } from '../../demo/person.ts'
import { readBody } from '../../demo/whatsapp/api.ts'
import type { ContactCard } from '../../src/api/contract.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, startServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const SECRET = `whsec_${randomBytes(32).toString('base64')}`
const ANDROID = `android:apk-key-hash:${randomBytes(32).toString('base64url')}`

const envFor = (url: string) => ({
  COUNTERSIGN_APP_BACKEND_URL: url,
  COUNTERSIGN_APP_BACKEND_SECRET: SECRET,
  COUNTERSIGN_APP_ORIGINS: ANDROID,
})

test('an operator’s own app is told, shows the request, and approves it by the user’s passkey: no page of ours is opened', async () => {
  await using receiver = await startReceiver()
  await using backend = await startAppBackend(SECRET)
  await using server = await startServer({ env: envFor(backend.url) })

  // In the app: the one-time link is opened by it, and the passkey is made under the app's own origin.
  const { user_id, enrolment_url } = await server.addUser({ user_id: 'client-code-7' })
  const passkey = createPasskey(ANDROID)
  const phone = startSession(server.origin)
  const asApp = { origin: ANDROID }
  const call = async (path: string, body: object) => {
    const answer = await phone.call('POST', path, body, asApp)
    assert.ok(answer.ok, `${path}: ${answer.status} ${answer.ok ? '' : await answer.text()}`)
    return answer.json()
  }
  const token = new URL(enrolment_url).hash.slice(1)
  const { options } = await call('/v1/enrolment/options', { token })
  await call('/v1/enrolment', { token, credential: passkey.register(options), label: 'Broker app' })

  const app = await server.addClient({ user_id, notifier_url: receiver.url })
  const id = await server.openRequest(app, 'Rebalance')
  const told = await backend.nextFor('client-code-7', 'request.waiting')
  assert.equal(told.data.request_id, id)
  assert.equal(told.data.client.name, 'Northwind Research')
  assert.ok(!JSON.stringify(told).includes('Rebalance'), 'the reason stays behind the session')

  const shown = await fetch(`${server.origin}/v1/notices/shown`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...asApp },
    body: JSON.stringify({ receipt: told.data.receipt }),
  })
  assert.equal(shown.status, 204)

  const review = await call(`/v1/me/requests/${id}/review`, {})
  await call(`/v1/me/requests/${id}/approve`, { credential: passkey.assert(review.options) })
  await receiver.received(1)

  const evidence = await (await phone.call('GET', `/v1/me/requests/${id}/evidence`)).text()
  assert.equal(JSON.parse(evidence).origin, ANDROID)
  assert.equal((await verifyEvidence(evidence)).approval.request_id, id)
})

test('an app whose origin is not named can neither call nor sign', async () => {
  await using backend = await startAppBackend(SECRET)
  await using server = await startServer({ env: envFor(backend.url) })
  const { enrolment_url } = await server.addUser()
  const stranger = `android:apk-key-hash:${randomBytes(32).toString('base64url')}`
  const token = new URL(enrolment_url).hash.slice(1)
  const phone = startSession(server.origin)
  const refused = await phone.call('POST', '/v1/enrolment/options', { token }, { origin: stranger })
  assert.equal(refused.status, 403)
  const { options } = await (
    await phone.call('POST', '/v1/enrolment/options', { token }, { origin: ANDROID })
  ).json()
  const passkey = createPasskey(stranger)
  const enrolment = { token, credential: passkey.register(options) }
  assert.equal((await phone.call('POST', '/v1/enrolment', enrolment, { origin: ANDROID })).status, 403)
})

test('the official library verifies what the back end gets, and the outcome is told as well', async () => {
  const calls: { headers: Record<string, string>; body: string }[] = []
  await using backend = await listen(async (http, reply) => {
    calls.push({ headers: http.headers as Record<string, string>, body: (await readBody(http)).toString() })
    reply.writeHead(200).end('ok')
  })
  await using server = await startServer({ env: envFor(backend.url) })
  const asha = await server.person()
  const app = await server.addClient({ user_id: asha.userId, notifier_url: 'http://127.0.0.1:9/' })
  const id = await server.openRequest(app)
  await until(() => calls.length === 1)
  await until(async () => (await server.select("select id from notices where state = 'sent'")).length === 1)
  await asha.reject(id)
  await until(() => calls.length === 2)
  const types = calls.map(({ headers, body }) => (new Webhook(SECRET).verify(body, headers) as Told).type)
  assert.deepEqual(types, ['request.waiting', 'request.rejected'])
})

test('a back end that is down is tried again; one that knows no such user is not asked of them again', async () => {
  const answers = [503, 200, 410]
  let calls = 0
  await using backend = await listen(async (http, reply) => {
    await readBody(http)
    reply.writeHead(answers[calls] ?? 200).end()
    calls += 1
  })
  await using server = await startServer({ env: envFor(backend.url) })
  const asha = await server.person()
  const app = await server.addClient({ user_id: asha.userId, notifier_url: 'http://127.0.0.1:9/' })
  const other = await server.addClient({
    user_id: asha.userId,
    name: 'Other',
    notifier_url: 'http://127.0.0.1:9/',
  })
  await server.openRequest(app)
  await until(() => calls === 2)
  await server.openRequest(other)
  await until(
    async () => (await server.select("select id from contacts where state = 'unreachable'")).length === 1,
  )
  assert.equal(calls, 3)
})

test('users that were there before the app are told by it too', async () => {
  await using backend = await startAppBackend(SECRET)
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'))
  const before = await startServer({ data: folder })
  await before.addUser({ user_id: 'early' })
  await before.stop()
  await using server = await startServer({
    env: { ...envFor(backend.url), ...before.storeEnv },
    data: folder,
  })
  const contacts = await server.select("select address from contacts where channel = 'http'")
  assert.deepEqual(
    contacts.map(({ address }) => address),
    ['early'],
  )
})

test('whoever took the app away is not told by it again, also after the next start, until they wish so', async () => {
  const calls: string[] = []
  await using backend = await listen(async (http, reply) => {
    calls.push((await readBody(http)).toString())
    reply.writeHead(200).end()
  })
  const data = await mkdtemp(join(tmpdir(), 'countersign-'))
  const env = envFor(backend.url)
  const before = await startServer({ env, data })
  const asha = await before.person()
  const ravi = await before.person({ handle: 'ravi' })
  const contactOf = async (person: typeof asha) =>
    (await person.must<{ contacts: ContactCard[] }>('GET', '/v1/me/contacts')).contacts[0]
  const [own, other] = [await contactOf(asha), await contactOf(ravi)]
  const remove = async () => (await asha.call('DELETE', `/v1/me/contacts/${own?.id}`)).status
  assert.equal(await remove(), 204)
  assert.equal((await asha.call('DELETE', `/v1/me/contacts/${other?.id}`)).status, 404)
  assert.equal((await asha.call('POST', `/v1/me/contacts/${other?.id}/resume`)).status, 404)
  assert.equal((await contactOf(asha))?.state, 'removed')

  assert.equal((await asha.call('POST', `/v1/me/contacts/${own?.id}/resume`)).status, 204)
  const form = { user_id: asha.userId, notifier_url: 'http://127.0.0.1:9/' }
  await before.openRequest(await before.addClient(form))
  await until(() => calls.length === 1)

  assert.equal(await remove(), 204)
  const byOperator = await fetch(`${before.origin}/v1/admin/users/${ravi.userId}/contacts/${other?.id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${ADMIN_KEY}` },
  })
  assert.equal(byOperator.status, 204)
  await before.stop()

  await using server = await startServer({ env: { ...env, ...before.storeEnv }, data })
  const states = await server.select("select state from contacts where channel = 'http'")
  assert.deepEqual(
    states.map(({ state }) => state),
    ['removed', 'removed'],
  )
  await server.openRequest(await server.addClient({ ...form, name: 'Another' }))
  assert.equal((await server.select('select id from notices')).length, 1)
})

interface Told {
  type: string
}

async function listen(answer: Parameters<typeof createServer>[1]) {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
