import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOUR, MINUTE, SECOND } from '#base/clock.ts'
import { startPushService } from '../support/push-service.ts'
import { heldClock, startServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { startWhatsappApi } from '../support/whatsapp-api.ts'

// 2026-11-24, 11:30 in India.
const NOON = Date.UTC(2026, 10, 24, 6, 0)

test('the channels tell in order, the next one a while after the first', async () => {
  await using stage = await startStage()
  await stage.ask()
  await until(() => stage.push.pushes.length === 1)
  await stage.settled()
  assert.equal(stage.whatsapp.messages.length, 0)
  stage.clock.forward(29 * SECOND)
  await stage.settled()
  assert.equal(stage.whatsapp.messages.length, 0)
  stage.clock.forward(2 * SECOND)
  await until(() => stage.whatsapp.messages.length === 1)
})

test('what was shown on the first channel is not told on the next', async () => {
  await using stage = await startStage()
  await stage.ask()
  await until(() => stage.push.pushes.length === 1)
  const { receipt } = JSON.parse(stage.push.pushes[0]?.text ?? '').notification.data
  const answer = await fetch(`${stage.server.origin}/v1/notices/shown`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: stage.server.origin },
    body: JSON.stringify({ receipt }),
  })
  assert.equal(answer.status, 204)
  stage.clock.forward(MINUTE)
  await stage.settled()
  assert.equal(stage.whatsapp.messages.length, 0)
  assert.equal(await stage.telling(), 'shown')
})

test('a request that its user has opened is told on no further channel', async () => {
  await using stage = await startStage()
  const id = await stage.ask()
  await until(() => stage.push.pushes.length === 1)
  await stage.asha.review(id)
  stage.clock.forward(MINUTE)
  await stage.settled()
  assert.equal(stage.whatsapp.messages.length, 0)
})

test('when the first channel fails the next one does not wait', async () => {
  await using stage = await startStage()
  stage.push.answer({ status: 410 })
  await stage.ask()
  await until(() => stage.whatsapp.messages.length === 1)
  assert.equal(stage.push.pushes.length, 0)
})

test('when every channel fails the asker sees that nobody was told, at once', async () => {
  await using stage = await startStage()
  stage.push.answer({ status: 410 })
  stage.whatsapp.fail(131026)
  await stage.ask()
  await until(async () => (await stage.telling()) === 'undeliverable')
})

test('where there is nowhere to tell the asker hears it in the answer, which is else the same', async () => {
  await using server = await startServer()
  const asha = await server.person()
  const app = await server.addClient({ user_id: asha.userId, notifier_url: 'http://127.0.0.1:9/' })
  const answer = await server.ask(app.client_id, { client_secret: app.client_secret })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('countersign-telling'), 'undeliverable')
  assert.deepEqual(Object.keys(await answer.json()), ['status', 'data'])
})

test('a user changes the order, and what they do not say stays', async () => {
  await using stage = await startStage()
  await stage.set({ channels: ['whatsapp', 'webpush'] })
  await stage.set({ next_after_seconds: 60 })
  assert.deepEqual(await stage.settings(), {
    channels: ['whatsapp', 'webpush'],
    next_after_seconds: 60,
    quiet: null,
    muted_until: null,
    language: null,
  })
  await stage.ask()
  await until(() => stage.whatsapp.messages.length === 1)
  stage.clock.forward(45 * SECOND)
  await stage.settled()
  assert.equal(stage.push.pushes.length, 0)
  stage.clock.forward(20 * SECOND)
  await until(() => stage.push.pushes.length === 1)
})

test('in quiet hours nothing rings; what still waits at their end is told then', async () => {
  await using stage = await startStage()
  await stage.set({ quiet: { from: '11:00', to: '12:15', zone: 'Asia/Kolkata' } })
  await stage.ask()
  await stage.settled()
  assert.equal(await stage.telling(), 'queued')
  stage.clock.forward(44 * MINUTE)
  await stage.settled()
  assert.equal(stage.push.pushes.length, 0)
  stage.clock.forward(2 * MINUTE)
  await until(() => stage.push.pushes.length === 1)
})

test('quiet hours over midnight end in the morning', async () => {
  await using stage = await startStage(Date.UTC(2026, 10, 24, 20, 0))
  // It is 01:30 in India; the request lives until 03:30.
  await stage.set({ quiet: { from: '22:00', to: '03:00', zone: 'Asia/Kolkata' } })
  await stage.ask()
  await stage.settled()
  assert.equal(stage.push.pushes.length, 0)
  stage.clock.forward(91 * MINUTE)
  await until(() => stage.push.pushes.length === 1)
})

test('who has muted everything is told nothing, and the asker learns no more than that it is throttled', async () => {
  await using stage = await startStage()
  await stage.set({ muted_until: NOON + 48 * HOUR })
  const answer = await stage.server.ask(stage.app.client_id, { client_secret: stage.app.client_secret })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('countersign-telling'), 'throttled')
  await stage.settled()
  assert.equal(stage.push.pushes.length, 0)
  assert.equal(await stage.inbox(), 1)
})

test('the fourth telling in ten minutes is kept in the inbox; an approval renews the budget', async () => {
  await using stage = await startStage()
  const apps = await stage.moreApps(5)
  for (const app of apps.slice(0, 3)) await stage.server.openRequest(app)
  await until(() => stage.push.pushes.length === 3)
  const [, , , fourth, fifth] = apps
  const throttled = await stage.server.ask(fourth?.client_id ?? '', { client_secret: fourth?.client_secret })
  assert.equal(throttled.headers.get('countersign-telling'), 'throttled')
  assert.equal(await stage.inbox(), 4)

  const id = await stage.idOf(throttled)
  assert.equal((await stage.asha.approve(id)).status, 200)
  await stage.server.openRequest(fifth ?? stage.app)
  await until(() => stage.push.pushes.some(({ text }) => text.includes('App 5')))
})

test('in a day at most ten are told without an approval', async () => {
  await using stage = await startStage(Date.UTC(2026, 10, 23, 22, 30))
  const apps = await stage.moreApps(11)
  const told: (string | null)[] = []
  for (const app of apps) {
    const answer = await stage.server.ask(app.client_id, { client_secret: app.client_secret })
    told.push(answer.headers.get('countersign-telling'))
    stage.clock.forward(11 * MINUTE)
  }
  assert.deepEqual(told, [...Array(10).fill(null), 'throttled'])
})

test('after two rejections in a row an app must wait 15 minutes, then an hour, then a day', async () => {
  await using stage = await startStage()
  const ask = () => stage.server.ask(stage.app.client_id, { client_secret: stage.app.client_secret })
  await stage.asha.reject(await stage.ask())
  await stage.asha.reject(await stage.ask())
  for (const seconds of [900, 3_600, 86_400, 86_400]) {
    const refused = await ask()
    assert.equal(refused.status, 429)
    assert.equal(refused.headers.get('retry-after'), String(seconds))
    const { errors } = await refused.json()
    assert.equal(errors[0].errorCode, 'UDAPI10005')
    stage.clock.forward(seconds * SECOND)
    const again = await ask()
    assert.equal(again.status, 200)
    await stage.asha.reject(await stage.idOf(again))
  }
  stage.clock.forward(24 * HOUR)
  const id = await stage.ask()
  assert.equal((await stage.asha.approve(id)).status, 200)
  await stage.asha.reject(await stage.ask())
  assert.equal((await ask()).status, 200, 'an approval has made good what was before')
})

test('an app that was reported may not ask until it is let again, others may, and the operator can see it', async () => {
  await using stage = await startStage()
  const [other] = await stage.moreApps(1)
  const id = await stage.ask()
  const rejected = await stage.asha.call('POST', `/v1/me/requests/${id}/reject`, { report: true })
  assert.equal(rejected.status, 200)
  const refused = await stage.server.ask(stage.app.client_id, { client_secret: stage.app.client_secret })
  assert.equal(refused.status, 429)
  assert.equal(refused.headers.get('retry-after'), '86400')
  await stage.server.openRequest(other ?? stage.app)
  const events = await stage.server.select("select client_id from events where kind = 'client_reported'")
  assert.equal(events.length, 1)

  const blocked = await (await stage.asha.call('GET', '/v1/me/blocked-apps')).json()
  assert.deepEqual(blocked.apps, [
    { client: { id: stage.app.client_id, name: 'Northwind Research' }, blocked_at: NOON },
  ])
  const path = `/v1/me/blocked-apps/${stage.app.client_id}`
  assert.equal((await stage.asha.call('DELETE', path)).status, 204)
  assert.equal((await stage.asha.call('DELETE', path)).status, 404)
  await stage.ask()
})

test('a test request can be rejected as often as one likes', async () => {
  await using stage = await startStage()
  for (let i = 0; i < 4; i += 1) {
    const answer = await stage.asha.call('POST', '/v1/me/test-request', {})
    assert.equal(answer.status, 201)
    const { request_id } = await answer.json()
    assert.equal((await stage.asha.reject(request_id)).status, 200)
  }
})

for (const wrong of [
  { channels: ['smoke'] },
  { channels: ['webpush', 'webpush'] },
  { channels: [] },
  { next_after_seconds: 601 },
  { quiet: { from: '22:00', to: '22:00', zone: 'Asia/Kolkata' } },
  { quiet: { from: '24:00', to: '07:00', zone: 'Asia/Kolkata' } },
  { quiet: { from: '22:00', to: '07:00', zone: 'Asia/Nowhere' } },
  { language: 'हिन्दी' },
]) {
  test(`settings that make no sense are refused and change nothing: ${JSON.stringify(wrong)}`, async () => {
    await using stage = await startStage()
    const before = await stage.settings()
    assert.equal((await stage.asha.call('PATCH', '/v1/me/notice-settings', wrong)).status, 400)
    assert.deepEqual(await stage.settings(), before)
  })
}

/** A user with a browser and a phone that are told, and an app. */
async function startStage(at = NOON) {
  await using unfinished = new AsyncDisposableStack()
  const clock = heldClock(at)
  const push = unfinished.use(await startPushService())
  const whatsapp = unfinished.use(await startWhatsappApi())
  const server = unfinished.use(
    await startServer({
      now: clock.now,
      env: {
        ...whatsapp.env,
      },
    }),
  )
  const asha = await server.person({ phone: '+91 98123 45678' })
  await asha.must('PUT', '/v1/me/push', push.subscribe())
  const newApp = (name: string) =>
    server.addClient({ user_id: asha.userId, name, notifier_url: 'http://127.0.0.1:9/' })
  const app = await newApp('Northwind Research')
  const parts = unfinished.move()
  let id = ''
  return {
    clock,
    push,
    whatsapp,
    server,
    asha,
    app,
    async ask() {
      id = await server.openRequest(app)
      return id
    },
    moreApps: async (count: number) => {
      const apps = []
      for (let i = 1; i <= count; i += 1) apps.push(await newApp(`App ${i}`))
      return apps
    },
    idOf: async (answer: Response) => (answer.headers.get('location') ?? '').replace('/v1/requests/', ''),
    telling: async () => ((await server.requestStatus(app, id)) as unknown as { telling: string }).telling,
    inbox: async () =>
      (await (await asha.call('GET', '/v1/me/requests?status=pending')).json()).requests.length,
    set: (change: object) => asha.must('PATCH', '/v1/me/notice-settings', change),
    settings: async () => (await asha.call('GET', '/v1/me/notice-settings')).json(),
    /** Long enough for whatever is due to be sent: workers look each second. */
    settled: () => new Promise((resolve) => setTimeout(resolve, 1_500)),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
