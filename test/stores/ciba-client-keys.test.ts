import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addInitiator, cibaCalls, errorOf, signingPair } from '../support/ciba.ts'
import { usePostgres } from '../support/engine.ts'
import { startServer } from '../support/server.ts'

// The same suite once more, on PostgreSQL.
await usePostgres()
await import('../spec/ciba-client-keys.test.ts')

test('RFC 7523 §3: an assertion that one node took is refused by another one', async () => {
  await using one = await startServer()
  const database = one.storeEnv.COUNTERSIGN_DATABASE ?? ''
  const env = { COUNTERSIGN_DATABASE: database, COUNTERSIGN_URL: one.origin }
  await using two = await startServer({ env, data: one.folder })
  const person = await one.person({ handle: 'asha' })
  const pair = await signingPair()
  const { client_id } = await addInitiator(one, [person.userId], {
    token_endpoint_auth_method: 'private_key_jwt',
    jwks: pair.jwks,
  })
  const assertion = await pair.assertion(client_id, one.origin)
  const fields = { scope: 'openid', login_hint: 'asha', ...assertion }
  const [here, there] = [cibaCalls(one.origin), cibaCalls(`http://127.0.0.1:${two.port}`)]
  assert.equal((await there.post('/bc-authorize', fields)).status, 200)
  assert.deepEqual(await errorOf(await here.post('/bc-authorize', fields)), [401, 'invalid_client'])
})
