import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { calculateJwkThumbprint, decodeJwt } from 'jose'
import { Webhook } from 'standardwebhooks'
import { fetch as fetchBy } from 'undici'
import { callerWith, MTLS_ENV } from '../support/certificates.ts'
import { addInitiator, signingPair, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import {
  type CountersignError,
  createApp,
  createInitiator,
  dpopFetch,
  type InitiatorOptions,
  verifyWebhook,
} from '../support/sdk.ts'
import { startServer, type TestServer } from '../support/server.ts'

// Our own library, as its README shows it, against a whole server.

let server: TestServer
let person: Person
before(async () => {
  server = await startServer({ env: { COUNTERSIGN_CIBA_HOLD: '20s', COUNTERSIGN_CIBA_MOST_OPEN: '100' } })
  person = await server.person({ handle: 'asha' })
})
after(() => server[Symbol.asyncDispose]())

const initiatorOf = (app: TestClient, more: Partial<InitiatorOptions> = {}) =>
  createInitiator({
    issuer: server.origin,
    clientId: app.client_id,
    clientSecret: app.client_secret,
    ...more,
  })

async function initiator(form: Record<string, unknown> = {}, more: Partial<InitiatorOptions> = {}) {
  return initiatorOf(await addInitiator(server, [person.userId], form), more)
}

/** What a call was refused with. */
async function refusal(call: Promise<unknown>): Promise<CountersignError> {
  const fault = await call.then(
    () => assert.fail('It was not refused.'),
    (reason: CountersignError) => reason,
  )
  assert.equal(fault.name, 'CountersignError', String(fault))
  return fault
}
const codeOf = async (call: Promise<unknown>) => (await refusal(call)).code

describe('createInitiator', () => {
  test('asks, waits in a held poll, and has the tokens the moment the user has approved', async () => {
    const northwind = await initiator({ scope: 'openid accounts' })
    const asked = await northwind.ask({ loginHint: 'asha', scope: 'openid accounts', bindingMessage: '1234' })
    // Plain data: another process may wait for it.
    const waiting = northwind.wait(JSON.parse(JSON.stringify(asked)))
    await person.approve(asked.requestId ?? '')
    const approvedAt = performance.now()
    const tokens = await waiting
    assert.ok(performance.now() - approvedAt < 900, 'sooner than the interval')
    assert.equal(tokens.claims?.sub, person.userId)
    assert.equal(tokens.scope, 'openid accounts')
    assert.ok((tokens.expiresAt ?? 0) > Date.now() + 3_500_000)
    await northwind.revoke(tokens.accessToken)
    assert.deepEqual(
      (await server.select(`select state from tokens where request_id = '${asked.requestId}'`)).map(
        (each) => each.state,
      ),
      ['revoked'],
    )
  })

  test('renews access by the refresh token, and again by the next one', async () => {
    const scope = 'openid offline_access'
    const northwind = await initiator({ scope })
    const asked = await northwind.ask({ loginHint: 'asha', scope })
    await person.approve(asked.requestId ?? '')
    const first = await northwind.wait(asked)
    const second = await northwind.refresh(first.refreshToken ?? '')
    const third = await northwind.refresh(second.refreshToken ?? '')
    assert.equal(new Set([first, second, third].map((each) => each.accessToken)).size, 3)
    const used = await refusal(northwind.refresh(first.refreshToken ?? ''))
    assert.deepEqual([used.code, used.error], ['refused', 'invalid_grant'])
  })

  test('client_secret_post, and private_key_jwt with signed requests by a key that cannot be taken out', async () => {
    const post = await initiator({ token_endpoint_auth_method: 'client_secret_post' }, { secretIn: 'post' })
    assert.ok((await post.ask({ loginHint: 'asha' })).authReqId)

    for (const alg of ['ES256', 'PS256'] as const) {
      const pair = await signingPair(alg)
      const { client_id } = await addInitiator(server, [person.userId], {
        token_endpoint_auth_method: 'private_key_jwt',
        backchannel_authentication_request_signing_alg: alg,
        jwks: pair.jwks,
      })
      const signing = createInitiator({
        issuer: server.origin,
        clientId: client_id,
        key: { privateKey: pair.privateKey, alg, kid: pair.jwk.kid },
        signsRequests: true,
      })
      const asked = await signing.ask({ loginHint: 'asha', bindingMessage: 'Order 7', requestedExpiry: 60 })
      await person.approve(asked.requestId ?? '')
      assert.equal((await signing.wait(asked)).claims?.sub, person.userId)
    }
  })

  test('by a certificate: a fetch that shows one, at the addresses that take them', async () => {
    await using mtls = await startServer({ env: MTLS_ENV })
    const asha = await mtls.person({ handle: 'asha' })
    const { client_id } = await addInitiator(mtls, [asha.userId], {
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_dns: 'agent.example.com',
      tls_client_certificate_bound_access_tokens: true,
    })
    const dispatcher = callerWith('agent')
    const northwind = createInitiator({
      issuer: mtls.origin,
      clientId: client_id,
      fetch: (url, init) => fetchBy(url, { ...init, dispatcher } as object) as unknown as Promise<Response>,
    })
    const asked = await northwind.ask({ loginHint: 'asha' })
    await asha.approve(asked.requestId ?? '')
    const { accessToken } = await northwind.wait(asked)
    assert.deepEqual(Object.keys(decodeJwt(accessToken).cnf as object), ['x5t#S256'])
    await dispatcher.close()
  })

  test('dpopFetch: on a server of the FAPI profile, tokens bound to a key; refreshed, introspected, told a nonce', async () => {
    await using fapi = await startServer({ env: { COUNTERSIGN_CIBA_PROFILE: 'fapi' } })
    const asha = await fapi.person({ handle: 'asha' })
    const pair = await signingPair('ES256')
    const scope = 'openid offline_access'
    const { client_id } = await addInitiator(fapi, [asha.userId], {
      token_endpoint_auth_method: 'private_key_jwt',
      backchannel_authentication_request_signing_alg: 'ES256',
      dpop_bound_access_tokens: true,
      jwks: pair.jwks,
      scope,
    })
    const ec = { name: 'ECDSA', namedCurve: 'P-256' }
    const bound = await crypto.subtle.generateKey(ec, false, ['sign', 'verify'])
    const calls: { url: string; dpop: string | null }[] = []
    const northwind = createInitiator({
      issuer: fapi.origin,
      clientId: client_id,
      key: { privateKey: pair.privateKey, alg: 'ES256', kid: pair.jwk.kid },
      signsRequests: true,
      fetch: await dpopFetch(bound, (url, init) => {
        calls.push({ url, dpop: new Headers(init.headers).get('dpop') })
        return fetch(url, init)
      }),
    })
    const asked = await northwind.ask({ loginHint: 'asha', bindingMessage: 'Order 7', scope })
    await asha.approve(asked.requestId ?? '')
    const first = await northwind.wait(asked)
    assert.equal(first.tokenType, 'DPoP')
    const { x, y } = await crypto.subtle.exportKey('jwk', bound.publicKey)
    const jkt = await calculateJwkThumbprint({ kty: 'EC', crv: 'P-256', x: x ?? '', y: y ?? '' })
    assert.deepEqual(decodeJwt(first.accessToken).cnf, { jkt })
    assert.equal((await northwind.refresh(first.refreshToken ?? '')).tokenType, 'DPoP')
    // No proof where nothing is proven, and the nonce of the server once it was told.
    assert.ok(calls.some(({ url, dpop }) => url.endsWith('/jwks') && dpop === null))
    assert.ok(calls.some(({ dpop }) => dpop && decodeJwt(dpop).nonce))
  })

  test('dpopFetch: who must know a nonce first is called once more, with it, and the hash of the token', async () => {
    const proofs: Record<string, unknown>[] = []
    const bound = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, [
      'sign',
      'verify',
    ])
    const proving = await dpopFetch(bound, async (_url, init) => {
      const claims = decodeJwt(new Headers(init.headers).get('dpop') ?? '')
      proofs.push(claims)
      const headers = { 'dpop-nonce': 'n-1', 'www-authenticate': 'DPoP error="use_dpop_nonce"' }
      return new Response(null, claims.nonce === 'n-1' ? { status: 204 } : { status: 401, headers })
    })
    const answer = await proving('https://bank.example/orders?x=1', {
      headers: { authorization: 'DPoP abc' },
    })
    assert.equal(answer.status, 204)
    const ath = createHash('sha256').update('abc').digest('base64url')
    const expected = { htm: 'GET', htu: 'https://bank.example/orders', ath }
    assert.partialDeepStrictEqual(proofs, [expected, { ...expected, nonce: 'n-1' }])
  })

  test('says why it was refused: code for the program, error of the standard, sentence for people', async () => {
    const app = await addInitiator(server, [person.userId])
    const northwind = initiatorOf(app)
    const unknown = await refusal(northwind.ask({ loginHint: 'nobody' }))
    assert.deepEqual([unknown.code, unknown.error, unknown.status], ['refused', 'unknown_user_id', 400])
    const wrong = await refusal(initiatorOf(app, { clientSecret: 'wrong' }).ask({ loginHint: 'asha' }))
    assert.deepEqual([wrong.code, wrong.error, wrong.status], ['refused', 'invalid_client', 401])
    assert.equal(await codeOf(northwind.ask({})), 'misuse')
    assert.equal(await codeOf(northwind.ask({ loginHint: 'asha', idTokenHint: 'x' })), 'misuse')

    const asked = await northwind.ask({ loginHint: 'asha' })
    await person.reject(asked.requestId ?? '')
    assert.equal(await codeOf(northwind.wait(asked)), 'rejected')
    const gone = createInitiator({ issuer: 'http://localhost:9', clientId: 'x', clientSecret: 'x' })
    assert.equal(await codeOf(gone.ask({ loginHint: 'asha' })), 'unreachable')
    assert.throws(() => createInitiator({ issuer: 'http://sign.example.com', clientId: 'x' }), {
      code: 'misuse',
    })
  })

  test('a retry with the same key is the same ask', async () => {
    const northwind = await initiator()
    const [one, two] = [
      await northwind.ask({ loginHint: 'asha' }, { idempotencyKey: 'run-1' }),
      await northwind.ask({ loginHint: 'asha' }, { idempotencyKey: 'run-1' }),
    ]
    assert.equal(one.requestId, two.requestId)
  })

  test('a deadline and an abort end the wait, not the ask: whoever waits again has the tokens', async () => {
    const northwind = await initiator()
    const asked = await northwind.ask({ loginHint: 'asha' })
    assert.equal(await codeOf(northwind.wait(asked, { timeoutMs: 200 })), 'timeout')

    const stop = new AbortController()
    const waiting = northwind.wait(asked, { signal: stop.signal })
    setTimeout(() => stop.abort(new Error('The run was stopped.')), 100)
    await assert.rejects(waiting, { message: 'The run was stopped.' })

    await person.approve(asked.requestId ?? '')
    assert.equal((await northwind.wait(asked)).claims?.sub, person.userId)
  })

  test('a network that goes for a while costs nothing', async () => {
    let calls = 0
    const northwind = await initiator(
      {},
      {
        fetch: async (url, init) => {
          calls += 1
          if (url.endsWith('/token') && calls < 5) throw new TypeError('fetch failed')
          return fetch(url, init)
        },
      },
    )
    const asked = await northwind.ask({ loginHint: 'asha' })
    await person.approve(asked.requestId ?? '')
    assert.equal((await northwind.wait(asked)).claims?.sub, person.userId)
    assert.ok(calls >= 5)
  })

  test('who keeps Prefer: wait short is answered by then', async () => {
    const northwind = await initiator()
    const asked = await northwind.ask({ loginHint: 'asha' })
    const from = performance.now()
    let polls = 0
    const waiting = northwind.wait(asked, { timeoutMs: 1_500, onPending: () => (polls += 1) })
    assert.equal(await codeOf(waiting), 'timeout')
    assert.ok(performance.now() - from < 2_500)
    assert.ok(polls >= 1, 'the server answered within the time that was left')
  })
})

describe('receive: pings and pushes', () => {
  const stage = async (mode: 'ping' | 'push') => {
    const receiver = await startReceiver()
    const app = await server.addClient({
      kind: 'initiator',
      name: 'Northwind Agent',
      links: [person.userId],
      backchannel_token_delivery_mode: mode,
      backchannel_client_notification_endpoint: receiver.url,
    })
    const northwind = initiatorOf(app, { mode })
    const asked = await northwind.ask({ loginHint: 'asha' })
    const find = (id: string) => (id === asked.authReqId ? asked : undefined)
    const post = async () => {
      const [first] = await receiver.received(1)
      return { headers: first?.headers ?? {}, body: first?.body ?? '' }
    }
    return {
      receiver,
      northwind,
      asked,
      find,
      post,
      app,
      [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
    }
  }

  test('a ping is taken with its own bearer alone, as often as it comes, and the tokens are there', async () => {
    await using played = await stage('ping')
    const { northwind, asked, find, post, app } = played
    await person.approve(asked.requestId ?? '')
    const { headers, body } = await post()
    assert.deepEqual(await northwind.receive({ headers, body }, find), { kind: 'ping', asked })
    const url = 'https://agent.example/ping'
    const request = () =>
      new Request(url, { method: 'POST', headers: headers as Record<string, string>, body })
    assert.equal((await northwind.receive(request(), find)).kind, 'ping', 'a Web Request, and once more')

    assert.equal((await verifyWebhook({ headers, body }, [app.signing_secret])).text, body)
    assert.equal(
      await codeOf(verifyWebhook({ headers, body: `${body} ` }, [app.signing_secret])),
      'bad_delivery',
    )
    for (const authorization of [
      undefined,
      'Bearer wrong',
      'Basic x',
      `Bearer ${asked.notificationToken}x`,
    ]) {
      const fault = await refusal(northwind.receive({ headers: { ...headers, authorization }, body }, find))
      assert.deepEqual([fault.code, fault.status], ['bad_delivery', 401], authorization)
    }
    const other = JSON.stringify({ auth_req_id: 'another' })
    assert.equal(await codeOf(northwind.receive({ headers, body: other }, find)), 'bad_delivery')
    assert.equal(await codeOf(northwind.receive({ headers, body: 'no' }, find)), 'bad_delivery')
    // Signed like every delivery, for who wants to check that as well.
    assert.equal((await verifyWebhook({ headers, body }, [app.signing_secret])).text, body)
    assert.equal(
      await codeOf(verifyWebhook({ headers, body: `${body} ` }, [app.signing_secret])),
      'bad_delivery',
    )

    assert.equal((await northwind.wait(asked)).claims?.sub, person.userId)
  })

  test('a push holds tokens that are bound to the ask, and to each other', async () => {
    await using played = await stage('push')
    const { northwind, asked, find, post } = played
    await person.approve(asked.requestId ?? '')
    const { headers, body } = await post()
    const taken = await northwind.receive({ headers, body }, find)
    assert.ok(taken.kind === 'tokens')
    assert.equal(taken.tokens.claims?.sub, person.userId)

    const changed = (more: object) => ({ headers, body: JSON.stringify({ ...JSON.parse(body), ...more }) })
    assert.equal(
      await codeOf(northwind.receive(changed({ access_token: 'other' }), find)),
      'bad_token',
      'at_hash',
    )
    assert.equal(
      await codeOf(northwind.receive(changed({ refresh_token: 'r' }), find)),
      'bad_token',
      'rt_hash',
    )
    assert.equal(await codeOf(northwind.receive(changed({ id_token: undefined }), find)), 'bad_token')
    const other = { ...asked, authReqId: 'other' }
    const swapped = northwind.receive(changed({ auth_req_id: 'other' }), () => other)
    assert.equal(await codeOf(swapped), 'bad_token', 'auth_req_id')
    assert.equal(await codeOf(northwind.wait(asked)), 'misuse')
  })

  test('a push of a rejection says so', async () => {
    await using played = await stage('push')
    const { northwind, asked, find, post } = played
    await person.reject(asked.requestId ?? '')
    const told = await northwind.receive(await post(), find)
    assert.ok(told.kind === 'error')
    assert.deepEqual([told.error.code, told.error.error], ['rejected', 'access_denied'])
  })
})

describe('createApp', () => {
  const stage = async () => {
    const receiver = await startReceiver()
    const made = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
    const options = {
      origin: server.origin,
      clientId: made.client_id,
      clientSecret: made.client_secret,
      webhookKeys: [made.signing_secret],
    }
    const app = createApp(options)
    return { receiver, made, options, app, [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose]() }
  }

  test('asks, waits, and receives the token: signed, its own, once for each id', async () => {
    await using played = await stage()
    const { receiver, made, options, app } = played
    const asked = await app.ask({ reason: 'Morning run' })
    assert.equal(asked.notifierUrl, receiver.url)
    const waiting = app.wait(asked)
    await person.approve(asked.requestId)
    await waiting
    const [{ headers, body } = assert.fail()] = await receiver.received(1)
    const taken = await app.receive({ headers, body })
    assert.ok(taken.kind === 'token')
    assert.deepEqual([taken.userId, taken.requestId], [person.userId, asked.requestId])
    assert.equal(taken.id, headers['webhook-id'])

    // By another key, changed, too old, of another app, or signed by nobody.
    const other = createApp({ ...options, webhookKeys: [`whsec_${btoa('x'.repeat(32))}`] })
    assert.equal(await codeOf(other.receive({ headers, body })), 'bad_delivery')
    const both = createApp({
      ...options,
      webhookKeys: [`whsec_${btoa('x'.repeat(32))}`, made.signing_secret],
    })
    assert.equal((await both.receive({ headers, body })).kind, 'token', 'while a key is changed')
    assert.equal(
      await codeOf(app.receive({ headers, body: body.replace('Bearer', 'bearer') })),
      'bad_delivery',
    )
    const hook = new Webhook(made.signing_secret)
    const signed = (at: Date, text: string) => ({
      headers: {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
        'webhook-signature': hook.sign('msg_1', at, text),
      },
      body: text,
    })
    assert.equal((await app.receive(signed(new Date(), body))).kind, 'token')
    for (const minutes of [-6, 6]) {
      const fault = await refusal(app.receive(signed(new Date(Date.now() + minutes * 60_000), body)))
      assert.match(fault.message, /old|future/)
    }
    const check = { client_id: made.client_id, message_type: 'check', challenge: 'abc' }
    const asks = await app.receive(signed(new Date(), JSON.stringify(check)))
    assert.deepEqual(asks, { kind: 'check', id: 'msg_1', challenge: 'abc' })
    const foreign = await refusal(app.receive(signed(new Date(), body.replace(made.client_id, 'another'))))
    assert.deepEqual([foreign.code, foreign.status], ['bad_delivery', 400])
    assert.equal(await codeOf(app.receive({ headers: {}, body })), 'bad_delivery')
  })

  test('v1a: an endpoint that holds a public key alone knows the server too', async () => {
    await using played = await stage()
    const { receiver, made, options } = played
    const { public_key: secret } = await person.must<{ public_key: string }>(
      'POST',
      `/v1/me/apps/${made.client_id}/signing-secrets`,
      { scheme: 'v1a' },
    )
    assert.match(secret, /^whpk_/)
    const app = createApp({ ...options, webhookKeys: [secret] })
    const asked = await app.ask()
    await person.approve(asked.requestId)
    const [post = assert.fail()] = await receiver.received(1)
    assert.equal((await app.receive(post)).kind, 'token')

    // What else comes: a sample.
    await person.call('POST', `/v1/me/apps/${made.client_id}/test-delivery`, {})
    const [, sample = assert.fail()] = await receiver.received(2)
    assert.equal((await app.receive(sample)).kind, 'test')
  })

  test('a rejection ends the wait; an ask that is taken back is gone; a wrong secret has a code', async () => {
    await using played = await stage()
    const { options, app } = played
    const asked = await app.ask()
    const waiting = app.wait(asked)
    await person.reject(asked.requestId)
    assert.equal(await codeOf(waiting), 'rejected')

    const again = await app.ask()
    assert.equal(await codeOf(app.wait(again, { timeoutMs: 100 })), 'timeout')
    await app.withdraw(again)
    assert.equal(await codeOf(app.wait(again)), 'rejected')
    const wrong = await refusal(createApp({ ...options, clientSecret: 'wrong' }).ask())
    assert.deepEqual([wrong.code, wrong.error, wrong.status], ['refused', 'UDAPI100069', 401])
  })
})
