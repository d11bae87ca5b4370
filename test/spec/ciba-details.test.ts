import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { readDetailTypes } from '#clients/detail-types.ts'
import { verifyEvidence } from '#requests/evidence.ts'
import { addInitiator, cibaCalls, errorOf, signingPair, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, basic, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements.

const TYPES = {
  payment: {
    en: 'Make one payment',
    hi: 'एक भुगतान करना',
    dangerous: true,
    fields: {
      'amount.value': { en: 'Amount', hi: 'रकम', required: true },
      'amount.currency': { en: 'Currency', values: ['INR', 'EUR'], required: true },
      creditor: { en: 'To', required: true },
    },
  },
  accounts: {
    en: 'See accounts',
    fields: {
      actions: { en: 'It may', kind: 'list', values: ['list', 'read'] },
      days: { en: 'Days back', kind: 'number' },
      closed: { en: 'Closed ones too', kind: 'flag' },
    },
  },
}
const PAYMENT = { type: 'payment', creditor: 'Köln Strom', amount: { value: '12.50', currency: 'EUR' } }
const ACCOUNTS = { type: 'accounts', actions: ['list', 'read'], days: 30, closed: false }

let server: TestServer
let person: Person
let client: TestClient
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  server = await startServer({
    env: {
      COUNTERSIGN_AUTHORIZATION_DETAILS: JSON.stringify(TYPES),
      COUNTERSIGN_CIBA_MOST_OPEN: '1000',
      COUNTERSIGN_CIBA_HOLD: '0s',
    },
  })
  person = await server.person({ handle: 'asha' })
  client = await addInitiator(server, [person.userId], {
    authorization_details_types: ['payment', 'accounts'],
  })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

const fields = (...details: unknown[]) => ({
  login_hint: 'asha',
  authorization_details: JSON.stringify(details),
})
const refused = async (authorization_details: string, by = client) =>
  errorOf(await calls.authorize(by, { login_hint: 'asha', authorization_details }))
const REFUSED = [400, 'invalid_authorization_details']

interface Tokens {
  access_token: string
  authorization_details?: object[]
}
const introspect = async (token: string, by = client) =>
  (await (await calls.post('/introspect', { token }, basic(by))).json()) as Tokens
const claimed = (token: string) => decodeJwt(token).authorization_details

describe('RFC 9396: authorization_details', () => {
  test('8: the metadata names the types, where there are any', async () => {
    const metadata = async (origin: string) =>
      (await (await fetch(`${origin}/.well-known/openid-configuration`)).json()) as Record<string, unknown>
    const { authorization_details_types_supported: types } = await metadata(server.origin)
    assert.deepEqual(types, ['payment', 'accounts'])
    await using plain = await startServer()
    assert.ok(!('authorization_details_types_supported' in (await metadata(plain.origin))))
  })

  test('78: an unknown type or field, a wrong or missing one, or no array of objects is refused', async () => {
    const before = (await server.select('select count(*) as n from token_requests'))[0]?.n
    for (const text of [
      'x',
      '{}',
      '[]',
      '["payment"]',
      '[{}]',
      '[{"type":"loan"}]',
      JSON.stringify([PAYMENT, { type: 'loan' }]),
      JSON.stringify([{ ...PAYMENT, note: 'x' }]),
      JSON.stringify([{ type: 'payment', creditor: 'x' }]),
      JSON.stringify([{ ...PAYMENT, creditor: 7 }]),
      JSON.stringify([{ ...PAYMENT, creditor: '' }]),
      JSON.stringify([{ ...PAYMENT, creditor: 'a\u202Eb' }]),
      JSON.stringify([{ ...PAYMENT, creditor: 'x'.repeat(201) }]),
      JSON.stringify([{ ...PAYMENT, amount: { value: '1', currency: 'USD' } }]),
      JSON.stringify([{ ...PAYMENT, amount: { value: '1', currency: 'EUR', tip: '1' } }]),
      JSON.stringify([{ type: 'payment', creditor: 'x', 'amount.value': '1', 'amount.currency': 'EUR' }]),
      JSON.stringify([{ ...ACCOUNTS, actions: ['list', 'delete'] }]),
      JSON.stringify([{ ...ACCOUNTS, actions: 'list' }]),
      JSON.stringify([{ ...ACCOUNTS, days: '30' }]),
      JSON.stringify([{ ...ACCOUNTS, closed: 'no' }]),
      JSON.stringify([{ ...ACCOUNTS, closed: null }]),
      JSON.stringify([{ ...ACCOUNTS, days: {} }]),
      JSON.stringify(Array(11).fill(ACCOUNTS)),
      '[{"type":"accounts","__proto__":{"x":1}}]',
    ]) {
      assert.deepEqual(await refused(text), REFUSED, text)
    }
    assert.equal((await server.select('select count(*) as n from token_requests'))[0]?.n, before)
  })

  test('78: a client asks for the types that it is registered for, and no others', async () => {
    const other = await addInitiator(server, [person.userId], { authorization_details_types: ['accounts'] })
    const none = await addInitiator(server, [person.userId])
    assert.deepEqual(await refused(JSON.stringify([PAYMENT]), other), REFUSED)
    assert.deepEqual(await refused(JSON.stringify([ACCOUNTS]), none), REFUSED)
    assert.equal((await calls.authorize(other, fields(ACCOUNTS))).status, 200)
  })

  test('78: a type that no operator declared is refused at the registration, with a sentence', async () => {
    const register = async (at: TestServer, types: string[]) => {
      const form = { kind: 'initiator', name: 'Agent', authorization_details_types: types }
      const answer = await fetch(`${at.origin}/v1/admin/clients`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify(form),
      })
      const { code, detail } = (await answer.json()) as { code?: string; detail?: string }
      return [answer.status, code, detail]
    }
    const before = (await server.select('select count(*) as n from clients'))[0]?.n
    assert.deepEqual(await register(server, ['payment', 'pay']), [
      400,
      'client_metadata_refused',
      'This server has no authorization_details of type pay; there are payment, accounts.',
    ])
    assert.equal((await server.select('select count(*) as n from clients'))[0]?.n, before)
    await using plain = await startServer({ env: server.storeEnv, data: server.folder })
    const [status, , detail] = await register(plain, ['payment'])
    assert.equal(status, 400)
    assert.match(String(detail), /operator declares them in COUNTERSIGN_AUTHORIZATION_DETAILS/)
  })

  test('78: a type whose words are gone stays registered, so that other terms can still be changed', async () => {
    const { client_id } = await addInitiator(server, [], {
      user_id: person.userId,
      authorization_details_types: ['payment'],
    })
    await using plain = await startServer({ env: server.storeEnv, data: server.folder })
    const change = (types: string[]) =>
      fetch(`${plain.origin}/v1/me/apps/${client_id}/ciba`, {
        method: 'PUT',
        headers: { origin: plain.origin, 'content-type': 'application/json', cookie: person.cookie() },
        body: JSON.stringify({
          backchannel_token_delivery_mode: 'poll',
          scope: 'openid accounts',
          authorization_details_types: types,
        }),
      })
    assert.equal((await change(['payment', 'accounts'])).status, 400)
    assert.equal((await change(['payment'])).status, 200)
  })

  test('29, 78: shown in words, signed as asked, and granted in token, token response and introspection', async () => {
    const { requestId, auth_req_id } = await calls.ask(client, fields(PAYMENT, ACCOUNTS))
    const { approval } = await person.review(requestId)
    const [payment, accounts] = JSON.parse(approval).authorization_details
    assert.deepEqual(payment, {
      granted: true,
      texts: { en: 'Make one payment', hi: 'एक भुगतान करना' },
      dangerous: true,
      fields: [
        { name: 'amount.value', texts: { en: 'Amount', hi: 'रकम' } },
        { name: 'amount.currency', texts: { en: 'Currency' } },
        { name: 'creditor', texts: { en: 'To' } },
      ],
      detail: PAYMENT,
    })
    assert.equal(accounts.fields.length, 3)
    assert.equal((await person.approve(requestId)).status, 200)
    const tokens = (await (await calls.poll(client, auth_req_id)).json()) as Tokens
    for (const granted of [
      tokens.authorization_details,
      claimed(tokens.access_token),
      (await introspect(tokens.access_token)).authorization_details,
    ]) {
      assert.deepEqual(granted, [PAYMENT, ACCOUNTS])
    }
  })

  test('46, 78: the user keeps a part back; what is left is signed, in token, token response and introspection', async () => {
    const { requestId, auth_req_id } = await calls.ask(client, fields(PAYMENT, ACCOUNTS))
    const whole = await person.review(requestId)
    const part = await person.review(requestId, [0])
    assert.notEqual(whole.options.challenge, part.options.challenge)
    const answer = await person.approveWith(requestId, person.passkey.assert(part.options))
    assert.equal(answer.status, 200, await answer.text())
    const tokens = (await (await calls.poll(client, auth_req_id)).json()) as Tokens
    for (const granted of [
      tokens.authorization_details,
      claimed(tokens.access_token),
      (await introspect(tokens.access_token)).authorization_details,
    ]) {
      assert.deepEqual(granted, [ACCOUNTS])
    }
    const evidence = await person.call('GET', `/v1/me/requests/${requestId}/evidence`)
    const { approval } = await verifyEvidence(await evidence.text())
    const shown = approval.authorization_details as { granted: boolean }[]
    assert.deepEqual(
      shown.map(({ granted }) => granted),
      [false, true],
    )
  })

  test('78: keeping all of it back is no approval, nor is keeping back what was not asked', async () => {
    const { requestId } = await calls.ask(client, fields(PAYMENT, ACCOUNTS))
    for (const [withheld, code] of [
      [[0, 1], 'nothing_granted'],
      [[2], 'input_invalid'],
      [[-1], 'input_invalid'],
    ] as const) {
      const answer = await person.call('POST', `/v1/me/requests/${requestId}/review`, { withheld })
      assert.equal(answer.status, 400)
      assert.equal(((await answer.json()) as { code: string }).code, code)
    }
  })

  test('59, 78: a push holds what was granted', async () => {
    await using receiver = await startReceiver()
    const pushed = await addInitiator(server, [person.userId], {
      authorization_details_types: ['payment', 'accounts'],
      backchannel_token_delivery_mode: 'push',
      backchannel_client_notification_endpoint: receiver.url,
    })
    const { requestId } = await calls.ask(pushed, {
      ...fields(ACCOUNTS, PAYMENT),
      client_notification_token: 'a-token-of-the-clients-own',
    })
    assert.equal((await person.approve(requestId, [1])).status, 200)
    const [post] = await receiver.received(1)
    const tokens = JSON.parse(post?.body ?? '') as Tokens
    assert.deepEqual(tokens.authorization_details, [ACCOUNTS])
    assert.deepEqual(claimed(tokens.access_token), [ACCOUNTS])
  })

  test('33, 78: in a signed request as JSON or as text', async () => {
    const pair = await signingPair()
    const signer = await addInitiator(server, [person.userId], {
      authorization_details_types: ['accounts'],
      jwks: pair.jwks,
      backchannel_authentication_request_signing_alg: 'ES256',
    })
    for (const authorization_details of [[ACCOUNTS], JSON.stringify([ACCOUNTS])]) {
      const now = Math.floor(Date.now() / 1_000)
      const times = { iat: now, nbf: now, exp: now + 60, jti: crypto.randomUUID() }
      const request = await pair.sign({
        ...times,
        iss: signer.client_id,
        aud: server.origin,
        scope: 'openid',
        login_hint: 'asha',
        authorization_details,
      })
      const answer = await calls.post('/bc-authorize', { request }, basic(signer))
      assert.equal(answer.status, 200, await answer.clone().text())
      const id = (answer.headers.get('location') ?? '').replace('/v1/requests/', '')
      assert.deepEqual(
        JSON.parse((await person.review(id)).approval).authorization_details[0].detail,
        ACCOUNTS,
      )
    }
  })

  test('78: types that cannot be read stop the start, with what is wrong', () => {
    for (const [json, why] of [
      ['[]', /must be a JSON object/],
      ['{"a b":{"en":"x"}}', /names no type/],
      ['{"a":{"hi":"x"}}', /must say of “a” a sentence/],
      ['{"a":{"en":"x","fields":{"n":{"en":"N","kind":"date"}}}}', /must say of the field “n” of “a”/],
      ['{"a":{"en":"x","fields":{"type":"T"}}}', /must say of the field “type”/],
      ['{"a":{"en":"x","fields":{"n":{"en":"N","kind":"number","values":["1"]}}}}', /field “n”/],
    ] as const) {
      assert.throws(() => readDetailTypes(json), why)
    }
  })
})
