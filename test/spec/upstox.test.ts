import assert from 'node:assert/strict'
import { request as rawRequest } from 'node:http'
import { after, before, describe, test } from 'node:test'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { basic, heldClock, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list "What a drop-in compatible server must do".

interface Envelope {
  status: string
  errors: Record<string, unknown>[]
}

let server: TestServer
let person: Person
let receiver: Awaited<ReturnType<typeof startReceiver>>
const clock = heldClock()

before(async () => {
  receiver = await startReceiver()
  server = await startServer({ now: clock.now })
  person = await server.person()
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await receiver[Symbol.asyncDispose]()
})

const newClient = (form: Record<string, unknown> = {}) =>
  server.addClient({ user_id: person.userId, notifier_url: receiver.url, ...form })

/** An error is told in the envelope, in both spellings, with the status and code that are expected. */
async function refused(answer: Response, status: number, code: string): Promise<string> {
  const text = await answer.text()
  assert.equal(answer.status, status, text)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
  const body = JSON.parse(text) as Envelope
  assert.deepEqual(Object.keys(body), ['status', 'errors'])
  assert.equal(body.status, 'error')
  const [error] = body.errors
  assert.deepEqual(Object.keys(error ?? {}), [
    'errorCode',
    'message',
    'propertyPath',
    'invalidValue',
    'error_code',
    'property_path',
    'invalid_value',
  ])
  assert.equal(error?.errorCode, code)
  assert.equal(error?.error_code, code)
  return String(error?.message)
}

describe('Access Token Request', () => {
  test('1, 2: answers 200 with exactly two keys, both strings, and no more', async () => {
    const client = await newClient()
    const answer = await server.ask(client.client_id, { client_secret: client.client_secret })

    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
    const expiry = Date.UTC(2026, 10, 24, 22, 0)
    assert.equal(
      await answer.text(),
      `{"status":"success","data":{"authorization_expiry":"${expiry}","notifier_url":"${receiver.url}"}}`,
    )
    assert.match(answer.headers.get('location') ?? '', /^\/v1\/requests\/req_/)
  })

  test('1: unknown fields and headers are let pass', async () => {
    const client = await newClient()
    const answer = await fetch(`${server.origin}/v3/login/auth/token/request/${client.client_id}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'api-version': '2.0', 'x-anything': 'yes' },
      body: JSON.stringify({
        client_secret: client.client_secret,
        client_id: 'x',
        otp_verification_disabled: true,
      }),
    })
    assert.equal(answer.status, 200)
  })

  test('1: the id in the path is percent-decoded', async () => {
    const client = await newClient()
    const encoded = client.client_id
      .replaceAll('-', '%2D')
      .replace(/^./, (c) => `%${c.charCodeAt(0).toString(16)}`)
    assert.equal((await server.ask(encoded, { client_secret: client.client_secret })).status, 200)
  })

  for (const [now, expiry] of [
    ['2026-11-24T14:30:00Z', '2026-11-24T22:00:00Z'], // 20:00 on Tuesday in India
    ['2026-11-24T21:00:00Z', '2026-11-24T22:00:00Z'], // 02:30 on Wednesday: the same Wednesday
    ['2026-11-24T21:59:59.999Z', '2026-11-24T22:00:00Z'],
    ['2026-11-24T22:00:00Z', '2026-11-25T22:00:00Z'], // 03:30 sharp: the next one
  ] as const) {
    test(`3: asked at ${now}, request and token end at ${expiry}`, async () => {
      const at = clock.now()
      clock.moveTo(Date.parse(now))
      const other = await server.person()
      const client = await newClient({ user_id: other.userId })
      const answer = await server.ask(client.client_id, { client_secret: client.client_secret })
      const { data } = (await answer.json()) as { data: { authorization_expiry: string } }
      assert.equal(data.authorization_expiry, String(Date.parse(expiry)))

      const id = (answer.headers.get('location') ?? '').replace('/v1/requests/', '')
      const before = receiver.posts.length
      assert.equal((await other.approve(id)).status, 200)
      const post = (await receiver.received(before + 1)).at(-1)
      assert.equal(JSON.parse(post?.body ?? '').expires_at, String(Date.parse(expiry)))
      clock.moveTo(at)
    })
  }

  test('a repeat while one is open returns the open one', async () => {
    const client = await newClient()
    const first = await server.openRequest(client)
    assert.equal(await server.openRequest(client), first)
    await person.reject(first)
    assert.notEqual(await server.openRequest(client), first)
  })

  test('twenty repeats at the same moment are one request', async () => {
    const client = await newClient()
    const ids = await Promise.all(Array.from({ length: 20 }, () => server.openRequest(client)))
    assert.equal(new Set(ids).size, 1)
  })

  test('asks of many apps at the same moment are told apart, and one that is refused takes none with it', async () => {
    const clients = await Promise.all(Array.from({ length: 12 }, () => newClient()))
    const paused = clients[5] as (typeof clients)[number]
    for (let i = 0; i < 2; i += 1) await person.reject(await server.openRequest(paused))
    const ask = (client: (typeof clients)[number]) =>
      server.ask(client.client_id, { client_secret: client.client_secret })
    const answers = await Promise.all([...clients, ...clients].map(ask))

    const ids = answers.map((answer) => answer.headers.get('location'))
    const others = clients.filter((client) => client !== paused)
    assert.equal(new Set(ids.filter((id) => id !== null)).size, others.length)
    for (const [at, client] of clients.entries()) {
      assert.equal(answers[at]?.status, client === paused ? 429 : 200)
      assert.equal(ids[at], ids[at + clients.length], 'a repeat is the same request')
    }
    for (const [at, client] of clients.entries()) {
      if (client === paused) continue
      const id = ids[at]?.replace('/v1/requests/', '') ?? ''
      const shown = await person.must<{ client: { id?: string } }>('GET', `/v1/me/requests/${id}`)
      assert.equal(JSON.stringify(shown).includes(client.client_id), true, 'of its own app')
      await person.reject(id)
    }
  })
})

describe('the notifier webhook', () => {
  test('4: holds exactly seven fields, all of them strings', async () => {
    const client = await newClient()
    const before = receiver.posts.length
    await person.approve(await server.openRequest(client))
    const post = (await receiver.received(before + 1)).at(-1)
    const payload = JSON.parse(post?.body ?? '') as Record<string, unknown>

    assert.deepEqual(Object.keys(payload), [
      'client_id',
      'user_id',
      'access_token',
      'token_type',
      'expires_at',
      'issued_at',
      'message_type',
    ])
    assert.ok(Object.values(payload).every((value) => typeof value === 'string'))
    assert.equal(payload.client_id, client.client_id)
    assert.equal(payload.user_id, person.userId)
    assert.equal(payload.token_type, 'Bearer')
    assert.equal(payload.message_type, 'access_token')
    assert.equal(payload.issued_at, String(clock.now()))
    assert.match(post?.headers['content-type'] ?? '', /^application\/json/)
    assert.equal(post?.headers.authorization, undefined)
  })

  test('6: a rejection, a withdrawal and an expiry send nothing', async () => {
    const client = await newClient()
    const before = receiver.posts.length
    const rejected = await server.openRequest(client)
    await person.reject(rejected)
    const withdrawn = await server.openRequest(client)
    await fetch(`${server.origin}/v1/requests/${withdrawn}`, { method: 'DELETE', headers: basic(client) })
    // A delivery would be on its way at once: one that follows shows that the others were not.
    await person.approve(await server.openRequest(client))
    await receiver.received(before + 1)
    assert.equal(receiver.posts.length, before + 1)
    assert.equal((await server.requestStatus(client, rejected)).status, 'rejected')
    assert.equal((await server.requestStatus(client, withdrawn)).status, 'withdrawn')
  })
})

describe('errors', () => {
  test('7: a wrong secret and an unknown client are told alike, UDAPI100069', async () => {
    const client = await newClient()
    const wrong = await refused(
      await server.ask(client.client_id, { client_secret: 'wrong' }),
      401,
      'UDAPI100069',
    )
    const unknown = await refused(await server.ask('nobody', { client_secret: 'wrong' }), 401, 'UDAPI100069')
    assert.equal(wrong, unknown)
  })

  test('9: no notifier URL is UDAPI1123', async () => {
    const client = await newClient({ notifier_url: undefined })
    await refused(
      await server.ask(client.client_id, { client_secret: client.client_secret }),
      400,
      'UDAPI1123',
    )
  })

  test('9: a client of many users is UDAPI1124', async () => {
    const client = await server.addClient({ kind: 'initiator', notifier_url: receiver.url })
    await refused(
      await server.ask(client.client_id, { client_secret: client.client_secret }),
      400,
      'UDAPI1124',
    )
  })

  for (const [state, code] of [
    ['under_review', 'UDAPI1155'],
    ['rejected', 'UDAPI1155'],
    ['expired', 'UDAPI1157'],
    ['disabled', 'UDAPI100073'],
  ] as const) {
    test(`9: an app that is ${state} is ${code}`, async () => {
      const client = await newClient()
      await server.admin(`/v1/admin/clients/${client.client_id}/state`, { state })
      await refused(await server.ask(client.client_id, { client_secret: client.client_secret }), 400, code)
    })
  }

  const ask = (body: string | Uint8Array<ArrayBuffer>, contentType: string | null, id = 'some-client') =>
    fetch(`${server.origin}/v3/login/auth/token/request/${id}`, {
      method: 'POST',
      ...(contentType ? { headers: { 'content-type': contentType }, body } : {}),
    })

  for (const [what, body, contentType, status, code] of [
    ['an empty body', '', 'application/json', 400, 'UDAPI1024'],
    ['no body and no content type', '', null, 400, 'UDAPI1024'],
    ['an empty object', '{}', 'application/json', 400, 'UDAPI1024'],
    ['an array', '[{"client_secret":"x"}]', 'application/json', 400, 'UDAPI1024'],
    ['a number', '42', 'application/json', 400, 'UDAPI1024'],
    ['null', 'null', 'application/json', 400, 'UDAPI1024'],
    ['a secret that is null', '{"client_secret":null}', 'application/json', 400, 'UDAPI1024'],
    ['a secret that is empty', '{"client_secret":""}', 'application/json', 400, 'UDAPI1024'],
    ['a secret that is an object', '{"client_secret":{"a":1}}', 'application/json', 400, 'UDAPI100038'],
    [
      'a form labelled JSON',
      'client_secret=%7Byour_client_secret%7D',
      'application/json',
      400,
      'UDAPI100038',
    ],
    ['a form', 'client_secret=x', 'application/x-www-form-urlencoded', 415, 'UDAPI100038'],
    ['plain text', '{"client_secret":"x"}', 'text/plain', 415, 'UDAPI100038'],
    ['broken JSON', '{"client_secret":', 'application/json', 400, 'UDAPI100038'],
    ['1 MB', `{"client_secret":"${'x'.repeat(1_000_000)}"}`, 'application/json', 413, 'UDAPI100038'],
    ['NUL bytes', '\0\0\0', 'application/json', 400, 'UDAPI100038'],
    ['a NUL in the secret', '{"client_secret":"a\\u0000b"}', 'application/json', 400, 'UDAPI100038'],
    ['a lone surrogate in the secret', '{"client_secret":"\\ud800"}', 'application/json', 401, 'UDAPI100069'],
    ['a prototype', '{"__proto__":{"client_secret":"x"}}', 'application/json', 400, 'UDAPI1024'],
    ['a reason that is a number', '{"client_secret":"x","reason":5}', 'application/json', 400, 'UDAPI100038'],
  ] as const) {
    test(`8: ${what} is ${status} ${code}`, async () => {
      await refused(await ask(body, contentType), status, code)
    })
  }

  for (const [path, status, code] of [
    ['%00', 401, 'UDAPI100069'],
    ['a%20b%2Fc%25', 401, 'UDAPI100069'],
    ['%F0%9F%94%91', 401, 'UDAPI100069'],
    ['%zz', 400, 'UDAPI100038'],
    ['%c3%28', 400, 'UDAPI100038'],
    ['%20', 400, 'UDAPI1017'],
    ['', 400, 'UDAPI1017'],
    ['x/y', 404, 'UDAPI100060'],
  ] as const) {
    test(`8: the client id ${path || '(none)'} is ${status} ${code}`, async () => {
      await refused(await ask('{"client_secret":"x"}', 'application/json', path), status, code)
    })
  }

  test('8: an id of 400 characters is unknown', async () => {
    await refused(await ask('{"client_secret":"x"}', 'application/json', 'a'.repeat(400)), 401, 'UDAPI100069')
  })

  test('an address that is not there is UDAPI100060, and so is another method', async () => {
    await refused(await fetch(`${server.origin}/v2/nothing`), 404, 'UDAPI100060')
    await refused(await fetch(`${server.origin}/v3/login/auth/token/request/x`), 404, 'UDAPI100060')
  })

  test('8: nothing of this address is ever redirected', async () => {
    const client = await newClient()
    for (const path of [
      `${client.client_id}/`,
      `${client.client_id}//`,
      `./${client.client_id}`,
      client.client_id,
    ]) {
      const status = await rawStatus(
        `/v3/login/auth/token/request/${path}`,
        `{"client_secret":"${client.client_secret}"}`,
      )
      assert.ok(status < 300 || status >= 400, `${path}: ${status}`)
    }
  })

  test('13: too many calls are 429 UDAPI10005 with retry-after', async () => {
    await using small = await startServer({ env: { COUNTERSIGN_UPSTOX_RATE_LIMIT: '5/1m' } })
    const owner = await small.person()
    const client = await small.addClient({ user_id: owner.userId, notifier_url: receiver.url })
    const secret = { client_secret: client.client_secret }
    for (let i = 0; i < 5; i += 1) assert.equal((await small.ask(client.client_id, secret)).status, 200)
    const answer = await small.ask(client.client_id, secret)
    assert.ok(Number(answer.headers.get('retry-after')) > 0)
    await refused(answer, 429, 'UDAPI10005')

    // Whoever does not know the secret cannot use up the calls of a client.
    const other = await small.addClient({ user_id: owner.userId, notifier_url: receiver.url })
    for (let i = 0; i < 10; i += 1) await small.ask(other.client_id, { client_secret: 'wrong' })
    assert.equal((await small.ask(other.client_id, { client_secret: other.client_secret })).status, 200)
  })
})

describe('logout', () => {
  const logout = (token?: string) =>
    fetch(`${server.origin}/v2/logout`, {
      method: 'DELETE',
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    })

  test('12: ends the token that is sent along, once', async () => {
    const client = await newClient()
    const before = receiver.posts.length
    await person.approve(await server.openRequest(client))
    const post = (await receiver.received(before + 1)).at(-1)
    const { access_token } = JSON.parse(post?.body ?? '')

    const answer = await logout(access_token)
    assert.equal(answer.status, 200)
    assert.deepEqual(await answer.json(), { status: 'success', data: true })
    await refused(await logout(access_token), 401, 'UDAPI100050')
  })

  test('no token, or none of ours, is UDAPI100050', async () => {
    await refused(await logout(), 401, 'UDAPI100050')
    await refused(await logout('nothing'), 401, 'UDAPI100050')
  })
})

describe('authorize and get token', () => {
  const redirect = 'https://127.0.0.1:5000/callback'
  const dialog = (query: Record<string, string>) =>
    fetch(`${server.origin}/v2/login/authorization/dialog?${new URLSearchParams(query)}`, {
      redirect: 'manual',
    })
  const getToken = (form: Record<string, string>) =>
    fetch(`${server.origin}/v2/login/authorization/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'api-version': '2.0' },
      body: new URLSearchParams(form),
    })

  test('12: the browser is sent to the page, the user approves, and the code is good for one token', async () => {
    const client = await newClient({ redirect_url: redirect })
    const shown = await dialog({
      client_id: client.client_id,
      redirect_uri: redirect,
      response_type: 'code',
      state: 'XX56849',
    })
    assert.equal(shown.status, 302)
    const page = new URL(shown.headers.get('location') ?? '')
    assert.equal(`${page.origin}${page.pathname}`, `${server.origin}/authorize`)

    const { request_id } = await person.must<{ request_id: string }>(
      'POST',
      '/v1/me/authorizations',
      Object.fromEntries(page.searchParams),
    )
    const decided = (await (await person.approve(request_id)).json()) as { redirect_to: string }
    const back = new URL(decided.redirect_to)
    assert.equal(back.origin + back.pathname, redirect)
    assert.equal(back.searchParams.get('state'), 'XX56849')

    const form = {
      code: back.searchParams.get('code') ?? '',
      client_id: client.client_id,
      client_secret: client.client_secret,
      redirect_uri: redirect,
      grant_type: 'authorization_code',
    }
    const answer = await getToken(form)
    assert.equal(answer.status, 200)
    const body = (await answer.json()) as Record<string, unknown>
    assert.equal(body.user_id, person.userId)
    assert.equal(typeof body.access_token, 'string')
    await refused(await getToken(form), 400, 'UDAPI100057')
  })

  test('a code is used up by a try with another redirect address', async () => {
    const client = await newClient({ redirect_url: redirect })
    const asked = { client_id: client.client_id, redirect_uri: redirect }
    const { request_id } = await person.must<{ request_id: string }>('POST', '/v1/me/authorizations', asked)
    const decided = (await (await person.approve(request_id)).json()) as { redirect_to: string }
    const form = {
      code: new URL(decided.redirect_to).searchParams.get('code') ?? '',
      client_id: client.client_id,
      client_secret: client.client_secret,
      grant_type: 'authorization_code',
    }
    await refused(await getToken({ ...form, redirect_uri: 'https://evil.example.com' }), 400, 'UDAPI100057')
    await refused(await getToken({ ...form, redirect_uri: redirect }), 400, 'UDAPI100057')
  })

  test('a rejection goes back to the app as access_denied', async () => {
    const client = await newClient({ redirect_url: redirect })
    const asked = { client_id: client.client_id, redirect_uri: redirect }
    const { request_id } = await person.must<{ request_id: string }>('POST', '/v1/me/authorizations', asked)
    const decided = (await (await person.reject(request_id)).json()) as { redirect_to: string }
    assert.equal(decided.redirect_to, `${redirect}?error=access_denied`)
  })

  test('nobody is sent to an address that is not registered', async () => {
    const client = await newClient({ redirect_url: redirect })
    const asked = { client_id: client.client_id, response_type: 'code' }
    await refused(await dialog({ ...asked, redirect_uri: 'https://evil.example.com' }), 401, 'UDAPI100068')
    await refused(await dialog({ ...asked, redirect_uri: redirect, client_id: 'nobody' }), 401, 'UDAPI100068')
  })

  test("another user's app cannot ask whoever is signed in", async () => {
    const other = await server.person()
    const client = await newClient({ redirect_url: redirect })
    const answer = await other.call('POST', '/v1/me/authorizations', {
      client_id: client.client_id,
      redirect_uri: redirect,
    })
    assert.equal(answer.status, 404)
  })
})

describe('the status of an ask', () => {
  test('is told to the client that asked, and to nobody else', async () => {
    const client = await newClient()
    const other = await newClient()
    const id = await server.openRequest(client)
    const status = await server.requestStatus(client, id)
    assert.equal(status.status, 'pending')
    assert.deepEqual(
      status.timeline.map(({ event }) => event),
      ['asked'],
    )
    for (const headers of [basic(other), basic({ ...client, client_secret: 'wrong' }), {}]) {
      const answer = await fetch(`${server.origin}/v1/requests/${id}`, { headers })
      assert.ok([401, 404].includes(answer.status))
    }
  })

  test('a withdrawn request cannot be approved', async () => {
    const client = await newClient()
    const id = await server.openRequest(client)
    const { options } = await person.review(id)
    const gone = await fetch(`${server.origin}/v1/requests/${id}`, {
      method: 'DELETE',
      headers: basic(client),
    })
    assert.equal(gone.status, 204)
    const answer = await person.approveWith(id, person.passkey.assert(options))
    assert.equal(answer.status, 409)
    assert.equal(((await answer.json()) as { state: string }).state, 'withdrawn')
    const again = await fetch(`${server.origin}/v1/requests/${id}`, {
      method: 'DELETE',
      headers: basic(client),
    })
    assert.equal(again.status, 409)
  })
})

/** A raw call, since `fetch` would tidy the path. */
const rawStatus = (path: string, body: string) =>
  new Promise<number>((resolve, reject) => {
    const { hostname, port } = new URL(server.origin)
    const http = rawRequest(
      { hostname, port, path, method: 'POST', headers: { 'content-type': 'application/json' } },
      (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      },
    )
    http.on('error', reject)
    http.end(body)
  })
