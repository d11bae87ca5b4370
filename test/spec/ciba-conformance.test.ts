import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { connect, type SecureVersion } from 'node:tls'
import {
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  generateKeyPair,
  jwtVerify,
  SignJWT,
} from 'jose'
import { fetch as fetchBy } from 'undici'
import { callerWith, MTLS_ENV } from '../support/certificates.ts'
import {
  addInitiator,
  assertionFields,
  CIBA_GRANT,
  cibaCalls,
  errorOf,
  proofKey,
  signingPair,
} from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

// The modules of the OpenID conformance suite for servers (fapi-ciba-id1-test-plan, plain_fapi), by their names, each for
// poll and for ping, by private_key_jwt and by mtls. What the suite does by hand or by its approval address is done by that address here.

const OTHER_DN = 'CN=other,O=Northwind\\, Inc.,C=IN'
const CALLERS = { agent: callerWith('agent'), other: callerWith('other') }
const RESOURCE_KEY = 'cs_resource_for-tests-0123456789'

let server: TestServer
let person: Person
let calls: ReturnType<typeof cibaCalls>
let one: Client
let two: Client
let ahead = 0
/** Where certificates are taken. */
let mtls: string
before(async () => {
  server = await startServer({
    now: () => Date.now() + ahead,
    env: {
      ...MTLS_ENV,
      COUNTERSIGN_CIBA_PROFILE: 'fapi',
      COUNTERSIGN_CIBA_HOLD: '0s',
      COUNTERSIGN_CIBA_MOST_OPEN: '1000',
      COUNTERSIGN_CIBA_RATE_LIMIT: '1000/1s',
      COUNTERSIGN_INTROSPECTION_KEY: RESOURCE_KEY,
    },
  })
  person = await server.person({ handle: 'asha' })
  calls = cibaCalls(server.origin)
  const found = await (await fetch(`${server.origin}/.well-known/openid-configuration`)).json()
  mtls = new URL(
    (found as { mtls_endpoint_aliases: Record<string, string> }).mtls_endpoint_aliases.token_endpoint ?? '',
  ).origin
})
after(() => server[Symbol.asyncDispose]())

type Mode = 'poll' | 'ping'
type Auth = 'private_key_jwt' | 'mtls'
interface Variant {
  mode: Mode
  auth: Auth
  /** By which a client of mtls is known. */
  certificate: 'agent' | 'other'
}
type Json = Record<string, unknown>
type Client = Awaited<ReturnType<typeof register>>

const seconds = () => Math.floor((Date.now() + ahead) / 1_000)
const BEARER = 'a-token-of-the-clients-own-0123456789'
const unsigned = (value: Json) => Buffer.from(JSON.stringify(value)).toString('base64url')

const SUBJECTS = { agent: 'CN=agent,O=Northwind\\, Inc.,C=IN', other: OTHER_DN }

/** A client of the suite: signs by PS256, and its tokens are bound to it, by DPoP or by its certificate. */
async function register({ mode, auth, certificate }: Variant, answer?: Parameters<typeof startReceiver>[0]) {
  const receiver = await startReceiver(answer ?? ((_http, reply) => reply.writeHead(204).end()))
  const pair = await signingPair('PS256')
  const key = await proofKey()
  const { client_id } = await addInitiator(server, [person.userId], {
    backchannel_authentication_request_signing_alg: 'PS256',
    ...(auth === 'mtls'
      ? {
          token_endpoint_auth_method: 'tls_client_auth',
          tls_client_auth_subject_dn: SUBJECTS[certificate],
          tls_client_certificate_bound_access_tokens: true,
        }
      : { token_endpoint_auth_method: 'private_key_jwt', dpop_bound_access_tokens: true }),
    scope: 'openid accounts offline_access',
    jwks: pair.jwks,
    ...(mode === 'ping'
      ? { backchannel_token_delivery_mode: mode, backchannel_client_notification_endpoint: receiver.url }
      : {}),
  })
  /** What says who it is, beside the certificate. */
  const assertion = async (aud = server.origin): Promise<Record<string, string>> =>
    auth === 'mtls' ? { client_id } : pair.assertion(client_id, aud, { exp: seconds() + 60, iat: seconds() })
  const post = async (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) => {
    if (auth !== 'mtls') return calls.post(path, fields, headers)
    const dispatcher = CALLERS[certificate]
    const body = new URLSearchParams(fields)
    return (await fetchBy(mtls + path, { method: 'POST', body, headers, dispatcher })) as unknown as Response
  }

  /** All of a request, as it would be signed. */
  const claims = (more: Json = {}): Json => ({
    iss: client_id,
    aud: server.origin,
    iat: seconds(),
    nbf: seconds(),
    exp: seconds() + 300,
    jti: crypto.randomUUID(),
    scope: 'openid accounts',
    login_hint: 'asha',
    binding_message: '1234',
    ...(mode === 'ping' ? { client_notification_token: BEARER } : {}),
    ...more,
  })
  const send = async (request: string, more: Record<string, string> = {}) =>
    post('/bc-authorize', { request, ...(await assertion()), ...more })
  const ask = async (more: Json = {}) => send(await pair.sign(claims(more)))
  const asked = async (more: Json = {}): Promise<Acknowledgement> => {
    const answer = await ask(more)
    assert.equal(answer.status, 200, await answer.clone().text())
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
    return (await answer.json()) as Acknowledgement
  }
  const redeem = async (fields: Record<string, string>, shown?: Record<string, string>) =>
    post(
      '/token',
      { ...fields, ...(shown ?? (await assertion())) },
      auth === 'mtls' ? {} : { dpop: await key.prove(`${server.origin}/token`, { iat: seconds() }) },
    )
  const fetchTokens = (auth_req_id: string, shown?: Record<string, string>) =>
    redeem({ grant_type: CIBA_GRANT, auth_req_id }, shown)
  /** The approval, the ping where one is due, and the tokens. */
  async function finish({ auth_req_id }: Acknowledgement): Promise<Json> {
    assert.equal((await decide(auth_req_id, 'allow')).status, 200)
    if (mode === 'ping') {
      const ping = () => receiver.posts.find(({ body }) => body.includes(auth_req_id))
      await until(() => ping() !== undefined)
      const post = ping()
      assert.equal(post?.headers.authorization, `Bearer ${BEARER}`)
      assert.match(post?.headers['content-type'] ?? '', /^application\/json/)
      assert.deepEqual(JSON.parse(post?.body ?? ''), { auth_req_id })
    }
    const answer = await fetchTokens(auth_req_id)
    assert.equal(answer.status, 200, await answer.clone().text())
    assert.equal(answer.headers.get('cache-control'), 'no-store')
    return (await answer.json()) as Json
  }
  return {
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
    mode,
    auth,
    post,
    client_id,
    pair,
    key,
    receiver,
    assertion,
    claims,
    send,
    ask,
    asked,
    redeem,
    fetchTokens,
    finish,
  }
}

interface Acknowledgement {
  auth_req_id: string
  expires_in: number
  interval: number
}

const decide = (token: string, type: string) =>
  fetch(`${server.origin}/dev/ciba?${new URLSearchParams({ token, type })}`, { method: 'POST' })

const REFUSED = [400, 'invalid_request']

const MODES = ['poll', 'ping'] as const
const AUTHS = ['private_key_jwt', 'mtls'] as const

/** One module, for each of the variants that it applies to. */
function module(
  name: string,
  run: () => Promise<void>,
  { modes = MODES, auths = AUTHS }: { modes?: readonly Mode[]; auths?: readonly Auth[] } = {},
) {
  for (const auth of auths) {
    for (const mode of modes) {
      test(`fapi-ciba-id1-${name} (${auth}, ${mode})`, async () => {
        one = await known({ mode, auth, certificate: 'agent' })
        two = await known({ mode, auth, certificate: 'other' })
        await run()
      })
    }
  }
}
const clients = new Map<string, Client>()
async function known(variant: Variant) {
  const name = Object.values(variant).join(' ')
  const made = clients.get(name) ?? (await register(variant))
  clients.set(name, made)
  return made
}
after(async () => {
  for (const client of clients.values()) await client[Symbol.asyncDispose]()
  for (const caller of Object.values(CALLERS)) await caller.close()
})

module(
  'discovery-end-point-verification',
  async () => {
    const found = (await (await fetch(`${server.origin}/.well-known/openid-configuration`)).json()) as Json
    const list = (name: string) => found[name] as string[]
    assert.deepEqual(list('backchannel_token_delivery_modes_supported'), ['poll', 'ping'])
    assert.equal(found.backchannel_authentication_endpoint, `${server.origin}/bc-authorize`)
    assert.ok(list('grant_types_supported').includes(CIBA_GRANT))
    assert.ok(list('token_endpoint_auth_methods_supported').includes('private_key_jwt'))
    for (const name of [
      'backchannel_authentication_request_signing_alg_values_supported',
      'token_endpoint_auth_signing_alg_values_supported',
    ]) {
      assert.deepEqual(list(name), ['PS256', 'ES256'])
    }
  },
  { modes: ['poll'], auths: ['private_key_jwt'] },
)

module('main', async () => {
  for (const client of [one, two]) {
    const asked = await client.asked()
    assert.ok(asked.expires_in > 0 && asked.interval > 0)
    // 160 bits or more, and only what RFC 6750 lets stand in a token.
    assert.match(asked.auth_req_id, /^[A-Za-z0-9.\-_]{43,}$/)
    assert.deepEqual(await errorOf(await client.fetchTokens(asked.auth_req_id)), [
      400,
      'authorization_pending',
    ])
    const tokens = await client.finish(asked)

    const keys = createRemoteJWKSet(new URL(`${server.origin}/jwks`))
    const rule = {
      issuer: server.origin,
      audience: client.client_id,
      currentDate: new Date(Date.now() + ahead),
    }
    const { payload, protectedHeader } = await jwtVerify(String(tokens.id_token), keys, rule)
    assert.ok(['PS256', 'ES256'].includes(protectedHeader.alg) && protectedHeader.kid)
    assert.equal(payload.sub, person.userId)
    const digest = Buffer.from(
      await crypto.subtle.digest('SHA-256', Buffer.from(String(tokens.access_token))),
    )
    assert.equal(payload.at_hash, digest.subarray(0, 16).toString('base64url'))
    const { cnf } = decodeJwt(String(tokens.access_token)) as { cnf: object }
    assert.deepEqual(Object.keys(cnf), [client.auth === 'mtls' ? 'x5t#S256' : 'jkt'])
    assert.ok(String(tokens.access_token).length > 100)
    // The service that takes the token.
    const told = await calls.post(
      '/introspect',
      { token: String(tokens.access_token) },
      { authorization: `Bearer ${RESOURCE_KEY}` },
    )
    assert.equal(((await told.json()) as { active: boolean }).active, true)
  }
})

module('user-rejects-authentication', async () => {
  const { auth_req_id } = await one.asked()
  assert.equal((await decide(auth_req_id, 'deny')).status, 200)
  if (one.mode === 'ping')
    await until(() => one.receiver.posts.some(({ body }) => body.includes(auth_req_id)))
  assert.deepEqual(await errorOf(await one.fetchTokens(auth_req_id)), [400, 'access_denied'])
  // Not twice in a row, or the app is paused.
  await one.finish(await one.asked())
})

module('multiple-call-to-token-endpoint', async () => {
  const asked = await one.asked()
  const allowed = ['authorization_pending', 'slow_down', 'invalid_request']
  for (let call = 0; call < 5; call += 1) {
    const [status, error] = await errorOf(await one.fetchTokens(asked.auth_req_id))
    assert.ok(status === 400 && allowed.includes(error), error)
  }
  const isCalled = one.receiver.posts.some(({ body }) => body.includes(asked.auth_req_id))
  assert.ok(!isCalled, 'no call of the notification endpoint while it waits')
  await one.finish(asked)
})

module('auth-req-id-expired', async () => {
  const { auth_req_id, expires_in } = await one.asked({ requested_expiry: 10 })
  assert.equal(expires_in, 10)
  ahead += 11_000
  assert.deepEqual(await errorOf(await one.fetchTokens(auth_req_id)), [400, 'expired_token'])
})

module('ensure-authorization-request-with-binding-message-succeeds', async () => {
  assert.ok((await one.finish(await one.asked({ binding_message: '1234' }))).access_token)
})

module('ensure-authorization-request-with-potentially-bad-binding-message', async () => {
  const long =
    '1234 test 👍 – “Zahlung über 5 €” и ещё немного текста, чтобы стало длинно 1234567890 1234567890'
  const answer = await one.ask({ binding_message: long })
  const id = (answer.headers.get('location') ?? '').replace('/v1/requests/', '')
  const { approval } = await person.review(id)
  assert.equal((JSON.parse(approval) as { binding_message: string }).binding_message, long)
  await one.finish((await answer.json()) as Acknowledgement)
  // What cannot be shown as it is, is refused.
  assert.deepEqual(await errorOf(await one.ask({ binding_message: '12\u202e34' })), [
    400,
    'invalid_binding_message',
  ])
})

module('ensure-other-scope-order-succeeds', async () => {
  const tokens = await one.finish(await one.asked({ scope: 'accounts openid' }))
  assert.deepEqual(String(tokens.scope).split(' ').sort(), ['accounts', 'openid'])
})

module('ensure-requested-expiry-as-string-succeeds', async () => {
  for (const requested_expiry of ['30', 30])
    assert.equal((await one.asked({ requested_expiry })).expires_in, 30)
})

// Each differs in one thing from a request that is taken.
const FAULTS: Record<string, () => Json> = {
  'missing-aud': () => ({ aud: undefined }),
  'bad-aud': () => ({ aud: 'https://else.example' }),
  'missing-iss': () => ({ iss: undefined }),
  'bad-iss': () => ({ iss: two.client_id }),
  'missing-exp': () => ({ exp: undefined }),
  'expired-exp': () => ({ exp: seconds() - 300, nbf: seconds() - 600, iat: seconds() - 600 }),
  'exp-is-70-minutes-in-future': () => ({ exp: seconds() + 70 * 60 }),
  'missing-iat': () => ({ iat: undefined }),
  'missing-nbf': () => ({ nbf: undefined }),
  'nbf-is-10-minutes-in-future': () => ({ nbf: seconds() + 10 * 60, exp: seconds() + 15 * 60 }),
  'nbf-is-70-minutes-in-past': () => ({ nbf: seconds() - 70 * 60 }),
  'missing-jti': () => ({ jti: undefined }),
}
for (const [name, change] of Object.entries(FAULTS)) {
  module(`ensure-request-object-${name}-fails`, async () => {
    assert.deepEqual(await errorOf(await one.ask(change())), REFUSED)
  })
}

const SIGNATURES: Record<string, () => Promise<string> | string> = {
  'signature-algorithm-is-none': () => `${unsigned({ alg: 'none' })}.${unsigned(one.claims())}.`,
  'signature-algorithm-is-bad': async () => `${(await one.pair.sign(one.claims())).slice(0, -8)}AAAAAAAA`,
  'signature-algorithm-is-RS256': async () => rs256(one.claims(), one.pair.jwk.kid),
  'signed-by-other-client': () => two.pair.sign(one.claims()),
}
for (const [name, sign] of Object.entries(SIGNATURES)) {
  module(`ensure-request-object-${name}-fails`, async () => {
    assert.deepEqual(await errorOf(await one.send(await sign())), REFUSED)
  })
}

async function rs256(claims: Json, kid: string) {
  const { privateKey } = await generateKeyPair('RS256')
  return new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid }).sign(privateKey)
}

module('ensure-backchannel-authorization-request-without-request-fails', async () => {
  const fields = {
    scope: 'openid',
    login_hint: 'asha',
    binding_message: '1234',
    client_notification_token: BEARER,
  }
  const answer = await one.post('/bc-authorize', { ...fields, ...(await one.assertion()) })
  assert.deepEqual(await errorOf(answer), REFUSED)
})

module('ensure-authorization-request-with-multiple-hints-fails', async () => {
  const hints = { login_hint: 'asha', id_token_hint: 'x.y.z', login_hint_token: 'x.y.z' }
  assert.deepEqual(await errorOf(await one.ask(hints)), REFUSED)
})

module('ensure-wrong-auth-req-id-in-token-endpoint-request', async () => {
  const asked = await one.asked()
  assert.equal((await decide(asked.auth_req_id, 'allow')).status, 200)
  assert.deepEqual(await errorOf(await two.fetchTokens(asked.auth_req_id)), [400, 'invalid_grant'])
  assert.equal((await one.fetchTokens(asked.auth_req_id)).status, 200)
})

module('ensure-different-client-id-and-issuer-in-backchannel-authorization-request', async () => {
  const answer = await one.post('/bc-authorize', {
    request: await one.pair.sign(one.claims()),
    ...(await two.assertion()),
  })
  assert.deepEqual(await errorOf(answer), one.auth === 'mtls' ? [401, 'invalid_client'] : REFUSED)
})

module('ensure-wrong-client-id-in-backchannel-authorization-request', async () => {
  const answer = await one.send(await one.pair.sign(one.claims()), { client_id: two.client_id })
  assert.deepEqual(await errorOf(answer), [401, 'invalid_client'])
})

module('ensure-wrong-client-id-in-token-endpoint-request', async () => {
  const { auth_req_id } = await one.asked()
  const shown = { ...(await one.assertion()), client_id: two.client_id }
  assert.deepEqual(await errorOf(await one.fetchTokens(auth_req_id, shown)), [401, 'invalid_client'])
})

module(
  'ensure-without-client-assertion-in-backchannel-authorization-request-fails',
  async () => {
    const request = await one.pair.sign(one.claims())
    const answer = await one.post('/bc-authorize', { request, client_id: one.client_id })
    assert.deepEqual(await errorOf(answer), [401, 'invalid_client'])
  },
  { auths: ['private_key_jwt'] },
)

module(
  'ensure-without-client-assertion-in-token-endpoint-fails',
  async () => {
    const { auth_req_id } = await one.asked()
    const answer = await one.fetchTokens(auth_req_id, { client_id: one.client_id })
    assert.deepEqual(await errorOf(answer), [401, 'invalid_client'])
  },
  { auths: ['private_key_jwt'] },
)

/** As the client's own, but for the algorithm. */
async function assertionByRs256() {
  const own = { iss: one.client_id, sub: one.client_id, aud: server.origin, jti: crypto.randomUUID() }
  return assertionFields(await rs256({ ...own, iat: seconds(), exp: seconds() + 60 }, one.pair.jwk.kid))
}
const RS256_ASSERTION = 'ensure-client-assertion-signature-algorithm-in'
module(
  `${RS256_ASSERTION}-backchannel-authorization-request-is-RS256-fails`,
  async () => {
    const request = await one.pair.sign(one.claims())
    const answer = await one.post('/bc-authorize', { request, ...(await assertionByRs256()) })
    assert.deepEqual(await errorOf(answer), [401, 'invalid_client'])
  },
  { auths: ['private_key_jwt'] },
)
module(
  `${RS256_ASSERTION}-token-endpoint-request-is-RS256-fails`,
  async () => {
    const { auth_req_id } = await one.asked()
    const answer = await one.fetchTokens(auth_req_id, await assertionByRs256())
    assert.deepEqual(await errorOf(answer), [401, 'invalid_client'])
  },
  { auths: ['private_key_jwt'] },
)
module(
  'ensure-client-assertion-with-iss-aud-to-token-endpoint-succeeds',
  async () => {
    const asked = await one.asked()
    await decide(asked.auth_req_id, 'allow')
    assert.equal((await one.fetchTokens(asked.auth_req_id, await one.assertion(server.origin))).status, 200)
  },
  { auths: ['private_key_jwt'] },
)

const ENDPOINTS: Record<string, Parameters<typeof startReceiver>[0]> = {
  'ping-backchannel-notification-endpoint-response-has-body': (_http, reply) => reply.end('{"some":"body"}'),
  'ping-backchannel-notification-endpoint-response-401': (_http, reply) => reply.writeHead(401).end(),
  'ping-backchannel-notification-endpoint-response-403': (_http, reply) => reply.writeHead(403).end(),
  'ping-backchannel-notification-endpoint-response-401-and-require-server-does-not-retry': (_http, reply) =>
    reply.writeHead(401).end(),
  'ping-backchannel-notification-endpoint-return-redirect-request': (http, reply) =>
    reply.writeHead(301, { location: `http://${http.headers.host}/elsewhere` }).end(),
}
for (const [name, answer] of Object.entries(ENDPOINTS)) {
  module(
    name,
    async () => {
      await using client = await register({ mode: 'ping', auth: one.auth, certificate: 'agent' }, answer)
      const asked = await client.asked()
      assert.ok((await client.finish(asked)).access_token)
      const attempts = () =>
        server.select(`
        select a.state from delivery_attempts a join deliveries d on d.id = a.delivery_id
         where d.client_id = '${client.client_id}'`)
      await until(async () => (await attempts()).length === 1)
      assert.equal(client.receiver.posts.length, 1, 'called once, and nowhere else')
    },
    { modes: ['ping'] },
  )
}

module(
  'ensure-mtls-holder-of-key-required',
  async () => {
    const { auth_req_id } = await one.asked()
    assert.equal((await decide(auth_req_id, 'allow')).status, 200)
    const fields = { grant_type: CIBA_GRANT, auth_req_id, client_id: one.client_id }
    // Without a certificate, at both addresses, and with another one.
    assert.deepEqual(await errorOf(await calls.post('/token', fields)), [401, 'invalid_client'])
    assert.deepEqual(await errorOf(await two.post('/token', fields)), [401, 'invalid_client'])
    for (const maxVersion of ['TLSv1', 'TLSv1.1'] as const) {
      await assert.rejects(shake(maxVersion), { code: /TLS|PROTOCOL|RESET/ })
    }
    assert.match((await shake('TLSv1.2')) ?? '', /GCM|CHACHA20/)
    assert.equal((await one.fetchTokens(auth_req_id)).status, 200)
  },
  { auths: ['mtls'] },
)

/** Which cipher is agreed upon by a caller that knows no later version. */
async function shake(maxVersion: SecureVersion): Promise<string | undefined> {
  const socket = connect({
    port: Number(new URL(mtls).port),
    host: 'localhost',
    minVersion: 'TLSv1',
    maxVersion,
    ciphers: 'DEFAULT@SECLEVEL=0',
    rejectUnauthorized: false,
  })
  try {
    await once(socket, 'secureConnect')
    return socket.getCipher().name
  } finally {
    socket.destroy()
  }
}

module('refresh-token', async () => {
  const first = await one.finish(await one.asked({ scope: 'openid offline_access' }))
  const refresh_token = String(first.refresh_token)
  const foreign = await two.redeem({ grant_type: 'refresh_token', refresh_token })
  assert.deepEqual(await errorOf(foreign), [400, 'invalid_grant'])
  const answer = await one.redeem({ grant_type: 'refresh_token', refresh_token })
  assert.equal(answer.status, 200, await answer.clone().text())
  const second = (await answer.json()) as Json
  assert.notEqual(second.access_token, first.access_token)
  assert.equal(decodeProtectedHeader(String(second.access_token)).typ, 'at+jwt')
})

// The address itself.

test('the approval address is there in development alone, for callers on the same machine that are no page', async () => {
  const { auth_req_id } = await one.asked()
  const call = (headers: Record<string, string>, query = `token=${auth_req_id}&type=allow`) =>
    fetch(`${server.origin}/dev/ciba?${query}`, { method: 'POST', headers })
  for (const headers of [
    { 'x-forwarded-for': '203.0.113.7' },
    { forwarded: 'for=203.0.113.7' },
    { origin: 'https://evil.example' },
    { 'sec-fetch-site': 'cross-site' },
  ]) {
    assert.deepEqual(await errorOf(await call(headers as Record<string, string>)), [403, 'access_denied'])
  }
  assert.deepEqual(await errorOf(await call({}, `token=${auth_req_id}`)), REFUSED)
  assert.deepEqual(await errorOf(await call({}, `token=${auth_req_id}&type=toString`)), REFUSED)
  assert.deepEqual(await errorOf(await call({}, 'token=x.y&type=allow')), [400, 'invalid_grant'])
  assert.deepEqual(await errorOf(await one.fetchTokens(auth_req_id)), [400, 'authorization_pending'])
  assert.equal((await call({})).status, 200)
  assert.deepEqual((await errorOf(await call({})))[0], 409, 'decided is decided')

  await using strict = await startServer({ env: { COUNTERSIGN_DEV: '0' } })
  const answer = await fetch(`${strict.origin}/dev/ciba?token=x&type=allow`, { method: 'POST' })
  assert.equal(answer.status, 404)
})
