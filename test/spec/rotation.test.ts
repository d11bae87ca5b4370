import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { createVault, fixedRing, toMasterKey } from '#base/seal.ts'
import { addSigningSecret } from '#clients/signing.ts'
import { openStore } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { openVault } from '../../src/keys.ts'
import { runCommand } from '../support/command.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const keysIn = async (server: TestServer) =>
  (await readFile(join(server.folder, 'master.key'), 'utf8'))
    .split('\n')
    .filter(Boolean)
    .map((line) => Buffer.from(line, 'base64'))

const rotate = (server: TestServer) => runCommand(['keys', 'rotate', '--one-folder'], server.storeEnv)

// Each has a server of its own; most of their time is the wait for running servers.
describe('a change of the master key', { concurrency: true }, () => {
  test('the master key is changed under load: nothing is lost, and nothing opens with only the older key', async () => {
    await using receiver = await startReceiver()
    let isDead = true
    await using dead = await startReceiver((_http, response) => response.writeHead(isDead ? 503 : 200).end())
    await using server = await startServer({ env: { COUNTERSIGN_UPSTOX_RATE_LIMIT: '100000/1s' } })
    const [older] = await keysIn(server)
    const person = await server.person()

    // What lies sealed all the while: a delivery that is not taken, and a code that is not redeemed yet.
    const late = await person.must<App>('POST', '/v1/me/apps', { name: 'Late', notifier_url: dead.url })
    const lateId = await server.openRequest(late)
    await person.approve(lateId)
    await dead.received(1)
    const redirect = 'https://app.example.com/back'
    const web = await server.addClient({ user_id: person.userId, redirect_url: redirect })
    const code = await codeFor(person, web, redirect)

    const askers = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const asker = await server.person()
        const form = { user_id: asker.userId, notifier_url: receiver.url }
        return { asker, client: await server.addClient(form) }
      }),
    )
    let isOver = false
    const approved: string[] = []
    const load = askers.map(async ({ asker, client }) => {
      while (!isOver) {
        const id = await server.openRequest(client)
        assert.equal((await asker.approve(id)).status, 200)
        approved.push(id)
        await pause(50)
      }
    })
    const run = await rotate(server)
    isOver = true
    await Promise.all(load)
    assert.equal(run.code, 0, run.err + run.out)
    assert.match(run.out, /Added a new master key/)
    for (const table of [
      'store_facts',
      'signing_keys',
      'authorization_codes',
      'signing_secrets',
      'delivery_payloads',
    ])
      assert.match(run.out, new RegExp(`${table}: \\d`))

    const keys = await keysIn(server)
    assert.equal(keys.length, 1)
    assert.notDeepEqual(keys[0], older)
    assert.equal((await stat(join(server.folder, 'master.key'))).mode & 0o077, 0)
    await assertAllUnder(server, keys[0] ?? Buffer.alloc(0), older ?? Buffer.alloc(0))

    assert.ok(approved.length > 20, `${approved.length} approvals are too few to show anything`)
    await receiver.received(approved.length, 20_000)
    assert.equal(new Set(receiver.posts.map(({ headers }) => headers['webhook-id'])).size, approved.length)
    const errors = server.lines.filter((line) => line.includes('"level":"error"'))
    assert.deepEqual(errors, [])

    isDead = false
    const { id } = (await server.requestStatus(late, lateId)).delivery ?? { id: '' }
    const { status } = await person.call('POST', `/v1/me/apps/${late.client_id}/deliveries/${id}/resend`, {})
    assert.ok(status === 202 || (await server.requestStatus(late, lateId)).delivery?.status === 'delivered')
    await until(
      async () => (await server.requestStatus(late, lateId)).delivery?.status === 'delivered',
      15_000,
    )
    assert.match(await redeem(server, web, code, redirect), /^eyJ/)
  })

  test('a change that was interrupted is brought to its end by the next one', async () => {
    await using server = await startServer()
    const [older] = await keysIn(server)
    const newer = Buffer.alloc(32, 7)
    await writeFile(
      join(server.folder, 'master.key'),
      `${newer.toString('base64')}\n${older?.toString('base64')}\n`,
    )
    await writeFile(join(server.folder, 'master.key.lock'), '')
    const locked = await rotate(server)
    assert.equal(locked.code, 1)
    assert.match(locked.err, /A change of keys is under way/)

    const [ended, host] = [2 ** 22 + 1, hostname()]
    await writeFile(join(server.folder, 'master.key.lock'), `${ended} ${host}`)
    const run = await rotate(server)
    assert.equal(run.code, 0, run.err)
    assert.match(run.out, /an earlier change is brought to its end/)
    assert.deepEqual(await keysIn(server), [newer])
    await assertAllUnder(server, newer, older ?? Buffer.alloc(0))
    await assert.rejects(stat(join(server.folder, 'master.key.lock')))
  })

  test('with a key given from outside, everything is put under the new one, and the older may then go', async () => {
    const older = Buffer.alloc(32, 1)
    const newer = Buffer.alloc(32, 2)
    const both = `${newer.toString('base64')} ${older.toString('base64')}`
    await using server = await startServer({ env: { COUNTERSIGN_MASTER_KEY: older.toString('base64') } })
    await server.addClient({ kind: 'initiator' })
    const run = await runCommand(['keys', 'rotate'], { ...server.storeEnv, COUNTERSIGN_MASTER_KEY: both })
    assert.equal(run.code, 0, run.err)
    assert.match(run.out, /may be removed from COUNTERSIGN_MASTER_KEY/)
    await assertAllUnder(server, newer, older)

    const env = { ...server.storeEnv, COUNTERSIGN_MASTER_KEY: older.toString('base64') }
    const wrong = await runCommand(['keys', 'rotate'], env)
    assert.equal(wrong.code, 1)
    assert.match(wrong.err, /not the one that this store was sealed with/)
  })

  test('thousands of values go under the new key in small steps, and the server answers all the while', async () => {
    await using server = await startServer()
    const [older] = await keysIn(server)
    const app = await server.addClient({ kind: 'initiator' })
    const config = readConfig({ ...server.storeEnv, COUNTERSIGN_DEV: '1' })
    const db = await openStore(config, Date.now)
    const vault = await openVault(db, config)
    const secret = { vault, clientId: app.client_id, scheme: 'v1', now: Date.now() } as const
    for (let made = 0; made < MANY; made += BATCH) {
      await db.transaction(async (tx) => {
        for (let n = 0; n < BATCH; n += 1) await addSigningSecret(tx, secret)
      })
    }
    await db.close()

    let isOver = false
    let answered = 0
    const calls = (async () => {
      for (; !isOver; answered += 1) await server.addClient({ kind: 'initiator' })
    })()
    const run = await rotate(server)
    isOver = true
    await calls
    assert.equal(run.code, 0, run.err)
    const [, done = ''] = /signing_secrets: (\d+) done/.exec(run.out) ?? []
    assert.ok(Number(done) >= MANY, run.out)
    assert.ok(answered > 20, `${answered} writes went on meanwhile`)
    const [newer] = await keysIn(server)
    await assertAllUnder(server, newer ?? Buffer.alloc(0), older ?? Buffer.alloc(0))
  })

  test('a value that none of the keys opens keeps the older keys in the file', async () => {
    await using server = await startServer()
    const [older] = await keysIn(server)
    const [newer, third] = [Buffer.alloc(32, 3), Buffer.alloc(32, 4)]
    const put = (...keys: (Buffer | undefined)[]) =>
      writeFile(join(server.folder, 'master.key'), keys.map((key) => `${key?.toString('base64')}\n`).join(''))

    // One secret is sealed under a key that is taken away too early.
    await put(third, older)
    await pause(2_100)
    await server.addClient({ kind: 'initiator' })
    await put(newer, older)
    const run = await rotate(server)
    assert.equal(run.code, 1)
    assert.match(run.out, /1 sealed values open under none of the keys/)
    assert.equal((await keysIn(server)).length, 2)

    await put(newer, older, third)
    assert.equal((await rotate(server)).code, 0)
    assert.deepEqual(await keysIn(server), [newer])
  })

  test('on PostgreSQL the key file is changed only if there are no copies of it', async () => {
    const run = await runCommand(['keys', 'rotate'], { COUNTERSIGN_DATABASE: 'postgres://127.0.0.1:9/none' })
    assert.equal(run.code, 1)
    assert.match(run.err, /--one-folder/)
  })
})

const MANY = 5_000
const BATCH = 500

interface App {
  client_id: string
  client_secret: string
}

async function codeFor(person: Person, app: App, redirect: string): Promise<string> {
  const { request_id } = await person.must<{ request_id: string }>('POST', '/v1/me/authorizations', {
    client_id: app.client_id,
    redirect_uri: redirect,
  })
  const { redirect_to } = (await (await person.approve(request_id)).json()) as { redirect_to: string }
  return new URL(redirect_to).searchParams.get('code') ?? assert.fail('no code')
}

async function redeem(server: TestServer, app: App, code: string, redirect: string): Promise<string> {
  const { client_id, client_secret } = app
  const body = new URLSearchParams({
    code,
    client_id,
    client_secret,
    redirect_uri: redirect,
    grant_type: 'authorization_code',
  })
  const answer = await fetch(`${server.origin}/v2/login/authorization/token`, { method: 'POST', body })
  assert.equal(answer.status, 200)
  return ((await answer.json()) as { access_token: string }).access_token
}

/** Every sealed value names the new key, and none opens with the older one. */
async function assertAllUnder(server: TestServer, newer: Buffer, older: Buffer) {
  const name = toMasterKey(newer).name
  const values = [
    ...(await server.select(
      "select value as sealed from store_facts where name in ('master_key_check', 'mac_key')",
    )),
    ...(await server.select('select sealed from signing_keys')),
    ...(await server.select('select sealed from signing_secrets')),
    ...(await server.select('select sealed_key as sealed from client_tls where sealed_key is not null')),
    ...(await server.select('select sealed from authorization_codes where sealed is not null')),
    ...(await server.select('select sealed from delivery_payloads')),
  ].map(({ sealed }) => Buffer.from(sealed as Uint8Array))
  assert.ok(values.length >= 3)
  const vault = createVault(fixedRing([toMasterKey(older)]))
  for (const sealed of values) {
    assert.equal(sealed.toString('hex', 1, 5), name)
    assert.throws(() => vault.open('anywhere', sealed), /needs the master key/)
  }
}
