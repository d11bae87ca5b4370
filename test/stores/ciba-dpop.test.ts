import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addInitiator, CIBA_GRANT, cibaCalls, errorOf, proofKey } from '../support/ciba.ts'
import { usePostgres } from '../support/engine.ts'
import { basic, startServer } from '../support/server.ts'

// The same suite once more, on PostgreSQL.
await usePostgres()
await import('../spec/ciba-dpop.test.ts')

test('79: a proof that one node took is refused by another one, which knows its nonces too', async () => {
  await using one = await startServer({ env: { COUNTERSIGN_DPOP_NONCE: '1' } })
  const database = one.storeEnv.COUNTERSIGN_DATABASE ?? ''
  const env = { COUNTERSIGN_DATABASE: database, COUNTERSIGN_URL: one.origin, COUNTERSIGN_DPOP_NONCE: '1' }
  await using two = await startServer({ env, data: one.folder })
  const person = await one.person({ handle: 'asha' })
  const client = await addInitiator(one, [person.userId])
  const key = await proofKey()
  const [here, there] = [cibaCalls(one.origin), cibaCalls(`http://127.0.0.1:${two.port}`)]
  const fields = { grant_type: CIBA_GRANT, auth_req_id: 'x.y' }
  const htu = `${one.origin}/token`
  const asked = await here.post('/token', fields, { ...basic(client), dpop: await key.prove(htu) })
  const nonce = asked.headers.get('dpop-nonce')
  const dpop = await key.prove(htu, { nonce })
  const answers = [there, here].map(({ post }) => post('/token', fields, { ...basic(client), dpop }))
  const errors = (await Promise.all((await Promise.all(answers)).map(errorOf))).map(([, error]) => error)
  assert.deepEqual(errors.sort(), ['invalid_dpop_proof', 'invalid_grant'])
})
