import assert from 'node:assert/strict'
import { test } from 'node:test'
import type {
  AdminClientCard,
  AdminUserCard,
  AdminUserDetail,
  AppCard,
  EnrolmentLink,
  EventCard,
  Me,
  ServerHealth,
  SettingCard,
} from '#api/contract.ts'
import { DAY, HOUR, MINUTE } from '#base/clock.ts'
import { type Person, signIn, startPerson } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, heldClock, startServer, type TestServer } from '../support/server.ts'

const byKey = (server: TestServer) => async (method: string, path: string, body?: unknown) =>
  fetch(`${server.origin}/v1/admin${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })

const codeOf = async (answer: Response) => ((await answer.json()) as { code: string }).code

async function withRole(server: TestServer, role: string, form: { handle?: string } = {}) {
  const person = await server.person(form)
  await server.admin(`/v1/admin/users/${person.userId}/role`, { role })
  return person
}

async function confirm(person: Person) {
  const { options } = await person.must<{ options: Record<string, unknown> }>(
    'POST',
    '/v1/session/confirm/options',
  )
  await person.must('POST', '/v1/session/confirm', { credential: person.passkey.assert(options) })
}

const eventsBy = async (person: Person, query = '') =>
  (await person.must<{ events: EventCard[] }>('GET', `/v1/admin/events?${query}`)).events

const READS = [
  '/users',
  '/clients',
  '/reviews',
  '/health',
  '/settings',
  '/events',
  '/events/export?format=csv',
]

test('operators and auditors see all that the admin key sees; owners and strangers none of it', async () => {
  await using server = await startServer()
  const owner = await server.person()
  const auditor = await withRole(server, 'auditor')
  const operator = await withRole(server, 'operator')
  for (const path of [...READS, `/users/${owner.userId}`]) {
    const address = `/v1/admin${path}`
    assert.equal((await byKey(server)('GET', path)).status, 200, path)
    assert.equal((await auditor.call('GET', address)).status, 200, path)
    assert.equal((await operator.call('GET', address)).status, 200, path)
    const refused = await owner.call('GET', address)
    assert.equal(refused.status, 403, path)
    assert.equal(await codeOf(refused), 'not_operator')
    assert.equal((await fetch(`${server.origin}${address}`)).status, 401, path)
    const wrong = { authorization: `Bearer ${ADMIN_KEY}x` }
    assert.equal((await operator.call('GET', address, undefined, wrong)).status, 401, path)
  }
  assert.equal((await auditor.must<Me>('GET', '/v1/me')).role, 'auditor')
})

test('an auditor changes nothing, an operator only from our own pages', async () => {
  await using server = await startServer()
  const person = await server.person()
  const auditor = await withRole(server, 'auditor')
  const operator = await withRole(server, 'operator')
  const { client_id } = await server.addClient({ user_id: person.userId })
  for (const [method, path, body] of [
    ['POST', '/users', { handle: 'new' }],
    ['POST', `/users/${person.userId}/state`, { state: 'disabled' }],
    ['POST', `/users/${person.userId}/role`, { role: 'operator' }],
    ['POST', `/users/${person.userId}/enrolment`, {}],
    ['DELETE', `/users/${person.userId}/enrolment`, undefined],
    ['POST', '/clients', { kind: 'individual', user_id: person.userId, name: 'App' }],
    ['POST', `/clients/${client_id}/state`, { state: 'disabled' }],
    ['POST', `/clients/${client_id}/review`, { verdict: 'accept' }],
  ] as const) {
    const refused = await auditor.call(method, `/v1/admin${path}`, body)
    assert.equal(refused.status, 403, path)
    assert.equal(await codeOf(refused), 'not_operator')
    const elsewhere = await operator.call(method, `/v1/admin${path}`, body, {
      origin: 'https://evil.example',
    })
    assert.equal(elsewhere.status, 403, path)
    assert.equal(await codeOf(elsewhere), 'cross_origin')
  }
  assert.equal((await person.must<Me>('GET', '/v1/me')).role, 'owner')
})

test('whoever changes something has shown a passkey a moment ago', async () => {
  const clock = heldClock()
  await using server = await startServer({ now: clock.now, env: { COUNTERSIGN_OPERATOR_FRESH: '5m' } })
  const operator = await withRole(server, 'operator')
  const add = (handle: string) => operator.call('POST', '/v1/admin/users', { handle })
  assert.equal((await add('at-once')).status, 201)
  clock.minutes(5)
  const stale = await add('later')
  assert.equal(stale.status, 403)
  assert.equal(await codeOf(stale), 'confirm_first')
  assert.equal((await operator.call('GET', '/v1/admin/users')).status, 200)

  const other = await server.person()
  const { options } = await operator.must<{ options: Record<string, unknown> }>(
    'POST',
    '/v1/session/confirm/options',
  )
  const foreign = { credential: other.passkey.assert(options) }
  assert.equal((await operator.call('POST', '/v1/session/confirm', foreign)).status, 403)
  assert.equal((await add('later')).status, 403)
  await confirm(operator)
  assert.equal((await add('later')).status, 201)
})

test('an operator gives roles to others, and cannot drop the last one; the admin key can', async () => {
  await using server = await startServer()
  const first = await withRole(server, 'operator')
  const second = await server.person()
  const give = (who: Person, to: Person, role: string) =>
    who.call('POST', `/v1/admin/users/${to.userId}/role`, { role })

  const alone = await give(first, first, 'owner')
  assert.equal(alone.status, 409)
  assert.equal(await codeOf(alone), 'last_operator')
  assert.equal((await give(first, second, 'operator')).status, 204)
  assert.equal((await give(first, first, 'auditor')).status, 204)
  // Downward is a one-way road.
  assert.equal((await give(first, first, 'operator')).status, 403)
  assert.equal((await give(second, second, 'owner')).status, 409)
  assert.equal((await byKey(server)('POST', `/users/${second.userId}/role`, { role: 'owner' })).status, 204)
  assert.equal((await give(second, first, 'operator')).status, 403)

  const given = await eventsBy(first, 'kind=role_given')
  assert.deepEqual(
    given.map(({ actor_id, user_id, detail }) => [actor_id, user_id, detail]),
    [
      ['admin_key', second.userId, 'operator → owner'],
      [first.userId, first.userId, 'operator → auditor'],
      [first.userId, second.userId, 'owner → operator'],
      ['admin_key', first.userId, 'owner → operator'],
    ],
  )
})

test('of two operators who step down at the same moment one stays', async () => {
  await using server = await startServer()
  const two = [await withRole(server, 'operator'), await withRole(server, 'operator')]
  const answers = await Promise.all(
    two.map((each) => each.call('POST', `/v1/admin/users/${each.userId}/role`, { role: 'owner' })),
  )
  assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 409])
})

test('two operators who take the role from one another at the same moment: one is too late', async () => {
  await using server = await startServer()
  const [a, b] = [await withRole(server, 'operator'), await withRole(server, 'operator')]
  const drop = (who: Person, whom: Person) =>
    who.call('POST', `/v1/admin/users/${whom.userId}/role`, { role: 'owner' })
  const answers = await Promise.all([drop(a, b), drop(b, a)])
  assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 403])
})

test('users are found by a part of handle, name or id, page by page, whatever they type', async () => {
  await using server = await startServer()
  await server.addUser({ handle: 'asha@example.com', name: 'Asha Rao', user_id: 'AB1234' })
  for (let i = 0; i < 55; i += 1) await server.addUser({ handle: `crowd_${i}` })
  await server.addUser({ handle: '100%' })
  const find = async (query: string) =>
    (await (await byKey(server)('GET', `/users?${query}`)).json()) as {
      users: AdminUserCard[]
      next: string | null
    }

  for (const q of ['ASHA', 'rao', 'ab12']) {
    assert.deepEqual(
      (await find(`q=${q}`)).users.map(({ id }) => id),
      ['AB1234'],
      q,
    )
  }
  assert.equal((await find('q=%25')).users.length, 1)
  assert.deepEqual((await find('q=d_1')).users.map(({ handle }) => handle).includes('crowd_1'), true)
  assert.deepEqual((await find(`q=${encodeURIComponent("' or 1=1 --")}`)).users, [])
  const first = await find('q=crowd')
  assert.equal(first.users.length, 50)
  const second = await find(`q=crowd&cursor=${first.next}`)
  assert.equal(second.users.length, 5)
  assert.equal(second.next, null)
  assert.equal(new Set([...first.users, ...second.users].map(({ id }) => id)).size, 55)
})

test('disabling an account ends sessions, withdraws what waits, revokes what is out, and lets nothing new in', async () => {
  let isUp = true
  await using receiver = await startReceiver((_http, response) => response.writeHead(isUp ? 200 : 503).end())
  await using server = await startServer()
  const operator = await withRole(server, 'operator')
  const person = await server.person()
  const app = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  const given = await server.openRequest(app)
  assert.equal((await person.approve(given)).status, 200)
  await receiver.received(1)
  isUp = false
  const other = await server.addClient({ user_id: person.userId, notifier_url: receiver.url, name: 'Other' })
  const underWay = await server.openRequest(other)
  assert.equal((await person.approve(underWay)).status, 200)
  const open = await server.openRequest(app)

  const disable = `/v1/admin/users/${person.userId}/state`
  assert.equal((await operator.call('POST', disable, { state: 'disabled' })).status, 204)

  assert.equal((await person.call('GET', '/v1/me')).status, 401)
  await assert.rejects(signIn(server.origin, person.passkey), /40[13]/)
  assert.equal((await server.requestStatus(app, open)).status, 'withdrawn')
  assert.equal((await server.requestStatus(other, underWay)).delivery?.status, 'undeliverable')
  const states = await server.select(`select state from tokens where user_id = '${person.userId}'`)
  assert.deepEqual(
    states.map(({ state }) => state),
    ['revoked', 'revoked'],
  )
  assert.equal((await server.ask(app.client_id, { client_secret: app.client_secret })).status, 400)
  const jobs = await server.select("select kind from outbox where kind in ('deliver', 'expire')")
  assert.deepEqual(jobs, [])
  const link = await operator.call('POST', `/v1/admin/users/${person.userId}/enrolment`)
  assert.equal(await codeOf(link), 'user_disabled')

  assert.equal((await operator.call('POST', disable, { state: 'active' })).status, 204)
  const back = await signIn(server.origin, person.passkey)
  assert.equal((await back.must<Me>('GET', '/v1/me')).user_id, person.userId)
  assert.equal((await server.requestStatus(app, open)).status, 'withdrawn')
  const kinds = (await eventsBy(operator, `user_id=${person.userId}&actor_id=${operator.userId}`)).map(
    ({ kind }) => kind,
  )
  assert.deepEqual(kinds, ['user_enabled', 'withdrawn', 'user_disabled'])
})

test('of an approval and a disabling at the same moment, no token is left standing', async () => {
  await using receiver = await startReceiver()
  await using server = await startServer()
  for (let round = 0; round < 5; round += 1) {
    const person = await server.person({ handle: `racer-${round}` })
    const app = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
    const id = await server.openRequest(app)
    const credential = person.passkey.assert((await person.review(id)).options)
    await Promise.all([
      person.approveWith(id, credential),
      byKey(server)('POST', `/users/${person.userId}/state`, { state: 'disabled' }),
    ])
    const live = await server.select(
      `select id from tokens where user_id = '${person.userId}' and state = 'active'`,
    )
    assert.deepEqual(live, [])
  }
})

test('an operator neither disables nor re-enrols themselves', async () => {
  await using server = await startServer()
  const operator = await withRole(server, 'operator')
  for (const [path, body] of [
    ['state', { state: 'disabled' }],
    ['enrolment', {}],
  ] as const) {
    const answer = await operator.call('POST', `/v1/admin/users/${operator.userId}/${path}`, body)
    assert.equal(await codeOf(answer), 'own_account')
  }
})

test('an invitation is made anew at once, and the old link stops working', async () => {
  await using server = await startServer()
  const { user_id, enrolment_url } = await server.addUser()
  const answer = await byKey(server)('POST', `/users/${user_id}/enrolment`)
  assert.equal(answer.status, 201)
  const link = (await answer.json()) as EnrolmentLink
  assert.equal(link.told, 0)
  await assert.rejects(startPerson(server.origin, user_id, enrolment_url), /410/)
  await startPerson(server.origin, user_id, link.enrolment_url)
})

test('a link that replaces passkeys waits, can be called off by its user, and ends what was before', async () => {
  const clock = heldClock()
  await using server = await startServer({ now: clock.now })
  const operator = await withRole(server, 'operator')
  const person = await server.person()
  const renew = async () => operator.must<EnrolmentLink>('POST', `/v1/admin/users/${person.userId}/enrolment`)
  const first = await renew()
  assert.equal(first.works_at, clock.now() + DAY)
  await assert.rejects(startPerson(server.origin, person.userId, first.enrolment_url), /403.*enrolment_waits/)
  assert.deepEqual((await person.must<Me>('GET', '/v1/me')).new_link, { works_at: first.works_at })
  await person.must('DELETE', '/v1/me/enrolment')
  assert.equal((await person.must<Me>('GET', '/v1/me')).new_link, null)
  clock.forward(DAY)
  await assert.rejects(startPerson(server.origin, person.userId, first.enrolment_url), /410/)

  await confirm(operator)
  const second = await renew()
  clock.forward(DAY - 1)
  await assert.rejects(startPerson(server.origin, person.userId, second.enrolment_url), /403/)
  clock.forward(1)
  const renewed = await startPerson(server.origin, person.userId, second.enrolment_url)
  assert.equal((await person.call('GET', '/v1/me')).status, 401)
  await assert.rejects(signIn(server.origin, person.passkey), /403/)
  const detail = await operator.must<AdminUserDetail>('GET', `/v1/admin/users/${person.userId}`)
  assert.equal(detail.passkeys, 1)
  assert.equal(detail.link, null)
  assert.equal((await renewed.must<Me>('GET', '/v1/me')).user_id, person.userId)
})

test('an app that asks many users waits for an operator, whose reason its owner reads', async () => {
  await using server = await startServer()
  const operator = await withRole(server, 'operator')
  const developer = await server.person({ handle: 'dev' })
  const { client_id } = await developer.must<{ client_id: string }>('POST', '/v1/me/apps', {
    name: 'Rebalancer',
    kind: 'initiator',
  })
  const queue = async () =>
    (await operator.must<{ clients: AdminClientCard[] }>('GET', '/v1/admin/reviews')).clients
  assert.deepEqual(
    (await queue()).map(({ id, owner }) => [id, owner?.handle]),
    [[client_id, 'dev']],
  )
  const review = (body: object) => operator.call('POST', `/v1/admin/clients/${client_id}/review`, body)
  assert.equal(await codeOf(await review({ verdict: 'reject' })), 'review_note_missing')
  assert.equal((await review({ verdict: 'reject', reason: 'Say who you are.' })).status, 204)
  const app = await developer.must<AppCard>('GET', `/v1/me/apps/${client_id}`)
  assert.equal(app.state, 'rejected')
  assert.equal(app.review?.note, 'Say who you are.')
  assert.deepEqual(await queue(), [])
  assert.equal((await review({ verdict: 'accept' })).status, 409)
  const [rejected] = await eventsBy(operator, `client_id=${client_id}&actor=operator`)
  assert.equal(rejected?.kind, 'app_rejected')
  assert.equal(rejected?.actor_id, operator.userId)
})

test('an app that is switched off asks no more, what waits of it is withdrawn, and it comes back as it was', async () => {
  await using receiver = await startReceiver()
  await using server = await startServer()
  const operator = await withRole(server, 'operator')
  const person = await server.person()
  const app = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  const id = await server.openRequest(app)
  const switchTo = (state: string) =>
    operator.call('POST', `/v1/admin/clients/${app.client_id}/state`, { state })

  assert.equal((await switchTo('disabled')).status, 204)
  const states = await server.select(`select state from token_requests where id = '${id}'`)
  assert.deepEqual(
    states.map(({ state }) => state),
    ['withdrawn'],
  )
  assert.equal((await server.ask(app.client_id, { client_secret: app.client_secret })).status, 400)
  const { clients } = await operator.must<{ clients: AdminClientCard[] }>(
    'GET',
    `/v1/admin/clients?state=disabled&q=${app.client_id.slice(0, 8)}`,
  )
  assert.equal(clients[0]?.owner?.id, person.userId)
  assert.equal((await switchTo('active')).status, 204)
  await server.openRequest(app)

  const { client_id } = await person.must<{ client_id: string }>('POST', '/v1/me/apps', {
    name: 'Never read',
    kind: 'initiator',
  })
  for (const [state, becomes] of [
    ['disabled', 'disabled'],
    ['active', 'under_review'],
  ]) {
    await operator.must('POST', `/v1/admin/clients/${client_id}/state`, { state })
    assert.equal((await person.must<AppCard>('GET', `/v1/me/apps/${client_id}`)).state, becomes)
  }
})

test('health tells what waits and for how long, which processes are there, and how channels do', async () => {
  const clock = heldClock()
  await using server = await startServer({ now: clock.now })
  const auditor = await withRole(server, 'auditor')
  const read = () => auditor.must<ServerHealth>('GET', '/v1/admin/health')
  const fresh = await read()
  assert.deepEqual(fresh.queues, [])
  assert.deepEqual(
    fresh.channels.map(({ name, on, sent, failures }) => ({ name, on, sent, failures })),
    [{ name: 'webpush', on: true, sent: 0, failures: [] }],
  )
  assert.equal(fresh.nodes.length, 1)
  const [node] = fresh.nodes
  assert.equal(node?.alive, true)
  assert.equal(node?.started_at, clock.now())
  assert.match(node?.version ?? '', /^\d+\.\d+\.\d+/)
  assert.match(node?.runtime ?? '', /^Node\.js 2\d/)

  const app = await server.addClient({ user_id: auditor.userId, notifier_url: 'http://127.0.0.1:9/' })
  await server.openRequest(app)
  const { queues } = await read()
  assert.deepEqual(
    queues.map(({ kind, queued, due, oldest_due_at }) => ({ kind, queued, due, oldest_due_at })),
    [{ kind: 'expire', queued: 1, due: 0, oldest_due_at: null }],
  )
  clock.forward(2 * MINUTE)
  assert.equal((await read()).nodes[0]?.alive, false)
})

test('settings are shown as they are in force, with where each comes from and no secret', async () => {
  await using server = await startServer({
    env: { COUNTERSIGN_UPSTOX_RATE_LIMIT: '10/1s', COUNTERSIGN_WHATSAPP_APP_SECRET: 'hush-hush-hush' },
  })
  const answer = await byKey(server)('GET', '/settings')
  const text = await answer.text()
  assert.ok(!text.includes(ADMIN_KEY) && !text.includes('hush-hush-hush'))
  const { settings } = JSON.parse(text) as { settings: SettingCard[] }
  const of = (name: string) => settings.find((each) => each.name === `COUNTERSIGN_${name}`)
  assert.deepEqual(
    [of('UPSTOX_RATE_LIMIT')?.value, of('UPSTOX_RATE_LIMIT')?.source],
    ['10/1s', 'environment'],
  )
  assert.deepEqual([of('REENROL_WAIT')?.value, of('REENROL_WAIT')?.source], ['24h', 'default'])
  assert.deepEqual([of('ADMIN_KEY')?.value, of('ADMIN_KEY')?.secret], [null, true])
  assert.equal(of('MASTER_KEY')?.secret, true)
  assert.equal(of('TRUST_PROXY')?.source, 'unset')
})

test('the audit log is searched by who, what, when and object, and taken along as CSV and NDJSON', async () => {
  const clock = heldClock()
  await using server = await startServer({ now: clock.now })
  const auditor = await withRole(server, 'auditor', { handle: 'reader' })
  clock.forward(HOUR)
  const from = clock.now()
  await server.addUser({ handle: '=cmd|"x"', user_id: 'odd' })
  clock.forward(HOUR)
  for (let i = 0; i < 60; i += 1) await server.addUser({ handle: `later-${i}` })

  const odd = await eventsBy(auditor, `kind=user_added&from=${from}&to=${from}`)
  assert.deepEqual(
    odd.map(({ user_id, actor_id }) => [user_id, actor_id]),
    [['odd', 'admin_key']],
  )
  assert.deepEqual(await eventsBy(auditor, 'kind=nothing_like_it'), [])
  const pages: number[] = []
  for (let next: string | null = ''; next !== null; ) {
    const page: { events: EventCard[]; next: string | null } = await auditor.must(
      'GET',
      `/v1/admin/events?kind=user_added${next && `&cursor=${next}`}`,
    )
    pages.push(page.events.length)
    next = page.next
  }
  assert.deepEqual(pages, [50, 12])

  const csv = await auditor.call('GET', `/v1/admin/events/export?format=csv&user_id=odd`)
  assert.match(csv.headers.get('content-disposition') ?? '', /countersign-events-2026-11-24\.csv/)
  const lines = (await csv.text()).trim().split('\r\n')
  assert.equal(lines.length, 2)
  assert.match(lines[1] ?? '', /,user_added,operator,admin_key,odd,,,"'=cmd\|""x""",$/)
  const ndjson = await auditor.call('GET', '/v1/admin/events/export?format=ndjson&kind=user_added')
  const rows = (await ndjson.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as EventCard)
  assert.equal(rows.length, 62)
  const [exported] = await eventsBy(auditor, 'kind=events_exported')
  assert.equal(exported?.actor_id, auditor.userId)
  for (const bad of ['from=x', 'cursor=0', 'kind=a%20b']) {
    assert.equal((await byKey(server)('GET', `/events?${bad}`)).status, 400, bad)
  }
  assert.equal((await byKey(server)('GET', '/events/export?format=xml')).status, 400)
})

test('a process that stops takes its name off the list', async () => {
  await using first = await startServer()
  const second = await startServer({
    data: first.folder,
    env: { COUNTERSIGN_ADMIN_KEY: ADMIN_KEY, ...first.storeEnv },
  })
  const rows = () => first.select('select id from nodes')
  assert.equal((await rows()).length, 2)
  await second.stop()
  assert.equal((await rows()).length, 1)
})
