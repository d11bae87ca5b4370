import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { generateKeyPair, SignJWT } from 'jose'
import {
  addInitiator,
  assertionFields,
  CIBA_GRANT,
  cibaCalls,
  errorOf,
  signingPair,
} from '../support/ciba.ts'
import { runCommand } from '../support/command.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements.

let server: TestServer
let person: Person
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  server = await startServer({
    env: { COUNTERSIGN_CIBA_MOST_OPEN: '1000', COUNTERSIGN_CIBA_RATE_LIMIT: '1000/1s' },
  })
  person = await server.person({ handle: 'asha' })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

type Pair = Awaited<ReturnType<typeof signingPair>>

const BY_KEY = { token_endpoint_auth_method: 'private_key_jwt' }
const addSigner = (form: Record<string, unknown>) =>
  addInitiator(server, [person.userId], { ...BY_KEY, ...form })
const ask = (fields: Record<string, string>) =>
  calls.post('/bc-authorize', { scope: 'openid', login_hint: 'asha', ...fields })
const now = () => Math.floor(Date.now() / 1_000)

describe('RFC 7523 §3, OpenID Connect Core §9: private_key_jwt', () => {
  for (const alg of ['ES256', 'PS256'] as const) {
    test(`6, 16: asks and fetches tokens, signed by ${alg}`, async () => {
      const pair = await signingPair(alg)
      const { client_id } = await addSigner({ jwks: pair.jwks })
      const answer = await ask(await pair.assertion(client_id, server.origin))
      assert.equal(answer.status, 200)
      const { auth_req_id } = (await answer.json()) as { auth_req_id: string }
      await person.approve((answer.headers.get('location') ?? '').replace('/v1/requests/', ''))
      const tokens = await calls.post('/token', {
        ...(await pair.assertion(client_id, server.origin)),
        grant_type: CIBA_GRANT,
        auth_req_id,
      })
      assert.equal(tokens.status, 200)
    })
  }

  describe('what an assertion must be', () => {
    let pair: Pair
    let id: string
    before(async () => {
      pair = await signingPair()
      id = (await addSigner({ jwks: pair.jwks })).client_id
    })
    const refused = async (more: Record<string, unknown>, fields: Record<string, string> = {}) =>
      errorOf(await ask({ ...(await pair.assertion(id, server.origin, more)), ...fields }))

    test('aud is the issuer, the token endpoint or the called one, and nothing beside', async () => {
      for (const aud of [
        server.origin,
        `${server.origin}/token`,
        `${server.origin}/bc-authorize`,
        [server.origin],
      ]) {
        assert.equal((await ask(await pair.assertion(id, aud))).status, 200, String(aud))
      }
      for (const aud of ['https://else.example', [server.origin, 'https://else.example'], []]) {
        assert.deepEqual(await refused({ aud }), [401, 'invalid_client'], String(aud))
      }
    })

    test('iss and sub are the client; a client_id beside it is the same', async () => {
      const other = await addSigner({ jwks: (await signingPair()).jwks })
      assert.deepEqual(await refused({ iss: other.client_id }), [401, 'invalid_client'])
      assert.deepEqual(await refused({ sub: other.client_id }), [401, 'invalid_client'])
      assert.deepEqual(await refused({ sub: 'no\0body' }), [401, 'invalid_client'])
      assert.deepEqual(await refused({}, { client_id: other.client_id }), [401, 'invalid_client'])
      const same = await ask({ ...(await pair.assertion(id, server.origin)), client_id: id })
      assert.equal(same.status, 200)
    })

    test('exp is there, ahead, and at most ten minutes; nbf is not ahead; jti is there', async () => {
      for (const more of [
        { exp: undefined },
        { exp: now() - 60 },
        { exp: now() + 700 },
        { nbf: now() + 600 },
        { nbf: now() - 3_000 },
        { jti: undefined },
        { jti: '' },
        { jti: 7 },
      ]) {
        assert.deepEqual(await refused(more), [401, 'invalid_client'], JSON.stringify(more))
      }
    })

    test('the same assertion is taken once, also when it comes twice at a time', async () => {
      const fields = await pair.assertion(id, server.origin)
      const answers = await Promise.all([ask(fields), ask(fields), ask(fields)])
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 401, 401])
      const fresh = await pair.assertion(id, server.origin, { jti: 'one' })
      assert.equal((await ask(fresh)).status, 200)
      assert.deepEqual(await refused({ jti: 'one' }), [401, 'invalid_client'])
    })

    test('alg none, HS256, RS256, another key, no type, a secret instead or beside: refused', async () => {
      const claims = { iss: id, sub: id, aud: server.origin, exp: now() + 60, jti: crypto.randomUUID() }
      const none = `${btoa('{"alg":"none"}')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`
      const hmac = new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: pair.jwk.kid })
      const rsa = await generateKeyPair('RS256')
      const rs256 = new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: pair.jwk.kid })
      const other = await signingPair('ES256')
      for (const jwt of [
        none,
        await hmac.sign(new TextEncoder().encode(JSON.stringify(pair.jwk))),
        await rs256.sign(rsa.privateKey),
        await other.sign(claims),
        'x',
        'x.y.z',
      ]) {
        assert.deepEqual(await errorOf(await ask(assertionFields(jwt))), [401, 'invalid_client'], jwt)
      }
      const good = await pair.assertion(id, server.origin)
      assert.deepEqual(await errorOf(await ask({ client_assertion: good.client_assertion })), [
        400,
        'invalid_request',
      ])
      const client_secret = 'cs_secret_x'
      assert.deepEqual(await refused({}, { client_id: id, client_secret }), [400, 'invalid_request'])
      const { client_id } = await addSigner({ jwks: pair.jwks })
      assert.deepEqual(await errorOf(await ask({ client_id, client_secret })), [401, 'invalid_client'])
      const secretOnly = await addInitiator(server, [person.userId])
      const signed = await pair.assertion(secretOnly.client_id, server.origin)
      assert.deepEqual(await errorOf(await ask(signed)), [401, 'invalid_client'])
    })

    test('nothing of an assertion lies in the log or the store', async () => {
      const fields = await pair.assertion(id, server.origin, { jti: 'seen-nowhere' })
      await ask(fields)
      await ask(fields)
      const spent = await server.select('select client_id, use, ends_at from spent_jwts')
      const dump = JSON.stringify([spent, server.lines])
      assert.ok(!dump.includes('seen-nowhere') && !dump.includes(fields.client_assertion))
    })
  })
})

test('a client without a secret follows its request by such a JWT as its bearer, each once', async () => {
  const pair = await signingPair()
  const { client_id } = await addSigner({ jwks: pair.jwks })
  const asked = await ask(await pair.assertion(client_id, server.origin))
  const { client_assertion } = await pair.assertion(client_id, server.origin)
  const look = (bearer: string) =>
    fetch(`${server.origin}${asked.headers.get('location')}`, {
      headers: { authorization: `Bearer ${bearer}` },
    })
  assert.equal((await look(client_assertion)).status, 200)
  assert.equal((await look(client_assertion)).status, 401)
  assert.equal((await look('x')).status, 401)
})

describe('keys of a client at an address of its own', () => {
  test('they are fetched once, and again for a key that is new', async (t) => {
    const [old, next] = [await signingPair('ES256', 'old'), await signingPair('PS256', 'next')]
    let keys = [old.jwk]
    let gets = 0
    await using host = await startReceiver((http, response) => {
      gets += http.method === 'GET' ? 1 : 0
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }))
    })
    const { client_id } = await addSigner({ jwks_uri: host.url })
    for (let i = 0; i < 3; i += 1) {
      assert.equal((await ask(await old.assertion(client_id, server.origin))).status, 200)
    }
    assert.equal(gets, 1)
    keys = [next.jwk]
    // Whoever names unknown keys makes us fetch once, not each time.
    for (let i = 0; i < 3; i += 1) await ask(await next.assertion(client_id, server.origin))
    assert.equal(gets, 1)
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 31_000 })
    assert.equal((await ask(await next.assertion(client_id, server.origin))).status, 200)
    assert.equal(gets, 2)
    assert.deepEqual(await errorOf(await ask(await old.assertion(client_id, server.origin))), [
      401,
      'invalid_client',
    ])
  })

  test('one that fails, is none, or is longer than 64 KiB is a 401, and is let alone for a while', async () => {
    const pair = await signingPair()
    for (const [status, body] of [
      [500, ''],
      [302, ''],
      [200, 'not JSON'],
      [200, '[]'],
      [200, JSON.stringify({ keys: [pair.jwk], more: 'x'.repeat(70_000) })],
    ] as const) {
      await using host = await startReceiver((_http, response) => {
        response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(body)
      })
      const { client_id } = await addSigner({ jwks_uri: host.url })
      for (let i = 0; i < 2; i += 1) {
        assert.deepEqual(await errorOf(await ask(await pair.assertion(client_id, server.origin))), [
          401,
          'invalid_client',
        ])
      }
      assert.ok(host.posts.length <= (body === '[]' ? 2 : 1), `${status} ${body.slice(0, 9)}`)
    }
  })

  test('the guard stands before it: no address of an inner network', async () => {
    const answer = await fetch(`${server.origin}/v1/admin/clients`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        kind: 'initiator',
        name: 'Agent',
        ...BY_KEY,
        jwks_uri: 'https://u:p@else.example',
      }),
    })
    assert.equal(answer.status, 400)
    const { code, detail } = (await answer.json()) as { code: string; detail: string }
    assert.equal(code, 'client_metadata_refused')
    assert.match(detail, /^The jwks_uri may not be used/)
  })
})

describe('RFC 7591 §2: keys at registration', () => {
  test('9: missing, two kinds at once, private, too short, of another curve: refused', async () => {
    const pair = await signingPair()
    const key = (more: object) => ({ jwks: { keys: [{ ...pair.jwk, ...more }] } })
    for (const form of [
      {},
      { jwks: pair.jwks, jwks_uri: 'https://else.example/keys' },
      { jwks: { keys: [] } },
      { jwks: { keys: Array.from({ length: 21 }, () => pair.jwk) } },
      key({ d: 'x' }),
      key({ use: 'enc' }),
      key({ alg: 'RS256' }),
      key({ x: 'AAAA' }),
      key({ crv: 'P-384' }),
      key({ kid: 7 }),
    ]) {
      const answer = await fetch(`${server.origin}/v1/admin/clients`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'initiator', name: 'Agent', ...BY_KEY, ...form }),
      })
      assert.equal(answer.status, 400, JSON.stringify(form))
      assert.equal(((await answer.json()) as { code: string }).code, 'client_metadata_refused')
    }
  })

  test('the command takes them from a file', async () => {
    const pair = await signingPair()
    const file = join(server.folder, 'keys.json')
    await writeFile(file, JSON.stringify(pair.jwks))
    const words = ['client', 'add', '--initiator', '--name', 'Agent', '--link', 'asha', '--json']
    const { code, out, err } = await runCommand(
      [...words, '--auth-method', 'private_key_jwt', '--jwks', file],
      { ...server.storeEnv, COUNTERSIGN_DEV: '1' },
    )
    assert.equal(code, 0, err)
    const { client_id } = JSON.parse(out) as { client_id: string }
    assert.equal((await ask(await pair.assertion(client_id, server.origin))).status, 200)
  })
})
