import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import {
  addInitiator,
  CIBA_GRANT,
  cibaCalls,
  errorOf,
  signingPair,
  type TestClient,
} from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { basic, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements.

const API = 'https://api.example.com'
const DATA = 'https://data.example.com'

let server: TestServer
let person: Person
let client: TestClient
before(async () => {
  server = await startServer({
    env: {
      COUNTERSIGN_TOKEN_AUDIENCE: `${API}, ${DATA}, https://third.example.com`,
      COUNTERSIGN_CIBA_MOST_OPEN: '1000',
      COUNTERSIGN_CIBA_HOLD: '0s',
    },
  })
  person = await server.person({ handle: 'asha' })
  client = await addInitiator(server, [person.userId], { scope: 'openid offline_access' })
})
after(() => server[Symbol.asyncDispose]())

const post = (path: string, fields: [string, string][]) =>
  fetch(`${server.origin}${path}`, {
    method: 'POST',
    headers: basic(client),
    body: new URLSearchParams(fields),
  })
const named = (resources: string[]) => resources.map((each): [string, string] => ['resource', each])

async function ask(resources: string[]) {
  const fields: [string, string][] = [
    ['scope', 'openid offline_access'],
    ['login_hint', 'asha'],
  ]
  const answer = await post('/bc-authorize', [...fields, ...named(resources)])
  if (answer.status !== 200) return { error: (await errorOf(answer))[1] }
  const requestId = (answer.headers.get('location') ?? '').replace('/v1/requests/', '')
  const { auth_req_id = '' } = (await answer.json()) as Record<string, string>
  return { requestId, auth_req_id }
}
const fetchTokens = (auth_req_id: string, resources: string[] = []) =>
  post('/token', [['grant_type', CIBA_GRANT], ['auth_req_id', auth_req_id], ...named(resources)])
const renew = (refresh_token: string, resources: string[] = []) =>
  post('/token', [['grant_type', 'refresh_token'], ['refresh_token', refresh_token], ...named(resources)])

interface Tokens {
  access_token: string
  refresh_token: string
}
const tokensOf = async (answer: Response) => {
  if (answer.status !== 200) throw new Error(await answer.text())
  return (await answer.json()) as Tokens
}
const audOf = ({ access_token }: Tokens) => decodeJwt(access_token).aud

async function approved(resources: string[]) {
  const { requestId = '', auth_req_id = '' } = await ask(resources)
  assert.equal((await person.approve(requestId)).status, 200)
  return auth_req_id
}

describe('RFC 8707: resource', () => {
  test('84: who names none gets the first; who names one or more gets those, shown and signed', async () => {
    assert.equal(audOf(await tokensOf(await fetchTokens(await approved([])))), API)
    assert.equal(audOf(await tokensOf(await fetchTokens(await approved([DATA])))), DATA)
    const tokens = await tokensOf(await fetchTokens(await approved([DATA, API, DATA])))
    assert.deepEqual(audOf(tokens), [DATA, API])
    const introspected = await post('/introspect', [['token', tokens.access_token]])
    assert.deepEqual(((await introspected.json()) as { aud: string[] }).aud, [DATA, API])
    const { requestId = '' } = await ask([DATA])
    assert.deepEqual(JSON.parse((await person.review(requestId)).approval).resources, [DATA])
  })

  test('84: another one is invalid_target, and nothing is asked', async () => {
    assert.equal((await ask(['https://else.example'])).error, 'invalid_target')
    assert.equal((await ask([API, 'https://else.example'])).error, 'invalid_target')
  })

  test('84: fetched and renewed for less, never for more', async () => {
    const id = await approved([API, DATA])
    const beyond = await fetchTokens(id, ['https://third.example.com'])
    assert.deepEqual(await errorOf(beyond), [400, 'invalid_target'])
    const first = await tokensOf(await fetchTokens(id))
    const second = await tokensOf(await renew(first.refresh_token, [DATA]))
    assert.equal(audOf(second), DATA)
    const wider = await renew(second.refresh_token, ['https://third.example.com'])
    assert.deepEqual(await errorOf(wider), [400, 'invalid_target'])
    assert.deepEqual(audOf(await tokensOf(await renew(second.refresh_token))), [API, DATA])

    const plain = await approved([])
    assert.deepEqual(await errorOf(await fetchTokens(plain, [DATA])), [400, 'invalid_target'])
    assert.equal(audOf(await tokensOf(await fetchTokens(plain, [API]))), API)
    assert.equal(audOf(await tokensOf(await fetchTokens(await approved([API, DATA]), [DATA]))), DATA)
  })

  test('33, 84: in a signed request one as text, several as a list', async () => {
    const pair = await signingPair()
    const signer = await addInitiator(server, [person.userId], {
      jwks: pair.jwks,
      backchannel_authentication_request_signing_alg: 'ES256',
    })
    for (const resource of [DATA, [DATA, API]]) {
      const now = Math.floor(Date.now() / 1_000)
      const times = { iat: now, nbf: now, exp: now + 60, jti: crypto.randomUUID() }
      const meant = { iss: signer.client_id, aud: server.origin }
      const request = await pair.sign({ ...times, ...meant, scope: 'openid', login_hint: 'asha', resource })
      const answer = await cibaCalls(server.origin).post('/bc-authorize', { request }, basic(signer))
      assert.equal(answer.status, 200)
      const id = (answer.headers.get('location') ?? '').replace('/v1/requests/', '')
      assert.deepEqual(JSON.parse((await person.review(id)).approval).resources, [resource].flat())
    }
  })
})
