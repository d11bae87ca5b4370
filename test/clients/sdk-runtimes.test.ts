import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { exportJWK } from 'jose'
import { addInitiator, signingPair } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { runtime } from '../support/runtime.ts'
import { startServer, type TestServer } from '../support/server.ts'

// The library as it is published, in a program as users write one, on each runtime that it is promised for.

const CLONE = fileURLToPath(new URL('../../', import.meta.url))

let server: TestServer
let person: Person
/** Where the program stands, with the library installed beside it. */
let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-client-'))
  const library = join(folder, 'node_modules/@countersign/client')
  await mkdir(library, { recursive: true })
  const tsc = join(CLONE, 'node_modules/.bin/tsc')
  await promisify(execFile)(tsc, ['-p', join(CLONE, 'sdk'), '--outDir', join(library, 'dist')])
  await cp(join(CLONE, 'sdk/package.json'), join(library, 'package.json'))
  await cp(join(CLONE, 'test/clients/sdk-runtime'), folder, { recursive: true })

  server = await startServer({ env: { COUNTERSIGN_CIBA_HOLD: '20s', COUNTERSIGN_CIBA_MOST_OPEN: '100' } })
  person = await server.person({ handle: 'asha' })
})
after(async () => {
  await server?.[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

const DENO = ['run', '--no-prompt', '--node-modules-dir=manual', '--allow-net=127.0.0.1,localhost']
const runs = [
  { name: 'Bun', start: () => [runtime(import.meta.resolve('bun/package.json'), 'bin/bun'), 'run'] },
  {
    name: 'Deno, allowed the network of this machine and nothing else',
    start: () => [runtime(import.meta.resolve('deno/package.json'), 'deno'), ...DENO],
  },
  { name: 'Node.js', start: () => [process.execPath] },
]

for (const { name, start } of runs) {
  test(`asks, waits, has the tokens and judges a delivery: on ${name}`, async () => {
    await using receiver = await startReceiver()
    const secret = await addInitiator(server, [person.userId])
    const pair = await signingPair('PS256')
    const key = await addInitiator(server, [person.userId], {
      token_endpoint_auth_method: 'private_key_jwt',
      backchannel_authentication_request_signing_alg: 'PS256',
      dpop_bound_access_tokens: true,
      scope: 'openid offline_access',
      jwks: pair.jwks,
    })
    const app = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
    const { public_key } = await person.must<{ public_key: string }>(
      'POST',
      `/v1/me/apps/${app.client_id}/signing-secrets`,
      { scheme: 'v1a' },
    )
    const told = {
      issuer: server.origin,
      secret: { clientId: secret.client_id, clientSecret: secret.client_secret },
      key: { clientId: key.client_id, jwk: { ...(await exportJWK(pair.privateKey)), kid: pair.jwk.kid } },
      app: {
        clientId: app.client_id,
        clientSecret: app.client_secret,
        webhookKeys: [app.signing_secret, public_key],
      },
    }

    const [command = '', ...words] = start()
    const child = spawn(command, [...words, 'ask.mjs', JSON.stringify(told)], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder, DO_NOT_TRACK: '1', DENO_NO_UPDATE_CHECK: '1' },
      timeout: 60_000,
      killSignal: 'SIGKILL',
    })
    const ended = once(child, 'close')
    let complaint = ''
    child.stderr.setEncoding('utf8').on('data', (part) => {
      complaint += part
    })
    let last: { found?: object; by?: string } = {}
    try {
      for await (const line of createInterface({ input: child.stdout })) {
        const said = JSON.parse(line)
        if (said.approve) assert.equal((await person.approve(said.approve)).status, 200)
        if (said.reject) await person.reject(said.reject)
        if (said.deliver) {
          const [post] = await receiver.received(1)
          child.stdin.end(JSON.stringify({ headers: post?.headers, body: post?.body }))
        }
        last = said
      }
      const [code] = await ended
      assert.equal(code, 0, complaint)
    } finally {
      child.kill('SIGKILL')
    }
    assert.deepEqual(last.found, {
      bySecret: {
        sub: person.userId,
        looks: 0,
        timeout: 'timeout',
        stopped: 'Error: The run was stopped.',
        rejected: 'rejected',
      },
      byKey: { sub: person.userId, looks: 0, types: ['DPoP', 'DPoP'] },
      byUpstox: {
        kind: 'token',
        userId: person.userId,
        isOfThisAsk: true,
        isDelivered: true,
        looks: 0,
        good: ['token', 'token'],
        tampered: ['bad_delivery', 'bad_delivery'],
      },
      unreachable: 'unreachable',
      refused: 'refused',
    })
    assert.equal(last.by?.split('/')[0], name.split(',')[0], 'it ran where it should')
  })
}
