import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { DAY } from '#base/clock.ts'
import { createVault } from '#base/seal.ts'
import { sql } from '#store/sql.ts'
import { openStore } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { runCommand } from '../support/command.ts'
import { startEndpoint, testTls } from '../support/outside.ts'
import type { Person } from '../support/person.ts'
import { ADMIN_KEY, startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let server: TestServer
let person: Person
before(async () => {
  server = await startServer({ env: { COUNTERSIGN_NOTIFIER_PROOF: 'reachable' } })
  person = await server.person()
})
after(() => server[Symbol.asyncDispose]())

const { ca, client } = testTls
const form = { certificate: client.cert, private_key: client.key, ca }
const FINGERPRINT = /^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/

/** An endpoint that takes calls of clients of the test authority alone, and is known by that authority alone. */
const startStrict = () => startEndpoint({ tls: { requestCert: true, rejectUnauthorized: true, ca } })
const urlOf = ({ port }: { port: number }) => `https://localhost:${port}/token`

interface App {
  client_id: string
  client_secret: string
  tls: Tls | null
  notifier: { state: string; note: string | null }
}
interface Tls {
  certificate: { subject: string; fingerprint: string; expires_at: number } | null
  authorities: { subject: string }[]
  ends_at: number
}

const addApp = (notifier_url: string) =>
  person.must<App>('POST', '/v1/me/apps', { name: 'Northwind Research', notifier_url })
const pathOf = (app: App) => `/v1/me/apps/${app.client_id}`
const shown = (app: App) => person.must<App>('GET', pathOf(app))

test('an endpoint that demands a client certificate is proven, tested and delivered to with it, and not without', async () => {
  await using endpoint = await startStrict()
  const app = await addApp(urlOf(endpoint))
  assert.equal((await shown(app)).notifier.state, 'unproven')
  const ask = () => server.ask(app.client_id, { client_secret: app.client_secret })
  assert.equal((await ask()).status, 400)

  // Known by its authority, but shown no certificate yet.
  await person.must('PUT', `${pathOf(app)}/tls`, { ca })
  assert.equal((await shown(app)).notifier.state, 'unproven')
  assert.equal(endpoint.posts.length, 0)

  const tls = await person.must<Tls>('PUT', `${pathOf(app)}/tls`, form)
  assert.equal(tls.certificate?.subject, 'O=Countersign tests only, CN=client')
  assert.match(tls.certificate?.fingerprint ?? '', FINGERPRINT)
  assert.equal(tls.certificate?.expires_at, Date.UTC(2125, 11, 31))
  assert.equal(tls.ends_at, Date.UTC(2125, 11, 31))
  assert.equal(tls.authorities.length, 1)
  const card = await shown(app)
  assert.deepEqual(card.tls, tls)
  assert.equal(card.notifier.state, 'proven')

  const trial = await person.must<{ status: number }>('POST', `${pathOf(app)}/test-delivery`, {})
  assert.equal(trial.status, 200)
  await person.approve(await server.openRequest(app))
  await until(() => endpoint.posts.length === 3, 15_000)
  assert.deepEqual(
    endpoint.posts.map(({ client, body }) => [client, JSON.parse(body).message_type]),
    [
      ['client', 'check'],
      ['client', 'test'],
      ['client', 'access_token'],
    ],
  )

  assert.equal((await person.call('DELETE', `${pathOf(app)}/tls`)).status, 204)
  const without = await shown(app)
  assert.equal(without.tls, null)
  assert.equal(without.notifier.state, 'unproven')
  assert.equal(endpoint.posts.length, 3)
})

test('a change holds from the next attempt on, also for what waits already', async () => {
  await using endpoint = await startStrict()
  const app = await addApp(urlOf(endpoint))
  await person.must('PUT', `${pathOf(app)}/tls`, form)
  const id = await server.openRequest(app)
  // What is trusted now is another certificate than the one that the endpoint has.
  await person.must('PUT', `${pathOf(app)}/tls`, { ca: client.cert })
  await person.approve(id)
  await until(async () => (await server.requestStatus(app, id)).delivery?.status === 'queued', 15_000)
  assert.equal(endpoint.posts.filter(({ body }) => body.includes('access_token')).length, 0)

  await person.must('PUT', `${pathOf(app)}/tls`, form)
  await until(async () => (await server.requestStatus(app, id)).delivery?.status === 'delivered', 15_000)
  assert.equal(endpoint.posts.at(-1)?.client, 'client')
})

test('the very certificate of an endpoint may be named as what is trusted, and then no other is', async () => {
  await using endpoint = await startEndpoint()
  const app = await addApp(urlOf(endpoint))
  assert.match((await shown(app)).notifier.note ?? '', /not of a known authority/)
  await person.must('PUT', `${pathOf(app)}/tls`, { ca: testTls.server.cert })
  assert.equal((await shown(app)).notifier.state, 'proven')
  await person.must('PUT', `${pathOf(app)}/tls`, { ca: client.cert })
  assert.match((await shown(app)).notifier.note ?? '', /not of a known authority/)
})

for (const [what, body, says] of [
  ['nothing', {}, /Give “certificate”/],
  [
    'a certificate without its key',
    { certificate: client.cert },
    /“private_key” of the certificate is missing/,
  ],
  ['a key without its certificate', { private_key: client.key, ca }, /“certificate” is missing/],
  ['the key of another certificate', { ...form, private_key: testTls.server.key }, /not that of the first/],
  [
    'a certificate that has ended',
    { certificate: testTls.expired.cert, private_key: testTls.expired.key },
    /ended on 20/,
  ],
  ['an authority that has ended', { ca: testTls.expired.cert }, /ended on 20/],
  ['a certificate that is no PEM', { ...form, certificate: 'MIIB' }, /“certificate” must be PEM/],
  ['an authority that is no PEM', { ca: client.key }, /“ca” must be PEM/],
  ['a damaged certificate', { ...form, certificate: client.cert.replace(/\n[^-]{20}/, '\nAAAA') }, /damaged/],
  ['a key that is none', { ...form, private_key: client.cert }, /one private key as PEM/],
  [
    'a key under a passphrase',
    {
      ...form,
      private_key: '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA\n-----END ENCRYPTED PRIVATE KEY-----',
    },
    /passphrase/,
  ],
  ['an authority too many', { ca: ca.repeat(21) }, /more than 20/],
] as const) {
  test(`refused with a sentence, and nothing is changed: ${what}`, async () => {
    const app = await addApp('http://127.0.0.1:9/token')
    await person.must('PUT', `${pathOf(app)}/tls`, form)
    const before = await shown(app)
    const refused = await person.call('PUT', `${pathOf(app)}/tls`, body)
    const problem = (await refused.json()) as { code: string; detail: string }
    assert.equal(refused.status, 400)
    assert.equal(problem.code, 'tls_refused')
    assert.match(problem.detail, says)
    assert.deepEqual((await shown(app)).tls, before.tls)
  })
}

test('what is not a text, or too long, is refused, and only the owner may set or remove it', async () => {
  const app = await addApp('http://127.0.0.1:9/token')
  for (const body of [{ ca: 5 }, { ca: 'x'.repeat(40_001) }, []]) {
    assert.equal((await person.call('PUT', `${pathOf(app)}/tls`, body)).status, 400)
  }
  const other = await server.person()
  assert.equal((await other.call('PUT', `${pathOf(app)}/tls`, form)).status, 404)
  assert.equal((await other.call('DELETE', `${pathOf(app)}/tls`)).status, 404)
  assert.equal((await shown(app)).tls, null)
})

test('the private key lies sealed in its own row, and is in no answer, no event and no line of the log', async () => {
  const app = await addApp('http://127.0.0.1:9/token')
  const answer = await person.call('PUT', `${pathOf(app)}/tls`, {
    ...form,
    certificate: client.cert + client.key,
  })
  const secret = client.key.split('\n')[1] ?? ''
  assert.ok(secret.length > 40)
  assert.doesNotMatch(await answer.text(), /PRIVATE/)
  assert.doesNotMatch(JSON.stringify(await shown(app)), /PRIVATE/)
  assert.ok(!server.lines.some((line) => line.includes(secret)))

  const [row] = await server.select(`select * from client_tls where client_id = '${app.client_id}'`)
  assert.doesNotMatch(JSON.stringify(row), /PRIVATE/)
  const sealed = Buffer.from(row?.sealed_key as Uint8Array)
  assert.equal(sealed.includes(secret), false)
  const vault = createVault(Buffer.from(await readFile(join(server.folder, 'master.key'), 'utf8'), 'base64'))
  const place = (id: unknown) => `client_tls:${id}:${app.client_id}`
  assert.match(vault.open(place(row?.id), sealed).toString(), /BEGIN PRIVATE KEY/)
  assert.throws(() => vault.open(place('tls_other'), sealed), /does not open/)
  const [event] = await server.select(
    `select detail from events where kind = 'app_tls_set' and client_id = '${app.client_id}'`,
  )
  assert.match(String(event?.detail), /CN=client/)
})

test('a change of the master key puts the private key under the new one, and it is used from there', async () => {
  await using own = await startServer()
  const owner = await own.person()
  await using endpoint = await startStrict()
  const app = await owner.must<App>('POST', '/v1/me/apps', { name: 'App', notifier_url: urlOf(endpoint) })
  await owner.must('PUT', `${pathOf(app)}/tls`, form)
  const run = await runCommand(['keys', 'rotate', '--one-folder'], own.storeEnv)
  assert.equal(run.code, 0, run.err)
  assert.match(run.out, /client_tls: 1 done/)
  const id = await own.openRequest(app)
  // A server that had nothing to seal all the while looks first at the keys that it finds changed.
  await until(async () => (await owner.approve(id)).status === 200, 15_000)
  await until(() => endpoint.posts.length === 1, 15_000)
  assert.equal(endpoint.posts[0]?.client, 'client')
})

test('the operator sets and removes it, by the API and by the command line; the doctor tells of an end that is near', async () => {
  await using endpoint = await startStrict()
  const app = await server.addClient({ user_id: person.userId, notifier_url: urlOf(endpoint) })
  const admin = (method: string, id: string, body?: unknown) =>
    fetch(`http://127.0.0.1:${server.port}/v1/admin/clients/${id}/tls`, {
      method,
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
  const set = await admin('PUT', app.client_id, form)
  assert.equal(set.status, 200)
  assert.equal(((await set.json()) as Tls).certificate?.subject, 'O=Countersign tests only, CN=client')
  await until(() => endpoint.posts.length > 0, 15_000)
  assert.equal((await admin('PUT', 'nobody', form)).status, 404)
  assert.equal(
    (await fetch(`http://127.0.0.1:${server.port}/v1/admin/clients/x/tls`, { method: 'PUT' })).status,
    401,
  )
  assert.equal((await admin('DELETE', app.client_id)).status, 204)
  const kept = () => server.select(`select * from client_tls where client_id = '${app.client_id}'`)
  assert.equal((await kept()).length, 0)

  const env = { ...server.storeEnv, COUNTERSIGN_DEV: '1' }
  const files = {
    certificate: join(server.folder, 'c.pem'),
    key: join(server.folder, 'k.pem'),
    ca: join(server.folder, 'a.pem'),
  }
  await Promise.all([
    writeFile(files.certificate, client.cert),
    writeFile(files.key, client.key),
    writeFile(files.ca, ca),
  ])
  const words = ['client', 'tls', app.client_id]
  const run = await runCommand(
    [...words, '--certificate', files.certificate, '--key', files.key, '--ca', files.ca],
    env,
  )
  assert.equal(run.code, 0, run.err)
  assert.match(run.out, /shown {4}O=Countersign tests only, CN=client, until 2125-12-31, SHA-256/)
  assert.doesNotMatch(run.out, /PRIVATE/)
  assert.equal((await kept()).length, 1)

  const calm = await runCommand(['doctor'], env)
  assert.match(calm.out, /ok {3}certificates of apps: none ends within 30 days/)
  const db = await openStore(readConfig(env), Date.now)
  for (const [days, says] of [
    [29, /soon certificates of apps: Northwind Research \(.*\) ends on/],
    [-1, /bad {2}certificates of apps: Northwind Research \(.*\) ended on/],
  ] as const) {
    await db.transaction((tx) => tx.run(sql`update client_tls set ends_at = ${Date.now() + days * DAY}`))
    assert.match((await runCommand(['doctor'], env)).out, says)
  }

  await db.close()

  const bad = await runCommand([...words, '--certificate', files.ca, '--key', files.key], env)
  assert.equal(bad.code, 1)
  assert.match(bad.err, /not that of the first certificate/)
  assert.match((await runCommand([...words, '--ca', '/nowhere'], env)).err, /cannot be read/)
  assert.match((await runCommand(words, env)).err, /Usage/)
  assert.equal((await runCommand([...words, '--remove'], env)).code, 0)
  assert.equal((await kept()).length, 0)
})
