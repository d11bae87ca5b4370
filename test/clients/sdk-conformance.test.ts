import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mock, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { CIBA_GRANT, signingPair } from '../support/ciba.ts'
import { type CountersignError, createInitiator, type InitiatorOptions, type Tokens } from '../support/sdk.ts'

// The modules of the OpenID conformance suite for who asks (fapi-ciba-id1-client-test-plan), by their names, without what
// only ConnectID has. The server is played, for it must do what ours never does.

const ISSUER = 'https://as.example'
const CLIENT_ID = 'client-1'
const HANDLE = '1c266114-a1be-4252-8ad1-04986c5b9ac1'
const pair = await signingPair('PS256')
const other = await signingPair('PS256')
const es256 = await signingPair('ES256')
const own = await signingPair('PS256', 'own')

type Json = Record<string, unknown>
type Reply = { status?: number; body: Json; headers?: Record<string, string> }

interface Play {
  metadata?: Json
  acknowledgement?: Reply
  /** What the token endpoint answers, in this order; the last one again and again. Without any: tokens. */
  polls?: Reply[]
  /** Changes of the ID Token. */
  claims?: Json
  idToken?: (claims: Json) => Promise<string> | string
  tokens?: Json
}

const told = (error: string, more: Partial<Reply> = {}): Reply => ({ status: 400, body: { error }, ...more })
const PENDING = told('authorization_pending')
const now = () => Math.floor(Date.now() / 1_000)
const encoded = (value: Json) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A server, as a `fetch`, with what it was sent. */
function play(does: Play) {
  const polledAt: number[] = []
  const forms: URLSearchParams[] = []
  const sign = does.idToken ?? ((claims: Json) => pair.sign(claims))
  const tokens = async (): Promise<Reply> => {
    const accessToken = 'an-access-token'
    const hash = createHash('sha256').update(accessToken).digest().subarray(0, 16).toString('base64url')
    const claims = { iss: ISSUER, sub: 'asha', aud: CLIENT_ID, iat: now(), exp: now() + 300, at_hash: hash }
    const id_token = await sign(JSON.parse(JSON.stringify({ ...claims, ...does.claims })))
    const more = { expires_in: 300, scope: 'openid', ...does.tokens }
    return { body: { access_token: accessToken, token_type: 'Bearer', id_token, ...more } }
  }
  const answer = async (url: string, init: RequestInit): Promise<Reply> => {
    if (url === `${ISSUER}/.well-known/openid-configuration`) {
      return {
        body: {
          issuer: ISSUER,
          jwks_uri: `${ISSUER}/jwks`,
          backchannel_authentication_endpoint: `${ISSUER}/bc`,
          token_endpoint: `${ISSUER}/token`,
          ...does.metadata,
        },
      }
    }
    if (url === `${ISSUER}/jwks`) return { body: { keys: [pair.jwk, es256.jwk] } }
    const form = new URLSearchParams(String(init.body))
    forms.push(form)
    if (url === `${ISSUER}/bc`) {
      return does.acknowledgement ?? { body: { auth_req_id: HANDLE, expires_in: 120, interval: 1 } }
    }
    assert.equal(url, `${ISSUER}/token`)
    if (form.get('grant_type') !== CIBA_GRANT)
      return { body: { ...(await tokens()).body, refresh_token: 'two' } }
    polledAt.push(Date.now())
    const next = does.polls?.[0]
    if (does.polls && (does.polls.length > 1 || next?.status)) does.polls.shift()
    return next ?? tokens()
  }
  const agent = (more: Partial<InitiatorOptions> = {}) =>
    createInitiator({
      issuer: ISSUER,
      clientId: CLIENT_ID,
      key: { privateKey: own.privateKey, alg: 'PS256', kid: 'own' },
      signsRequests: true,
      fetch: async (url, init) => {
        const { status = 200, body, headers = {} } = await answer(url, init)
        return Response.json(body, { status, headers })
      },
      ...more,
    })
  return { agent, polledAt, forms }
}

/** The whole flow. */
async function flow(does: Play): Promise<Tokens> {
  const agent = play(does).agent()
  return agent.wait(await agent.ask({ loginHint: 'asha', bindingMessage: '1234' }))
}

/** The flow with a clock that is moved, so that nobody waits. */
async function timed(does: Play) {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.UTC(2026, 10, 24) })
  try {
    const { agent, polledAt } = play(does)
    // By a secret: what is signed takes time by another clock.
    const asking = agent({ key: undefined, signsRequests: false, clientSecret: 'secret' })
    const asked = await asking.ask({ loginHint: 'asha' })
    let tokens: Tokens | undefined
    const waiting = asking.wait(asked).then((found) => {
      tokens = found
    })
    while (!tokens) {
      for (let i = 0; i < 50; i += 1) await turn()
      if (!tokens) mock.timers.tick(250)
    }
    await waiting
    return polledAt.slice(1).map((at, i) => at - (polledAt[i] ?? 0))
  } finally {
    mock.timers.reset()
  }
}

const module = (name: string, run: () => Promise<void>) => test(`fapi-ciba-id1-client-${name}`, run)
const refusedWith = (name: string, does: Play, expected: Partial<CountersignError>) =>
  module(name, () => assert.rejects(flow(does), { name: 'CountersignError', ...expected }))

module('test', async () => {
  assert.equal((await flow({})).claims?.sub, 'asha')
})
module('refresh-token-test', async () => {
  const agent = play({ tokens: { refresh_token: 'one' } }).agent()
  const first = await agent.wait(await agent.ask({ loginHint: 'asha' }))
  assert.equal(first.refreshToken, 'one')
  assert.equal((await agent.refresh('one')).refreshToken, 'two')
})
module('valid-aud-as-array-test', async () => {
  assert.equal((await flow({ claims: { aud: [CLIENT_ID] } })).claims?.sub, 'asha')
})
module('no-scope-in-token-endpoint-response-test', async () => {
  const { scope, expiresAt } = await flow({ tokens: { scope: undefined, expires_in: undefined } })
  assert.deepEqual([scope, expiresAt], [undefined, undefined])
})
module('respects-interval-test', async () => {
  const acknowledgement = { body: { auth_req_id: HANDLE, expires_in: 120, interval: 31 } }
  const gaps = await timed({ acknowledgement, polls: [PENDING, PENDING] })
  assert.ok(gaps.length === 2 && gaps.every((gap) => gap >= 31_000 && gap < 32_000), String(gaps))
})
module('respects-interval-test: five seconds where none is told', async () => {
  const acknowledgement = { body: { auth_req_id: HANDLE, expires_in: 120 } }
  const [gap = 0] = await timed({ acknowledgement, polls: [PENDING] })
  assert.ok(gap >= 5_000 && gap < 6_000, String(gap))
})
module('slow-down-test', async () => {
  const gaps = await timed({ polls: [PENDING, told('slow_down'), PENDING, told('slow_down'), PENDING] })
  const least = [1, 6, 6, 11, 11]
  assert.equal(gaps.length, least.length)
  gaps.forEach((gap, i) => {
    assert.ok(gap >= (least[i] ?? 0) * 1_000, String(gaps))
  })
})
module('slow-down-test: 429 and 503 with retry-after', async () => {
  const busy = (status: number) => ({ status, body: { error: 'x' }, headers: { 'retry-after': '20' } })
  const gaps = await timed({ polls: [busy(429), busy(503)] })
  assert.ok(gaps.length === 2 && gaps.every((gap) => gap >= 20_000), String(gaps))
})

const answered = (body: Json): Play => ({ acknowledgement: { body } })
refusedWith('invalid-missing-auth-req-id-test', answered({ expires_in: 120 }), { code: 'bad_answer' })
refusedWith('invalid-missing-expiresin-test', answered({ auth_req_id: HANDLE }), { code: 'bad_answer' })
for (const error of ['unknown_user_id', 'expired_login_hint_token', 'invalid_binding_message']) {
  refusedWith(
    `invalid-${error}-test`,
    { acknowledgement: told(error) },
    { code: 'refused', error, status: 400 },
  )
}
refusedWith('token-invalid-request-test', { polls: [told('invalid_request')] }, { code: 'refused' })
refusedWith('invalid-access-denied-test', { polls: [told('access_denied')] }, { code: 'rejected' })
refusedWith('invalid-expired-token-test', { polls: [told('expired_token')] }, { code: 'expired' })
module('token-invalid-request-test: and polls no more', async () => {
  const { agent, polledAt } = play({ polls: [told('invalid_request'), PENDING] })
  const asking = agent()
  await assert.rejects(asking.wait(await asking.ask({ loginHint: 'asha' })), { error: 'invalid_request' })
  assert.equal(polledAt.length, 1)
})

const WRONG: Record<string, Play> = {
  'invalid-iss-test': { claims: { iss: `${ISSUER}/` } },
  'invalid-aud-test': { claims: { aud: 'client-2' } },
  'invalid-secondary-aud-test': { claims: { aud: [CLIENT_ID, 'client-2'] } },
  'invalid-azp-test': { claims: { azp: 'client-2' } },
  'invalid-signature-test': {
    idToken: async (claims) => `${(await pair.sign(claims)).slice(0, -20)}${'A'.repeat(20)}`,
  },
  'invalid-signature-test: by another key': { idToken: (claims) => other.sign(claims) },
  'invalid-null-alg-test': { idToken: (claims) => `${encoded({ alg: 'none' })}.${encoded(claims)}.` },
  'invalid-alternate-alg-test': { idToken: (claims) => es256.sign(claims) },
  'invalid-alternate-alg-test: the public key as a secret': {
    idToken: (claims) => `${encoded({ alg: 'HS256', kid: pair.jwk.kid })}.${encoded(claims)}.AAAA`,
  },
  'invalid-expired-exp-test': { claims: { exp: now() - 300 } },
  'invalid-iat-is-week-in-past-test': { claims: { iat: now() - 7 * 86_400 } },
  'invalid-missing-aud-test': { claims: { aud: undefined } },
  'invalid-missing-exp-test': { claims: { exp: undefined } },
  'invalid-missing-iss-test': { claims: { iss: undefined } },
  'invalid-missing-sub-test': { claims: { sub: undefined } },
  'invalid-at-hash-test': { claims: { at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' } },
  'invalid-missing-id-token-test': { tokens: { id_token: undefined } },
  'invalid-id-token-test': { tokens: { id_token: 'x.y' } },
}
for (const [name, does] of Object.entries(WRONG)) {
  module(name, async () => {
    const agent = play(does).agent({ idTokenAlgs: ['PS256'] })
    const asked = await agent.ask({ loginHint: 'asha' })
    await assert.rejects(agent.wait(asked), { name: 'CountersignError', code: 'bad_token' })
  })
}

/** A ping, as the server sends it. */
async function pinged(change: { authorization?: string; auth_req_id?: string }) {
  const agent = play({}).agent({ mode: 'ping' })
  const asked = await agent.ask({ loginHint: 'asha' })
  const headers = { authorization: change.authorization ?? `Bearer ${asked.notificationToken}` }
  const body = JSON.stringify({ auth_req_id: change.auth_req_id ?? asked.authReqId })
  const receive = () => agent.receive({ headers, body }, (id) => (id === asked.authReqId ? asked : undefined))
  return { agent, asked, receive }
}
module('ping-with-invalid-bearer-token-test', async () => {
  const { receive } = await pinged({ authorization: 'Bearer invalid' })
  await assert.rejects(receive(), { code: 'bad_delivery', status: 401 })
})
module('ping-without-bearer-token-test', async () => {
  const { receive } = await pinged({ authorization: '' })
  await assert.rejects(receive(), { code: 'bad_delivery', status: 401 })
})
module('ping-with-wrong-auth-req-id-test', async () => {
  const { receive } = await pinged({ auth_req_id: 'another' })
  await assert.rejects(receive(), { code: 'bad_delivery', status: 401 })
})
module('ping-duplicate-notification-test', async () => {
  const { agent, asked, receive } = await pinged({})
  assert.deepEqual(await receive(), { kind: 'ping', asked })
  assert.equal((await agent.wait(asked)).claims?.sub, 'asha')
  assert.deepEqual(await receive(), { kind: 'ping', asked })
})

module('discovery: another issuer, and addresses that are not https, are refused', async () => {
  await assert.rejects(flow({ metadata: { issuer: 'https://else.example' } }), { code: 'bad_answer' })
  await assert.rejects(flow({ metadata: { token_endpoint: 'http://as.example/token' } }), { code: 'misuse' })
})
module('request: one hint, all parameters in a signed request of a minute, a token of 256 bits', async () => {
  const { agent, forms } = play({})
  await agent({ mode: 'ping' }).ask({ loginHint: 'asha', requestedExpiry: 60 })
  const [form] = forms
  assert.deepEqual([...(form?.keys() ?? [])].sort(), [
    'client_assertion',
    'client_assertion_type',
    'client_id',
    'request',
  ])
  const [, body = ''] = (form?.get('request') ?? '').split('.')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, string & number>
  assert.deepEqual([claims.iss, claims.aud, claims.login_hint], [CLIENT_ID, ISSUER, 'asha'])
  assert.ok((claims.exp ?? 0) - (claims.nbf ?? 0) === 60 && claims.jti && claims.iat)
  assert.equal(Buffer.from(claims.client_notification_token ?? '', 'base64url').length, 32)
})
