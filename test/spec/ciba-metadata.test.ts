import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { DAY, HOUR, MINUTE } from '#base/clock.ts'
import { jsonLog } from '#base/log.ts'
import { createVault } from '#base/seal.ts'
import { signJwt } from '#tokens/jwt.ts'
import { openSigningKeys, rotateSigningKey } from '#tokens/keys.ts'
import { heldClock, startServer, type TestServer } from '../support/server.ts'
import { put, startStore } from '../support/store.ts'

// Numbers in the names are those of the list of requirements, section 1A.

let server: TestServer
before(async () => {
  server = await startServer()
})
after(() => server[Symbol.asyncDispose]())

const PATHS = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']
const metadata = async (path = PATHS[0]) =>
  (await (await fetch(`${server.origin}${path}`)).json()) as Record<string, unknown>

describe('CIBA Core §4, RFC 8414: metadata', () => {
  test('1, 2, 3: endpoint, modes that work, grant type', async () => {
    const found = await metadata()
    assert.equal(found.backchannel_authentication_endpoint, `${server.origin}/bc-authorize`)
    assert.deepEqual(found.backchannel_token_delivery_modes_supported, ['poll', 'ping', 'push'])
    assert.ok((found.grant_types_supported as string[]).includes('urn:openid:params:grant-type:ciba'))
  })

  test('5, 6: user codes, and ways to authenticate', async () => {
    const found = await metadata()
    assert.equal(found.backchannel_user_code_parameter_supported, false)
    assert.deepEqual(found.token_endpoint_auth_methods_supported, [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
    ])
    assert.deepEqual(found.token_endpoint_auth_signing_alg_values_supported, ['PS256', 'ES256'])
    assert.deepEqual(found.subject_types_supported, ['public'])
  })

  test('7: the same at both addresses, cacheable, and the issuer is the address asked, to the byte', async () => {
    const [first, second] = await Promise.all(PATHS.map((path) => metadata(path)))
    assert.deepEqual(first, second)
    assert.equal(first?.issuer, server.origin)
    const answer = await fetch(`${server.origin}${PATHS[0]}`)
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
    assert.match(answer.headers.get('cache-control') ?? '', /^public, max-age=\d+$/)
  })

  test('the keys at /jwks are public, of ES256, cacheable, each with its kid', async () => {
    const answer = await fetch(`${server.origin}/jwks`)
    assert.match(answer.headers.get('cache-control') ?? '', /^public, max-age=\d+$/)
    const { keys } = (await answer.json()) as { keys: Record<string, string>[] }
    assert.ok(keys.length > 0)
    for (const key of keys) {
      assert.deepEqual(Object.keys(key).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
      assert.equal(key.alg, 'ES256')
      createPublicKey({ key, format: 'jwk' })
    }
  })
})

describe('signing keys change with overlap', () => {
  const vault = createVault(new Uint8Array(32).fill(7))
  const log = jsonLog(() => {})

  test('a new key is known before it signs, an old one for longer than any token lives', async () => {
    await using db = await startStore()
    const clock = heldClock()
    const open = () => openSigningKeys({ db, now: clock.now, vault, log })
    const kids = (keys: Awaited<ReturnType<typeof open>>) =>
      keys.published().keys.map((each) => (each as { kid: string }).kid)

    const before = await open()
    const old = before.current().kid
    const next = await rotateSigningKey({ db, vault, now: clock.now })
    before.stop()

    const during = await open()
    assert.equal(during.current().kid, old)
    assert.deepEqual(kids(during), [next, old])
    const token = signJwt(during.current(), 'JWT', { sub: 'x' })
    clock.forward(HOUR)
    assert.equal(during.current().kid, next)
    await jwtVerify(token, createLocalJWKSet(during.published() as never))
    clock.forward(8 * DAY - MINUTE)
    assert.deepEqual(kids(during), [next, old])
    clock.forward(2 * MINUTE)
    assert.deepEqual(kids(during), [next])
    assert.ok(during.verifying(old), 'an old key still verifies for us')
    during.stop()
  })

  test('after 90 days the next one is made by itself, by one of many nodes', async () => {
    await using db = await startStore()
    // As in every store that was opened with its master key: the nodes take turns by this row.
    await db.transaction((tx) => put(tx, 'master_key_check'))
    const clock = heldClock()
    const open = () => openSigningKeys({ db, now: clock.now, vault, log })
    const [a, b] = await Promise.all([open(), open()])
    assert.equal(a.current().kid, b.current().kid)
    clock.forward(90 * DAY)
    const nodes = await Promise.all([open(), open(), open()])
    for (const keys of nodes) {
      assert.deepEqual(keys.published(), nodes[0].published())
      assert.equal(keys.published().keys.length, 2)
    }
    for (const keys of [a, b, ...nodes]) keys.stop()
  })
})
