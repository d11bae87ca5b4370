import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { readHintIssuers } from '#clients/hint-tokens.ts'
import { addInitiator, cibaCalls, errorOf, signingPair, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements.

const LOGIN = 'https://login.example.com'
const login = await signingPair()
const bank = await signingPair('PS256')

const keys = createServer((_http, response) =>
  response.setHeader('content-type', 'application/json').end(JSON.stringify(bank.jwks)),
)
await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve))
const BANK = `http://127.0.0.1:${(keys.address() as AddressInfo).port}`

let server: TestServer
let person: Person
let client: TestClient
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  const issuers = { [LOGIN]: { jwks: login.jwks }, [BANK]: { jwks_uri: `${BANK}/keys` } }
  server = await startServer({
    env: {
      COUNTERSIGN_HINT_ISSUERS: JSON.stringify(issuers),
      COUNTERSIGN_CIBA_MOST_OPEN: '1000',
      // That a client may not guess handles does not bind an issuer that knows them.
      COUNTERSIGN_LINK_HANDLES: 'hidden',
    },
  })
  person = await server.person({ handle: 'asha' })
  client = await addInitiator(server, [person.userId])
  calls = cibaCalls(server.origin)
})
after(async () => {
  keys.close()
  await server[Symbol.asyncDispose]()
})

const now = () => Math.floor(Date.now() / 1_000)
const claims = (more: object = {}) => ({
  iss: LOGIN,
  aud: server.origin,
  sub: 'asha',
  exp: now() + 60,
  ...more,
})
const ask = async (login_hint_token: string, more: Record<string, string> = {}) => {
  const answer = await calls.authorize(client, { login_hint_token, ...more })
  return answer.status === 200 ? 'asked' : (await errorOf(answer))[1]
}

describe('CIBA Core §7.1: login_hint_token', () => {
  test('22: of a registered issuer, meant for us, by its key: by handle, by id, by sub_id', async () => {
    assert.equal(await ask(await login.sign(claims())), 'asked')
    assert.equal(await ask(await login.sign(claims({ sub: person.userId }))), 'asked')
    assert.equal(await ask(await login.sign(claims({ aud: `${server.origin}/` }))), 'asked')
    const sub_id = { format: 'iss_sub', iss: server.origin, sub: person.userId }
    assert.equal(await ask(await login.sign(claims({ sub: 'somebody', sub_id }))), 'asked')
    assert.equal(await ask(await bank.sign(claims({ iss: BANK }))), 'asked', 'keys at an address')
  })

  test('22: one who signs in at that issuer is known by their name there', async () => {
    assert.equal(await ask(await login.sign(claims({ sub: '7-4-1' }))), 'unknown_user_id')
    const store = new DatabaseSync(join(server.folder, 'countersign.db'), { timeout: 5_000 })
    store
      .prepare('insert into user_identities (issuer, subject, user_id, created_at) values (?, ?, ?, 0)')
      .run(LOGIN, '7-4-1', person.userId)
    store.close()
    assert.equal(await ask(await login.sign(claims({ sub: '7-4-1' }))), 'asked')
    assert.equal(await ask(await bank.sign(claims({ iss: BANK, sub: '7-4-1' }))), 'unknown_user_id')
  })

  test('22: expired is expired_login_hint_token, once its signature holds', async () => {
    assert.equal(await ask(await login.sign(claims({ exp: now() - 120 }))), 'expired_login_hint_token')
    const forged = (await signingPair()).sign(claims({ exp: now() - 120 }))
    assert.equal(await ask(await forged), 'invalid_request')
  })

  test('22: another issuer, audience or key, no end, no name, no JWT: invalid_request', async () => {
    const { exp: _, ...endless } = claims()
    const { sub: __, ...nameless } = claims()
    for (const token of [
      await login.sign(claims({ iss: 'https://else.example' })),
      await login.sign(claims({ iss: BANK })),
      await bank.sign(claims()),
      await login.sign(claims({ aud: 'https://else.example' })),
      await login.sign(endless),
      await login.sign(nameless),
      await login.sign(claims({ sub: 7 })),
      await login.sign(claims({ iss: '__proto__' })),
      'x.y.z',
      'x',
    ]) {
      assert.equal(await ask(token), 'invalid_request', token)
    }
  })

  test('19, 20: it is one hint, and names who is not known or not linked alike', async () => {
    assert.equal(await ask(await login.sign(claims()), { login_hint: person.userId }), 'invalid_request')
    await server.person({ handle: 'ravi' })
    const answers = ['nobody', 'ravi'].map(async (sub) => {
      const answer = await calls.authorize(client, { login_hint_token: await login.sign(claims({ sub })) })
      return [answer.status, await answer.text()].join()
    })
    const [unknown, unlinked] = await Promise.all(answers)
    assert.match(unknown ?? '', /unknown_user_id/)
    assert.equal(unknown, unlinked)
  })

  test('22: where no issuer is registered it is refused, never ignored', async () => {
    await using plain = await startServer()
    const other = await plain.person()
    const app = await addInitiator(plain, [other.userId])
    const answer = await cibaCalls(plain.origin).authorize(app, { login_hint_token: 'x' })
    assert.deepEqual(await errorOf(answer), [400, 'invalid_request'])
  })

  test('22: an issuer without keys stops the start', () => {
    for (const json of ['x', '[]', '{"a":{}}', '{"a":{"jwks":{}}}', '{"a":{"jwks_uri":"file:///x"}}']) {
      assert.throws(() => readHintIssuers(json), /must (be|say)/, json)
    }
  })
})

describe('FAPI-CIBA §5.3: request_context', () => {
  const hint = () => JSON.stringify({ format: 'iss_sub', iss: server.origin, sub: person.userId })
  const shown = async (request_context: string) => {
    const { requestId } = await calls.ask(client, { login_hint: hint(), request_context })
    return JSON.parse((await person.review(requestId)).approval).request_context
  }

  test('29, 74: a JSON object, kept with the request and signed with it', async () => {
    const context = { device: { name: 'Büro-PC', trusted: true }, location: { city: 'Köln' } }
    assert.deepEqual(await shown(JSON.stringify(context)), context)
    const { requestId } = await calls.ask(client, { login_hint: hint() })
    assert.equal(JSON.parse((await person.review(requestId)).approval).request_context, null)
  })

  test('29, 74: what is no object, too long or not fit to show is refused', async () => {
    for (const request_context of [
      'x',
      '[]',
      '{}',
      '"x"',
      JSON.stringify({ a: 'x'.repeat(2_001) }),
      JSON.stringify({ a: 'x\u202Ey' }),
      JSON.stringify({ 'a\n': 'x' }),
    ]) {
      const answer = await calls.authorize(client, { login_hint: hint(), request_context })
      assert.deepEqual(await errorOf(answer), [400, 'invalid_request'], request_context)
    }
  })
})
