import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { compactDecrypt } from 'jose'
import { startPerson } from '../support/person.ts'
import { freePort, READY, startProcess } from '../support/process.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY } from '../support/server.ts'
import { until } from '../support/until.ts'

test('once an approval has committed, nothing alive in the server holds the token that is encrypted to its app', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-memory-'))
  try {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    await using receiver = await startReceiver((_http, response) => response.writeHead(503).end())
    const port = await freePort()
    await using server = startProcess({
      data: join(folder, 'data'),
      port,
      env: { NODE_OPTIONS: `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${folder}` },
    })
    await server.says(READY)
    const admin = async <T>(path: string, body: object): Promise<T> => {
      const answer = await fetch(`${server.origin}/v1/admin/${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      assert.equal(answer.status, 201)
      return (await answer.json()) as T
    }
    const user = await admin<{ user_id: string; enrolment_url: string }>('users', { handle: 'asha' })
    const person = await startPerson(server.origin, user.user_id, user.enrolment_url)
    const app = await admin<{ client_id: string; client_secret: string }>('clients', {
      kind: 'individual',
      user_id: user.user_id,
      name: 'App',
      notifier_url: receiver.url,
      encryption_key: publicKey.export({ format: 'jwk' }),
    })
    const asked = await fetch(`${server.origin}/v3/login/auth/token/request/${app.client_id}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_secret: app.client_secret }),
    })
    const id = (asked.headers.get('location') ?? '').replace('/v1/requests/', '')
    assert.equal((await person.approve(id)).status, 200)

    // The delivery waits: what is owed is in the store, and its worker has had it in its hands.
    const [post] = await receiver.received(1)
    const { plaintext } = await compactDecrypt(post?.body ?? '', privateKey)
    const { access_token } = JSON.parse(Buffer.from(plaintext).toString('utf8')) as { access_token: string }
    const signature = access_token.split('.')[2] ?? ''
    assert.equal(signature.length, 86)

    // A snapshot collects all garbage first, then writes down every string that is still held.
    server.signal('SIGUSR2')
    let snapshot = ''
    await until(async () => {
      const name = (await readdir(folder)).find((each) => each.endsWith('.heapsnapshot'))
      snapshot = name ? await readFile(join(folder, name), 'utf8') : ''
      return snapshot.trimEnd().endsWith('}')
    }, 60_000)
    assert.ok(snapshot.includes(server.origin), 'what is looked for below can be found')
    assert.ok(snapshot.includes(app.client_id), 'so can what a delivery brings along')
    assert.ok(!snapshot.includes(signature))
    assert.ok(!snapshot.includes(access_token.split('.')[1] ?? ''))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
