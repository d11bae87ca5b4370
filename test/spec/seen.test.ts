import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type {
  AppDay,
  AppEvent,
  AppRequestCard,
  AppRequestDetail,
  AttemptCard,
  DeliveryCard,
  NewAppSecrets,
  SigningSecretCard,
  UrlVerdict,
} from '../../src/api/contract.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { basic, startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

type App = Required<NewAppSecrets>
let server: TestServer
let person: Person

before(async () => {
  // More are asked in a second here than one app may.
  server = await startServer({ env: { COUNTERSIGN_UPSTOX_RATE_LIMIT: '1000/1s' } })
  person = await server.person()
})
after(() => server[Symbol.asyncDispose]())

const addApp = (notifier_url: string, owner = person) =>
  owner.must<App>('POST', '/v1/me/apps', { name: 'Northwind Research', notifier_url })
const see = <T>(app: App, rest: string) => person.must<T>('GET', `/v1/me/apps/${app.client_id}/${rest}`)
const kindsOf = ({ timeline }: AppRequestDetail) => timeline.map(({ kind }) => kind)

describe('requests of an app', () => {
  test('are followed from the ask to the acknowledgement; nothing private of the user is told', async () => {
    await using receiver = await startReceiver((_http, response) => response.end('taken'))
    const app = await addApp(receiver.url)
    const id = await server.openRequest(app, 'Rebalances')
    await person.approve(id)
    const read = () => see<AppRequestDetail>(app, `requests/${id}`)
    await until(async () => kindsOf(await read()).includes('token_delivered'), 5_000)

    const seen = await read()
    assert.deepEqual(kindsOf(seen), ['asked', 'opened', 'approved', 'token_delivered'])
    const times = seen.timeline.map(({ at }) => at)
    assert.deepEqual(times, times.toSorted())
    assert.equal(seen.status, 'approved')
    assert.equal(seen.delivery?.state, 'delivered')
    const text = JSON.stringify(seen)
    for (const secret of ['127.0.0.1', person.userId, 'Rebalances']) assert.ok(!text.includes(secret), secret)
  })

  test('are opened once, however often they are read', async () => {
    const app = await addApp('http://127.0.0.1:9/')
    const id = await server.openRequest(app)
    await person.review(id)
    await person.review(id)
    const seen = await see<AppRequestDetail>(app, `requests/${id}`)
    assert.deepEqual(kindsOf(seen), ['asked', 'opened'])
  })

  test('are listed newest first, by state, page by page', async () => {
    const owner = await server.person()
    const app = await addApp('http://127.0.0.1:9/', owner)
    const ids: string[] = []
    const withdraw = (by: typeof app, id: string) =>
      fetch(`${server.origin}/v1/requests/${id}`, { method: 'DELETE', headers: basic(by) })
    for (let i = 0; i < 52; i += 1) {
      const id = await server.openRequest(app)
      ids.unshift(id)
      if (i < 51) await withdraw(app, id)
    }
    const page = (query: string) =>
      owner.must<{ requests: AppRequestCard[]; next: string | null }>(
        'GET',
        `/v1/me/apps/${app.client_id}/requests${query}`,
      )
    const first = await page('')
    assert.equal(first.requests.length, 50)
    const second = await page(`?cursor=${first.next}`)
    assert.deepEqual(
      [...first.requests, ...second.requests].map((each) => each.id),
      ids,
    )
    assert.equal(second.next, null)
    assert.deepEqual(
      (await page('?status=pending')).requests.map((each) => each.id),
      ids.slice(0, 1),
    )
    assert.equal((await page('?status=withdrawn')).requests.length, 50)
    assert.equal((await page('?status=approved')).requests.length, 0)
    assert.equal((await owner.call('GET', `/v1/me/apps/${app.client_id}/requests?status=odd`)).status, 400)
  })

  test('are not seen by anybody else, nor by way of another app', async () => {
    const [app, other] = [await addApp('http://127.0.0.1:9/'), await addApp('http://127.0.0.1:9/')]
    const id = await server.openRequest(app)
    const stranger = await server.person()
    for (const rest of ['requests', `requests/${id}`, 'days', 'history', 'signing-secrets', 'events'])
      assert.equal((await stranger.call('GET', `/v1/me/apps/${app.client_id}/${rest}`)).status, 404, rest)
    assert.equal((await person.call('GET', `/v1/me/apps/${other.client_id}/requests/${id}`)).status, 404)
  })
})

describe('deliveries of an app', () => {
  test('show each try: what was sent without the token, what came back, why it failed, and when it is tried again', async () => {
    await using receiver = await startReceiver((_http, response, nth) => {
      const { access_token } = JSON.parse(receiver.posts.at(-1)?.body ?? '{}')
      response.writeHead(nth === 1 ? 503 : 200, {
        'x-echo': access_token ?? 'none',
        'set-cookie': 'session=theirs',
      })
      response.end(`I got ${access_token}`)
    })
    const app = await addApp(receiver.url)
    const id = await server.openRequest(app)
    await person.approve(id)
    await until(async () => kindsOf(await see(app, `requests/${id}`)).includes('delivery_failed'), 5_000)
    const list = async (state: string) =>
      (await see<{ deliveries: DeliveryCard[] }>(app, `deliveries?state=${state}`)).deliveries
    const [waiting] = await list('queued')
    assert.equal(waiting?.request_id, id)
    assert.deepEqual(await list('delivered'), [])

    const path = `deliveries/${waiting?.id}/attempts`
    const before = await see<{ attempts: AttemptCard[]; next_attempt_at: number | null }>(app, path)
    assert.ok(Number(before.next_attempt_at) > Date.now())
    const [failed] = before.attempts
    assert.equal(failed?.status, 503)
    assert.equal(failed?.detail, 'The answer was not a 2xx.')
    assert.match(failed?.sent?.headers['webhook-signature'] ?? '', /^v1,/)
    assert.equal(JSON.parse(failed?.sent?.body ?? '{}').access_token, '[access token]')
    assert.equal(failed?.response, 'I got [access token]')
    assert.equal(failed?.response_headers?.['x-echo'], '[access token]')
    assert.equal(failed?.response_headers?.['set-cookie'], undefined)

    await person.must('POST', `/v1/me/apps/${app.client_id}/deliveries/${waiting?.id}/resend`, {})
    await until(async () => (await list('delivered')).length === 1, 5_000)
    const after = await see<{ attempts: AttemptCard[]; next_attempt_at: number | null }>(app, path)
    assert.equal(after.next_attempt_at, null)
    assert.deepEqual(
      after.attempts.map(({ state, detail }) => [state, detail]),
      [
        ['failed', 'The answer was not a 2xx.'],
        ['succeeded', null],
      ],
    )
    const token = JSON.parse(receiver.posts[0]?.body ?? '{}').access_token
    assert.ok(!JSON.stringify(after).includes(token))
  })
})

test('what an app did is counted by day, each thing once, without counting the log', async () => {
  await using receiver = await startReceiver()
  const app = await addApp(receiver.url)
  const empty = await see<{ days: AppDay[] }>(app, 'days')
  assert.equal(empty.days.length, 30)
  assert.equal(empty.days.at(-1)?.day, new Date().toISOString().slice(0, 10))
  await person.approve(await server.openRequest(app))
  await person.reject(await server.openRequest(app))
  await receiver.received(1)
  const sum = async (of: Exclude<keyof AppDay, 'day'>) =>
    (await see<{ days: AppDay[] }>(app, 'days')).days.reduce((total, each) => total + each[of], 0)
  await until(async () => (await sum('delivered')) === 1, 20_000)
  // One more look of the counter changes nothing.
  await new Promise((resolve) => setTimeout(resolve, 6_000))
  assert.deepEqual(
    [await sum('asked'), await sum('approved'), await sum('rejected'), await sum('delivered')],
    [2, 1, 1, 1],
  )
})

test('an owner hears live of what the app does', async () => {
  await using receiver = await startReceiver()
  const app = await addApp(receiver.url)
  const answer = await fetch(`${server.origin}/v1/me/apps/${app.client_id}/events`, {
    headers: { cookie: person.cookie() },
    signal: AbortSignal.timeout(10_000),
  })
  assert.equal(answer.headers.get('content-type'), 'text/event-stream')
  const id = await server.openRequest(app)
  await person.approve(id)
  let heard = ''
  for await (const part of answer.body ?? []) {
    heard += Buffer.from(part).toString()
    if (heard.includes('token_delivered')) break
  }
  for (const kind of ['asked', 'opened', 'approved', 'token_delivered'])
    assert.match(heard, new RegExp(`"request_id":"${id}","kind":"${kind}"`))
})

test('what happened to an app itself is on record: where it sent to, and by whom that was changed', async () => {
  const app = await addApp('http://127.0.0.1:9/old')
  await person.editApp(app.client_id, { notifier_url: 'http://127.0.0.1:9/new' })
  const { events } = await see<{ events: AppEvent[] }>(app, 'history')
  const changed = events.find(({ kind }) => kind === 'app_notifier_changed')
  assert.equal(changed?.actor, 'user')
  assert.equal(changed?.detail, 'http://127.0.0.1:9/new')
  assert.equal(events.at(-1)?.kind, 'app_registered')
})

describe('signing secrets', () => {
  test('two of a kind are live at most; the old one can be ended at once, the one that signs on cannot', async () => {
    const app = await addApp('http://127.0.0.1:9/')
    const path = `/v1/me/apps/${app.client_id}/signing-secrets`
    const live = async () => (await see<{ secrets: SigningSecretCard[] }>(app, 'signing-secrets')).secrets
    const [first] = await live()
    assert.equal(first?.shown, app.signing_secret.slice(0, 10))
    assert.equal(first?.expires_at, null)

    await person.must('POST', path, { scheme: 'v1' })
    assert.equal((await person.call('POST', path, { scheme: 'v1' })).status, 409)
    const { public_key } = await person.must<{ public_key: string }>('POST', path, { scheme: 'v1a' })
    const [pair, fresh, old] = await live()
    assert.equal(pair?.shown, public_key)
    assert.equal(old?.id, first?.id)
    assert.ok(old?.expires_at)
    assert.equal((await person.call('DELETE', `${path}/${fresh?.id}`)).status, 409)
    assert.equal((await person.call('DELETE', `${path}/${old?.id}`)).status, 204)
    assert.equal((await live()).length, 2)
    await person.must('POST', path, { scheme: 'v1' })
  })
})

test('a URL is judged before it is saved, in a sentence', async () => {
  await using strict = await startServer({ env: { COUNTERSIGN_DEV: '0' } })
  const owner = await strict.person()
  const judge = (url: string, use = 'notifier') =>
    owner.must<UrlVerdict>('POST', '/v1/me/judge-url', { url, use })
  for (const [url, use, said] of [
    [
      'http://hooks.example.com/',
      'notifier',
      /^The Notifier Webhook Endpoint may not be used: it does not begin/,
    ],
    ['https://10.0.0.1/', 'postback', /^The Postback URL may not be used: its host is an IP address/],
    ['https://nowhere.invalid/', 'notifier', /under “invalid”/],
    ['ftp://example.com', 'redirect', /^The Redirect URL must be a whole https/],
  ] as const) {
    const { ok, detail } = await judge(url, use)
    assert.equal(ok, false)
    assert.match(detail ?? '', said)
  }
  assert.deepEqual(await judge('http://localhost:3000/back', 'redirect'), { ok: true, detail: null })
  assert.equal((await owner.call('POST', '/v1/me/judge-url', { url: '', use: 'notifier' })).status, 400)
})
