import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { MINUTE } from '#base/clock.ts'
import { addInitiator, cibaCalls, errorOf, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, basic, heldClock, startServer, type TestServer } from '../support/server.ts'

const REDIRECT = 'https://northwind.example/linked?tab=1'
const SCOPES = { payments: { en: 'Move money', hi: 'पैसे भेजना', dangerous: true }, accounts: 'See accounts' }

const clock = heldClock()
let server: TestServer
let client: TestClient
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  server = await startServer({
    now: clock.now,
    env: {
      COUNTERSIGN_SCOPES: JSON.stringify(SCOPES),
      COUNTERSIGN_CIBA_RATE_LIMIT: '1000/1s',
      COUNTERSIGN_CIBA_LIFE: '1h',
    },
  })
  client = await addInitiator(server, [], { scope: 'openid accounts payments', redirect_url: REDIRECT })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

interface Offer {
  shown: string
  developer: { name: string | null } | null
  reviewed_at: number | null
  scopes: { scope: string; texts: Record<string, string>; dangerous: boolean }[]
  token_life: number
  known: { scopes: string[] } | null
  blocked_at: number | null
}
type Ask = Record<string, string>

const offer = (person: Person, ask: Ask) => person.must<Offer>('POST', '/v1/me/links/offer', ask)
async function agree(person: Person, ask: Ask, shown?: string) {
  const form = { ...ask, shown: shown ?? (await offer(person, ask)).shown }
  const confirmed = await person.call('POST', '/v1/me/links/confirm', form)
  if (!confirmed.ok) return confirmed
  const { options } = (await confirmed.json()) as { options: Record<string, unknown> }
  return person.call('POST', '/v1/me/links', { ...form, credential: person.passkey.assert(options) })
}
async function link(person: Person, ask: Ask) {
  const answer = await agree(person, ask)
  assert.equal(answer.status, 201, await answer.clone().text())
  return (await answer.json()) as { link_id: string; redirect_to: string | null }
}
const codeOf = async (answer: Response): Promise<[number, string]> => [
  answer.status,
  ((await answer.json()) as { code: string }).code,
]
const asClient = (method: string, path: string, by: TestClient = client, body?: object) =>
  fetch(`${server.origin}${path}`, {
    method,
    headers: { ...basic(by), ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
const asOperator = (method: string, path: string, body?: object) =>
  fetch(`${server.origin}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body ? { 'content-type': 'application/json' } : {}),
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
  })
const inbox = async (person: Person) =>
  (await person.must<{ requests: unknown[] }>('GET', '/v1/me/requests?status=pending')).requests

interface Code {
  id: string
  code: string
  url: string
  qr_svg: string
  expires_at: number
}
async function newCode(by: TestClient = client, body?: object): Promise<Code> {
  const answer = await asClient('POST', '/v1/links/codes', by, body)
  assert.equal(answer.status, 201, await answer.clone().text())
  return (await answer.json()) as Code
}

describe('a user links an app', () => {
  test('they see who, for what and for how long, the dangerous first; nothing is linked by looking', async () => {
    const person = await server.person()
    const shown = await offer(person, { client_id: client.client_id })
    assert.deepEqual(
      shown.scopes.map(({ scope, dangerous }) => [scope, dangerous]),
      [
        ['payments', true],
        ['accounts', false],
        ['openid', false],
      ],
    )
    assert.deepEqual(shown.scopes[0]?.texts, { en: 'Move money', hi: 'पैसे भेजना' })
    assert.deepEqual([shown.developer, shown.reviewed_at, shown.known], [null, null, null])
    assert.equal(shown.token_life, 3_600)
    assert.deepEqual(await person.must('GET', '/v1/me/links'), { links: [] })
  })

  test('they agree by passkey, and the app, which learns no handle, may ask by the id of the link', async () => {
    const person = await server.person({ handle: 'linker' })
    const ask = { client_id: client.client_id, redirect_uri: REDIRECT, state: 'a b&c', scope: 'accounts' }
    const { link_id, redirect_to } = await link(person, ask)
    const back = new URL(redirect_to ?? '')
    assert.equal(`${back.origin}${back.pathname}`, 'https://northwind.example/linked')
    assert.deepEqual(Object.fromEntries(back.searchParams), {
      tab: '1',
      link_id,
      scope: 'openid accounts',
      state: 'a b&c',
      iss: server.origin,
    })
    assert.match(link_id, /^lnk_[0-9a-f]{32}$/)

    const { requestId } = await calls.ask(client, { login_hint: link_id, scope: 'openid accounts' })
    const { approval } = await person.review(requestId)
    assert.equal(JSON.parse(approval).user_id, person.userId)
    assert.deepEqual(
      await errorOf(await calls.authorize(client, { login_hint: link_id, scope: 'openid payments' })),
      [400, 'invalid_scope'],
    )
    // More scopes are added to the link that there is.
    assert.equal((await link(person, { client_id: client.client_id, scope: 'payments' })).link_id, link_id)
    await calls.ask(client, { login_hint: link_id, scope: 'openid accounts payments' })
  })

  test('two apps know the same user by different ids, and neither by that of the other', async () => {
    const person = await server.person()
    const other = await addInitiator(server, [])
    const first = (await link(person, { client_id: client.client_id })).link_id
    const second = (await link(person, { client_id: other.client_id })).link_id
    assert.notEqual(first, second)
    assert.deepEqual(await errorOf(await calls.authorize(client, { login_hint: second })), [
      400,
      'unknown_user_id',
    ])
    assert.equal((await asClient('GET', `/v1/links/${second}`)).status, 404)
    const read = await asClient('GET', `/v1/links/${first}`)
    assert.deepEqual(await read.json(), {
      link_id: first,
      scope: 'openid accounts payments',
      linked_at: clock.now(),
    })
  })

  test('without a passkey, with that of another question, or over another text than shown nothing is linked', async () => {
    const person = await server.person()
    const ask = { client_id: client.client_id }
    const { shown } = await offer(person, ask)
    assert.deepEqual(await codeOf(await person.call('POST', '/v1/me/links', { ...ask, shown })), [
      403,
      'passkey_needed',
    ])
    // What was confirmed is another app, or fewer scopes.
    const other = { client_id: client.client_id, scope: 'accounts' }
    const { shown: less } = await offer(person, other)
    const { options } = await person.must<{ options: Record<string, unknown> }>(
      'POST',
      '/v1/me/links/confirm',
      { ...other, shown: less },
    )
    const credential = person.passkey.assert(options)
    assert.deepEqual(await codeOf(await person.call('POST', '/v1/me/links', { ...ask, shown, credential })), [
      403,
      'assertion_refused',
    ])
    assert.deepEqual(await codeOf(await agree(person, ask, less)), [409, 'approval_changed'])
    const link = { ...other, shown: less, credential }
    assert.equal((await person.call('POST', '/v1/me/links', link)).status, 201)
    // An answer is good once.
    assert.deepEqual(await codeOf(await person.call('POST', '/v1/me/links', link)), [
      403,
      'assertion_refused',
    ])
  })

  test('an app that may not be linked, a scope it lacks, an address that is not its own', async () => {
    const person = await server.person()
    const refused = async (ask: Ask) => codeOf(await person.call('POST', '/v1/me/links/offer', ask))
    const individual = await server.addClient({ user_id: person.userId })
    assert.deepEqual(await refused({ client_id: individual.client_id }), [404, 'client_not_found'])
    assert.deepEqual(await refused({ client_id: 'nobody' }), [404, 'client_not_found'])
    assert.deepEqual(await refused({}), [404, 'client_not_found'])
    const { client_id } = client
    assert.deepEqual(await refused({ client_id, scope: 'everything' }), [400, 'scope_refused'])
    assert.deepEqual(await refused({ client_id, redirect_uri: 'https://evil.example/' }), [
      400,
      'redirect_wrong',
    ])
    const decline = await person.call('POST', '/v1/me/links/decline', {
      client_id,
      redirect_uri: 'https://evil.example/',
    })
    assert.deepEqual(await codeOf(decline), [400, 'redirect_wrong'])
    const disabled = await addInitiator(server, [])
    await server.admin(`/v1/admin/clients/${disabled.client_id}/state`, { state: 'disabled' })
    assert.deepEqual(await refused({ client_id: disabled.client_id }), [400, 'client_disabled'])
  })

  test('who leaves sends the app away with an error, and is not linked', async () => {
    const person = await server.person()
    const { redirect_to } = await person.must<{ redirect_to: string }>('POST', '/v1/me/links/decline', {
      client_id: client.client_id,
      redirect_uri: REDIRECT,
      state: 's',
    })
    const { searchParams } = new URL(redirect_to)
    assert.equal(searchParams.get('error'), 'access_denied')
    assert.equal(searchParams.get('state'), 's')
    assert.deepEqual(await person.must('GET', '/v1/me/links'), { links: [] })
  })
})

describe('a code links where no browser can be sent', () => {
  test('it is easy to type, good once, and its app learns what became of it', async () => {
    const person = await server.person()
    const { id, code, url, qr_svg, expires_at } = await newCode(client, { scope: 'accounts' })
    assert.match(code, /^[34679CDFGHJKMNPQRTVWXY]{8}$/)
    assert.equal(url, `${server.origin}/link#${code}`)
    assert.match(qr_svg, /^<svg /)
    assert.equal(expires_at, clock.now() + 10 * MINUTE)
    const status = async () => (await (await asClient('GET', `/v1/links/codes/${id}`)).json()) as object
    assert.deepEqual(await status(), { id, status: 'open', link_id: null, scope: null, expires_at })

    const typed = ` ${code.slice(0, 4).toLowerCase()}-${code.slice(4)} `
    const { link_id } = await link(person, { code: typed })
    const scope = 'openid accounts'
    assert.deepEqual(await status(), { id, status: 'linked', link_id, scope, expires_at })
    await calls.ask(client, { login_hint: link_id })
    const again = await person.call('POST', '/v1/me/links/offer', { code })
    assert.deepEqual(await codeOf(again), [404, 'link_code_wrong'])
    // What is kept of it is no code.
    const kept = JSON.stringify(await server.select('select id, mac from link_codes'))
    assert.ok(!kept.includes(code))
  })

  test('of two who agree to it one is linked', async () => {
    const [first, second] = [await server.person(), await server.person()]
    const { code } = await newCode()
    const answers = await Promise.all([agree(first, { code }), agree(second, { code })])
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 404])
  })

  test('it ends by itself, by a no, and is no other app’s', async () => {
    const person = await server.person()
    const declined = await newCode()
    assert.deepEqual(await person.must('POST', '/v1/me/links/decline', { code: declined.code }), {
      redirect_to: null,
    })
    const statusOf = async ({ id }: Code, by = client) => {
      const answer = await asClient('GET', `/v1/links/codes/${id}`, by)
      return [answer.status, ((await answer.json()) as { status: unknown }).status]
    }
    assert.deepEqual(await statusOf(declined), [200, 'declined'])
    const other = await addInitiator(server, [])
    assert.deepEqual(await statusOf(declined, other), [404, 404])
    const late = await newCode()
    clock.minutes(10)
    assert.deepEqual(await statusOf(late), [200, 'expired'])
    const answer = await person.call('POST', '/v1/me/links/offer', { code: late.code })
    assert.deepEqual(await codeOf(answer), [404, 'link_code_wrong'])
  })

  test('an app of one user makes none; a wrong secret neither', async () => {
    const person = await server.person()
    const individual = await server.addClient({ user_id: person.userId })
    const refused = async (by: TestClient) => codeOf(await asClient('POST', '/v1/links/codes', by))
    assert.deepEqual(await refused(individual), [400, 'client_not_initiator'])
    assert.deepEqual(await refused({ ...client, client_secret: 'wrong' }), [401, 'client_credentials_wrong'])
  })

  test('who tries many is stopped, also when the next one is right', async () => {
    const person = await server.person()
    const { code } = await newCode()
    let answer = await person.call('POST', '/v1/me/links/offer', { code: 'CCCCCCCC' })
    for (let i = 1; i < 30; i += 1) {
      answer = await person.call('POST', '/v1/me/links/offer', { code: 'CCCCCCCC' })
    }
    assert.deepEqual(await codeOf(answer), [404, 'link_code_wrong'])
    const right = await person.call('POST', '/v1/me/links/offer', { code })
    assert.deepEqual(await codeOf(right), [429, 'too_many_requests'])
    clock.minutes(10)
  })

  test('the picture of an app’s link page may stand on another site, and tells nothing of the app', async () => {
    const answers = await Promise.all(
      [client.client_id, 'nobody'].map((id) => fetch(`${server.origin}/v1/links/qr/${id}`)),
    )
    for (const answer of answers) {
      assert.equal(answer.status, 200)
      assert.equal(answer.headers.get('content-type'), 'image/svg+xml')
      assert.equal(answer.headers.get('cross-origin-resource-policy'), 'cross-origin')
      assert.match(await answer.text(), /^<svg /)
    }
  })
})

describe('a user unlinks an app', () => {
  test('open requests are withdrawn, tokens end, approvals not yet fetched bring nothing', async () => {
    const person = await server.person({ handle: 'leaver' })
    const { link_id } = await link(person, { client_id: client.client_id })
    const hint = { login_hint: link_id }
    const fetched = await calls.ask(client, hint)
    await person.approve(fetched.requestId)
    assert.equal((await calls.poll(client, fetched.auth_req_id)).status, 200)
    const approved = await calls.ask(client, hint)
    await person.approve(approved.requestId)
    const open = await calls.ask(client, hint)
    const { links } = await person.must<{ links: Record<string, unknown>[] }>('GET', '/v1/me/links')
    assert.deepEqual(
      [links[0]?.linked_at, links[0]?.last_asked_at, links[0]?.last_approved_at],
      [clock.now(), clock.now(), clock.now()],
    )

    await person.must('DELETE', `/v1/me/links/${client.client_id}`)
    assert.deepEqual(await person.must('GET', '/v1/me/links'), { links: [] })
    assert.deepEqual(await inbox(person), [])
    assert.equal((await server.requestStatus(client, open.requestId)).status, 'withdrawn')
    assert.deepEqual(await errorOf(await calls.poll(client, open.auth_req_id)), [400, 'access_denied'])
    assert.deepEqual(await errorOf(await calls.poll(client, approved.auth_req_id)), [400, 'access_denied'])
    const { tokens } = await person.must<{ tokens: { state: string }[] }>('GET', '/v1/me/tokens')
    assert.deepEqual(
      tokens.map(({ state }) => state),
      ['revoked'],
    )
    const events = await server.select(
      `select kind, actor from events where user_id = '${person.userId}' order by seq desc limit 1`,
    )
    assert.deepEqual(
      events.map(({ kind, actor }: Record<string, unknown>) => [kind, actor]),
      [['app_unlinked', 'user']],
    )
    assert.equal((await person.call('DELETE', `/v1/me/links/${client.client_id}`)).status, 404)

    // Linked anew, it begins anew: another id, and nothing of before comes back.
    clock.forward(1)
    const anew = await link(person, { client_id: client.client_id })
    assert.notEqual(anew.link_id, link_id)
    assert.deepEqual(await errorOf(await calls.authorize(client, hint)), [400, 'unknown_user_id'])
    assert.deepEqual(await errorOf(await calls.poll(client, approved.auth_req_id)), [400, 'access_denied'])
    await calls.ask(client, { login_hint: anew.link_id })
  })

  test('an app that is pinged hears that what it asked is withdrawn', async () => {
    await using receiver = await startReceiver((_http, response) => response.writeHead(204).end())
    const app = await addInitiator(server, [], {
      backchannel_token_delivery_mode: 'ping',
      backchannel_client_notification_endpoint: receiver.url,
    })
    const person = await server.person()
    const { link_id } = await link(person, { client_id: app.client_id })
    const hint = { login_hint: link_id, client_notification_token: 'a-token-of-the-app' }
    const { auth_req_id } = await calls.ask(app, hint)
    await person.must('DELETE', `/v1/me/links/${app.client_id}`)
    const [ping] = await receiver.received(1)
    assert.deepEqual(JSON.parse(ping?.body ?? ''), { auth_req_id })
    assert.deepEqual(await errorOf(await calls.poll(app, auth_req_id)), [400, 'access_denied'])
  })

  test('its app may end a link too, and another may not', async () => {
    const person = await server.person()
    const { link_id } = await link(person, { client_id: client.client_id })
    const other = await addInitiator(server, [])
    assert.equal((await asClient('DELETE', `/v1/links/${link_id}`, other)).status, 404)
    assert.equal((await asClient('DELETE', `/v1/links/${link_id}`)).status, 204)
    assert.equal((await asClient('GET', `/v1/links/${link_id}`)).status, 404)
    assert.deepEqual(await person.must('GET', '/v1/me/links'), { links: [] })
  })

  test('linking ends a block, since the user says so', async () => {
    const person = await server.person()
    const { link_id } = await link(person, { client_id: client.client_id })
    const { requestId } = await calls.ask(client, { login_hint: link_id })
    await person.call('POST', `/v1/me/requests/${requestId}/reject`, { report: true })
    const hint = { login_hint: link_id }
    assert.deepEqual(await errorOf(await calls.authorize(client, hint)), [400, 'unknown_user_id'])
    assert.equal((await offer(person, { client_id: client.client_id })).blocked_at, clock.now())
    await link(person, { client_id: client.client_id })
    await calls.ask(client, hint)
  })
})

describe('the operator', () => {
  test('lists, links and unlinks', async () => {
    const person = await server.person({ handle: 'managed' })
    const app = await addInitiator(server, [], { scope: 'openid accounts' })
    const path = `/v1/admin/clients/${app.client_id}/links`
    const made = await asOperator('POST', path, { user_id: 'managed', scope: 'accounts' })
    assert.equal(made.status, 201)
    const card = (await made.json()) as { link_id: string; scope: string; user_id: string }
    assert.deepEqual([card.scope, card.user_id], ['openid accounts', person.userId])
    await calls.ask(app, { login_hint: card.link_id })
    assert.deepEqual(await (await asOperator('GET', path)).json(), { links: [card], next: null })
    const ofUser = await asOperator('GET', '/v1/admin/users/managed/links')
    assert.deepEqual(await ofUser.json(), { links: [card] })
    assert.equal((await asOperator('DELETE', `${path}/managed`)).status, 204)
    assert.equal((await asOperator('DELETE', `${path}/managed`)).status, 404)
    assert.deepEqual(await inbox(person), [])
  })
})

test('unknown, not linked, unlinked, blocking: one answer, and nobody is told', async () => {
  const people = await Promise.all(
    ['stranger', 'unlinked', 'blocking'].map((handle) => server.person({ handle })),
  )
  const [, unlinked, blocking] = people as [Person, Person, Person]
  const { link_id: ended } = await link(unlinked, { client_id: client.client_id })
  await unlinked.must('DELETE', `/v1/me/links/${client.client_id}`)
  const { link_id: blocked } = await link(blocking, { client_id: client.client_id })
  const { requestId } = await calls.ask(client, { login_hint: blocked })
  await blocking.call('POST', `/v1/me/requests/${requestId}/reject`, { report: true })

  const rows = () =>
    server.select(
      'select (select count(*) from token_requests) as a, (select count(*) from events) as b, (select count(*) from notices) as c',
    )
  const before = await rows()
  const hints = [
    'nobody',
    'stranger',
    'unlinked',
    ended,
    'blocking',
    blocked,
    `lnk_${'0'.repeat(32)}`,
    'lnk_x',
  ]
  const answers = await Promise.all(
    hints.map(async (login_hint) => {
      const answer = await calls.authorize(client, { login_hint })
      const headers = Object.fromEntries([...answer.headers].filter(([name]) => name !== 'date'))
      return JSON.stringify([answer.status, headers, await answer.text()])
    }),
  )
  assert.deepEqual([...new Set(answers)], [answers[0]])
  assert.match(answers[0] ?? '', /^\[400,.*unknown_user_id/)
  for (const person of people) assert.deepEqual(await inbox(person), [])
  // Not a row of any kind: no request, no event, no notice.
  assert.deepEqual(await rows(), before)
})

for (const [rule, byHandle, isTold] of [
  ['hidden', 400, false],
  ['told', 200, true],
] as const) {
  test(`LINK_HANDLES=${rule}: a handle as a hint is answered ${byHandle}, and is ${isTold ? '' : 'not '}told`, async () => {
    await using strict = await startServer({ env: { COUNTERSIGN_LINK_HANDLES: rule } })
    const person = await strict.person({ handle: 'asha' })
    const app = await addInitiator(strict, [], { redirect_url: REDIRECT })
    const { link_id, redirect_to } = await link(person, { client_id: app.client_id, redirect_uri: REDIRECT })
    assert.equal(new URL(redirect_to ?? '').searchParams.get('login_hint'), isTold ? 'asha' : null)
    const { authorize } = cibaCalls(strict.origin)
    assert.equal((await authorize(app, { login_hint: 'asha' })).status, byHandle)
    assert.equal((await authorize(app, { login_hint: link_id })).status, 200)
  })
}
