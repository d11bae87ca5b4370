import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { compactDecrypt } from 'jose'
import { Webhook } from 'standardwebhooks'
import { jsonLog } from '#base/log.ts'
import { createVault } from '#base/seal.ts'
import { readScopes } from '#clients/catalogue.ts'
import { upstoxPayload } from '#protocols/upstox/payload.ts'
import { approveRequest } from '#requests/approve.ts'
import type { Transaction } from '#store/database.ts'
import { openSigningKeys } from '#tokens/keys.ts'
import { openStore } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { openVault } from '../../src/keys.ts'
import { runCommand } from '../support/command.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer, type TestServer } from '../support/server.ts'

interface App {
  client_id: string
  client_secret: string
  signing_secret: string
}

let server: TestServer
let person: Person
before(async () => {
  server = await startServer()
  person = await server.person()
})
after(() => server[Symbol.asyncDispose]())

const pairs = {
  'ECDH-ES+A256KW': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'RSA-OAEP-256': generateKeyPairSync('rsa', { modulusLength: 2048 }),
}
const jwkOf = (alg: keyof typeof pairs) => pairs[alg].publicKey.export({ format: 'jwk' })

const makeApp = (notifier_url: string, encryption_key: object) =>
  person.must<App>('POST', '/v1/me/apps', { name: 'Northwind Research', notifier_url, encryption_key })

async function decrypt(body: string, key: KeyObject) {
  const { plaintext } = await compactDecrypt(body, key)
  return JSON.parse(Buffer.from(plaintext).toString('utf8')) as Record<string, string>
}

for (const alg of ['ECDH-ES+A256KW', 'RSA-OAEP-256'] as const) {
  test(`a delivery to a client with a key is a signed JWE of the seven fields: ${alg}`, async () => {
    await using receiver = await startReceiver()
    const app = await makeApp(receiver.url, jwkOf(alg))
    const id = await server.openRequest(app)
    assert.equal((await person.approve(id)).status, 200)
    const [post] = await receiver.received(1)
    assert.ok(post)

    assert.equal(post.headers['content-type'], 'application/jose')
    const headers = post.headers as Record<string, string>
    new Webhook(app.signing_secret).verify(post.body, headers, { jsonParse: false })
    const payload = await decrypt(post.body, pairs[alg].privateKey)
    assert.deepEqual(Object.keys(payload), [
      'client_id',
      'user_id',
      'access_token',
      'token_type',
      'expires_at',
      'issued_at',
      'message_type',
    ])
    assert.equal(payload.client_id, app.client_id)
    const out = await fetch(`${server.origin}/v2/logout`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${payload.access_token}`, accept: 'application/json' },
    })
    assert.equal(out.status, 200, 'the token is good')
  })
}

test('with a key registered no plain token is kept anywhere, whatever the receiver echoes, and our own keys do not open it', async () => {
  const { privateKey } = pairs['ECDH-ES+A256KW']
  let token = ''
  await using receiver = await startReceiver((_http, response) => {
    void decrypt(receiver.posts.at(-1)?.body ?? '', privateKey).then((payload) => {
      token = payload.access_token ?? ''
      response.writeHead(500).end(`I got ${JSON.stringify(payload)} in ${receiver.posts.at(-1)?.body}`)
    })
  })
  const app = await makeApp(receiver.url, jwkOf('ECDH-ES+A256KW'))
  const id = await server.openRequest(app)
  await person.approve(id)
  await receiver.received(1)
  const attempt = await endedAttempt(app, id)

  assert.match(token, /^eyJ/)
  assert.match(attempt.response, /^I got .*"access_token":"\[access token\]"/)
  for (const secret of [token, token.split('.')[2] ?? '']) await assertNowhere(secret)

  const delivery = await deliveryOf(app, id)
  const [row] = await server.select(`select sealed from delivery_payloads where delivery_id = '${delivery}'`)
  const masterKey = Buffer.from(await readFile(join(server.folder, 'master.key'), 'utf8'), 'base64')
  const opened = createVault(masterKey).open(
    `delivery_payload:${delivery}:${app.client_id}`,
    row?.sealed as Uint8Array,
  )
  assert.equal(opened.toString(), receiver.posts[0]?.body, 'what is sealed is the ciphertext')
  assert.equal((await decrypt(opened.toString(), privateKey)).access_token, token)
})

test('without a key nothing changes, and an echoed token is not kept either', async () => {
  await using receiver = await startReceiver((_http, response) => {
    const { access_token } = JSON.parse(receiver.posts.at(-1)?.body ?? '{}')
    // Cut short, as a receiver's log might have it.
    response.writeHead(500).end(`bad token ${access_token} / ${access_token.slice(0, 60)}`)
  })
  const app = await person.must<App>('POST', '/v1/me/apps', { name: 'Plain', notifier_url: receiver.url })
  const id = await server.openRequest(app)
  await person.approve(id)
  const [post] = await receiver.received(1)
  assert.equal(post?.headers['content-type'], 'application/json')
  const { response } = await endedAttempt(app, id)
  assert.equal(response, 'bad token [access token] / [access token]')
})

for (const [what, change] of [
  ['changed', jwkOf('RSA-OAEP-256')],
  ['taken away', null],
] as const) {
  test(`a key that is ${what} after the payload was encrypted to it voids the approval`, async () => {
    await using receiver = await startReceiver()
    const app = await makeApp(receiver.url, jwkOf('ECDH-ES+A256KW'))
    const id = await server.openRequest(app)
    const credential = person.passkey.assert((await person.review(id)).options)

    // The same approval as the server's, with the change just before its transaction.
    const config = readConfig({ ...server.storeEnv, COUNTERSIGN_DEV: '1' })
    const db = await openStore(config, Date.now)
    const vault = await openVault(db, config)
    const keys = await openSigningKeys({ db, now: Date.now, vault, log: jsonLog(() => {}) })
    const context = {
      db: {
        ...db,
        async transaction<T>(work: (tx: Transaction) => Promise<T>) {
          await person.must('PATCH', `/v1/me/apps/${app.client_id}`, { encryption_key: change })
          return db.transaction(work)
        },
      },
      now: Date.now,
      vault,
      site: { origin: server.origin, rpId: 'localhost' },
      issuer: { issuer: server.origin, audience: server.origin, audiences: [server.origin], keys },
      catalogue: { scopes: readScopes(), details: new Map() },
      payloads: { upstox: upstoxPayload },
    }
    await assert.rejects(approveRequest(context, person.userId, id, credential as never, null), {
      code: 'approval_changed',
    })
    await db.close()

    // Nothing was decided, and the same review may be answered once more.
    assert.equal((await person.approveWith(id, credential)).status, 200)
    const [post] = await receiver.received(1)
    assert.equal(post?.headers['content-type'], change ? 'application/jose' : 'application/json')
    if (change) assert.ok((await decrypt(post?.body ?? '', pairs['RSA-OAEP-256'].privateKey)).access_token)
  })
}

test('a key is shown by its kid and alg, can be changed and taken away, and a bad one is refused with a sentence', async () => {
  const app = await makeApp('http://127.0.0.1:9/token', { ...jwkOf('ECDH-ES+A256KW'), kid: 'first' })
  const path = `/v1/me/apps/${app.client_id}`
  const shown = async () => (await person.must<{ encryption_key: object | null }>('GET', path)).encryption_key
  assert.deepEqual(await shown(), { kid: 'first', alg: 'ECDH-ES+A256KW' })
  await person.must('PATCH', path, { name: 'Another name' })
  assert.deepEqual(await shown(), { kid: 'first', alg: 'ECDH-ES+A256KW' })
  await person.must('PATCH', path, { encryption_key: { ...jwkOf('RSA-OAEP-256'), kid: 'second' } })
  assert.deepEqual(await shown(), { kid: 'second', alg: 'RSA-OAEP-256' })

  const secret = pairs['RSA-OAEP-256'].privateKey.export({ format: 'jwk' })
  const refused = await person.call('PATCH', path, { encryption_key: secret })
  const problem = (await refused.json()) as { code: string; detail: string }
  assert.equal(refused.status, 400)
  assert.equal(problem.code, 'encryption_key_refused')
  assert.match(problem.detail, /private key/)
  for (const bad of ['x', 5, [], { kty: 'oct', k: 'AAAA' }, {}]) {
    assert.equal((await person.call('PATCH', path, { encryption_key: bad })).status, 400)
  }
  assert.deepEqual(await shown(), { kid: 'second', alg: 'RSA-OAEP-256' })

  await person.must('PATCH', path, { encryption_key: null })
  assert.equal(await shown(), null)
})

test('the operator can register a client with a key, by the API and by the command line', async () => {
  await using receiver = await startReceiver()
  const jwk = jwkOf('ECDH-ES+A256KW')
  const byApi = await server.addClient({
    user_id: person.userId,
    notifier_url: receiver.url,
    encryption_key: jwk,
  })
  const file = join(server.folder, 'public.jwk')
  await writeFile(file, JSON.stringify(jwk))
  const words = ['client', 'add', '--individual', person.userId, '--name', 'Tool', '--notifier', receiver.url]
  const env = { ...server.storeEnv, COUNTERSIGN_DEV: '1' }
  const run = await runCommand([...words, '--encryption-key', file, '--json'], env)
  assert.equal(run.code, 0, run.err)
  for (const app of [byApi, JSON.parse(run.out)]) await person.approve(await server.openRequest(app))
  for (const { body } of await receiver.received(2)) {
    assert.ok((await decrypt(body, pairs['ECDH-ES+A256KW'].privateKey)).access_token)
  }

  await writeFile(file, 'no key')
  const bad = await runCommand([...words, '--encryption-key', file], env)
  assert.equal(bad.code, 1)
  assert.match(bad.err, /one public key as a JWK/)
  assert.match((await runCommand([...words, '--encryption-key', '/nowhere'], env)).err, /cannot be read/)
})

test('the sealed bytes of one row do not open in another', async () => {
  await using dead = await startReceiver((_http, response) => response.writeHead(503).end())
  const app = await server.addClient({ user_id: person.userId, notifier_url: dead.url })
  const ids = [await server.openRequest(app)]
  await person.approve(ids[0] ?? '')
  ids.push(await server.openRequest(app))
  await person.approve(ids[1] ?? '')
  await dead.received(2)
  const [one, two] = await Promise.all(ids.map((id) => deliveryOf(app, id)))
  const [row] = await server.select(`select sealed from delivery_payloads where delivery_id = '${one}'`)
  const vault = createVault(Buffer.from(await readFile(join(server.folder, 'master.key'), 'utf8'), 'base64'))
  const sealed = row?.sealed as Uint8Array
  assert.match(vault.open(`delivery_payload:${one}:${app.client_id}`, sealed).toString(), /access_token/)
  assert.throws(() => vault.open(`delivery_payload:${two}:${app.client_id}`, sealed), /does not open/)
})

const deliveryOf = async (app: App, id: string) => (await server.requestStatus(app, id)).delivery?.id ?? ''

async function endedAttempt(app: App, id: string): Promise<{ response: string }> {
  const delivery = await deliveryOf(app, id)
  const path = `/v1/me/apps/${app.client_id}/deliveries/${delivery}/attempts`
  for (;;) {
    const { attempts } = await person.must<{ attempts: { state: string; response: string }[] }>('GET', path)
    if (attempts[0] && attempts[0].state !== 'started') return attempts[0]
  }
}

/** Neither in the files of the store, its log of writes, nor in what was logged. */
async function assertNowhere(secret: string) {
  assert.ok(!server.lines.some((line) => line.includes(secret)))
  if (server.storeEnv.COUNTERSIGN_DATABASE === undefined) {
    for (const name of ['countersign.db', 'countersign.db-wal']) {
      const bytes = await readFile(join(server.folder, name))
      assert.equal(bytes.includes(secret), false, name)
      assert.equal(bytes.includes(Buffer.from(secret.split('.').at(-1) ?? '', 'base64url')), false, name)
    }
    return
  }
  const tables = await server.select("select tablename from pg_tables where schemaname = 'public'")
  const hex = Buffer.from(secret).toString('hex')
  for (const { tablename } of tables) {
    const rows = await server.select(`select t::text as row from ${tablename} t`)
    for (const { row } of rows)
      assert.ok(![secret, hex].some((each) => String(row).includes(each)), `${tablename}`)
  }
}
