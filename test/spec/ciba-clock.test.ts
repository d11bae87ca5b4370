import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { addInitiator, cibaCalls, errorOf, proofKey, signingPair } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { basic, heldClock, startServer, type TestServer } from '../support/server.ts'

// Another's clock may be a minute from ours, whichever JWT of theirs it wrote; the server's clock stands still here.

const ISSUER = 'https://login.example.com'
const clock = heldClock()
const pair = await signingPair()

let server: TestServer
let person: Person
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  server = await startServer({
    now: clock.now,
    env: {
      COUNTERSIGN_HINT_ISSUERS: JSON.stringify({ [ISSUER]: { jwks: pair.jwks } }),
      COUNTERSIGN_CIBA_MOST_OPEN: '1000',
    },
  })
  person = await server.person({ handle: 'asha' })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

const now = () => Math.floor(clock.now() / 1_000)
/** Times of a JWT that has ended, or begins, so many seconds away, with the error that must come of it. */
const BOUNDS: [name: string, times: () => { exp: number; nbf: number }, isTaken: boolean][] = [
  ['ended 59 s ago', () => ({ nbf: now() - 90, exp: now() - 59 }), true],
  ['ended 61 s ago', () => ({ nbf: now() - 90, exp: now() - 61 }), false],
  ['begins in 59 s', () => ({ nbf: now() + 59, exp: now() + 90 }), true],
  ['begins in 61 s', () => ({ nbf: now() + 61, exp: now() + 90 }), false],
]

async function judge(answer: Response, isTaken: boolean, error: string, name: string) {
  const outcome = answer.status === 200 ? 'taken' : (await errorOf(answer))[1]
  assert.equal(outcome, isTaken ? 'taken' : error, name)
}

test('22: a login_hint_token', async () => {
  const client = await addInitiator(server, [person.userId])
  for (const [name, times, isTaken] of BOUNDS) {
    const token = await pair.sign({ iss: ISSUER, aud: server.origin, sub: 'asha', ...times() })
    const error = name.startsWith('ended') ? 'expired_login_hint_token' : 'invalid_request'
    await judge(await calls.authorize(client, { login_hint_token: token }), isTaken, error, name)
  }
})

test('16: a client assertion', async () => {
  const form = { token_endpoint_auth_method: 'private_key_jwt', jwks: pair.jwks }
  const { client_id } = await addInitiator(server, [person.userId], form)
  for (const [name, times, isTaken] of BOUNDS) {
    const assertion = await pair.assertion(client_id, server.origin, { iat: now(), ...times() })
    const answer = await calls.post('/bc-authorize', { scope: 'openid', login_hint: 'asha', ...assertion })
    await judge(answer, isTaken, 'invalid_client', name)
  }
})

test('32: a signed request', async () => {
  const form = { backchannel_authentication_request_signing_alg: 'ES256', jwks: pair.jwks }
  const client = await addInitiator(server, [person.userId], form)
  for (const [name, times, isTaken] of BOUNDS) {
    const own = { iss: client.client_id, aud: server.origin, iat: now(), jti: crypto.randomUUID() }
    const request = await pair.sign({ ...own, ...times(), scope: 'openid', login_hint: 'asha' })
    await judge(
      await calls.post('/bc-authorize', { request }, basic(client)),
      isTaken,
      'invalid_request',
      name,
    )
  }
})

test('79: a DPoP proof; beyond it only with our nonce', async () => {
  const client = await addInitiator(server, [person.userId])
  const key = await proofKey()
  for (const [away, isTaken] of [
    [-61, false],
    [-59, true],
    [59, true],
    [61, false],
  ] as const) {
    const proof = (more: object = {}) =>
      key.prove(`${server.origin}/bc-authorize`, { iat: now() + away, ...more })
    const ask = async (dpop: string) => calls.authorize(client, { login_hint: 'asha' }, { dpop })
    const answer = await ask(await proof())
    const nonce = answer.headers.get('dpop-nonce')
    await judge(answer, isTaken, 'use_dpop_nonce', `${away} s`)
    await judge(await ask(await proof({ nonce })), true, '', `${away} s, with the nonce`)
  }
})
