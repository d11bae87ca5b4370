import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOUR, MINUTE } from '#base/clock.ts'
import { startPushService } from '../support/push-service.ts'
import { basic, heldClock, startServer } from '../support/server.ts'
import { until } from '../support/until.ts'

type Subscription = ReturnType<Awaited<ReturnType<typeof startPushService>>['subscribe']>

test('a subscribed browser is told who asks, and nothing of what or why', async () => {
  await using stage = await startStage()
  const { public_key } = await (await stage.asha.call('GET', '/v1/me/push')).json()
  assert.equal(Buffer.from(public_key, 'base64url').length, 65)
  assert.equal((await stage.subscribe(stage.push.subscribe())).status, 201)

  const id = await stage.ask()
  const [first] = await stage.pushed(1)
  const { web_push, notification } = JSON.parse(first?.text ?? '')
  assert.equal(web_push, 8030)
  assert.equal(notification.title, 'Northwind Research asks for access')
  assert.equal(notification.navigate, `${stage.server.origin}/r/${id}`)
  assert.equal(notification.tag, id)
  assert.equal(notification.lang, 'en')
  assert.ok(!first?.text.includes('Rebalance'))
  assert.equal(first?.headers.urgency, 'high')
  assert.ok(Number(first?.headers.ttl) > 0)
  assert.deepEqual(stage.push.complaints, [])
})

test('every message has one size, in either language; a request keeps its topic, another has its own', async () => {
  await using stage = await startStage()
  await stage.subscribe(stage.push.subscribe(), 'hi-IN')
  const id = await stage.ask()
  await stage.pushed(1)
  await stage.asha.reject(id)
  await stage.pushed(2)
  await stage.ask()
  const [asked, rejected, again] = await stage.pushed(3)
  assert.equal(JSON.parse(asked?.text ?? '').notification.title, 'Northwind Research पहुँच माँग रहा है')
  assert.equal(new Set([asked?.bytes, rejected?.bytes, again?.bytes]).size, 1)
  assert.equal(asked?.headers.topic, rejected?.headers.topic)
  assert.notEqual(asked?.headers.topic, again?.headers.topic)
})

for (const [outcome, settle] of [
  ['approved', (stage: Stage, id: string) => stage.asha.approve(id)],
  ['rejected', (stage: Stage, id: string) => stage.asha.reject(id)],
  ['withdrawn', (stage: Stage, id: string) => stage.withdraw(id)],
] as const) {
  test(`once a request is ${outcome}, what stands on the screen is replaced, without a sound`, async () => {
    await using stage = await startStage()
    await stage.subscribe(stage.push.subscribe())
    const id = await stage.ask()
    await stage.pushed(1)
    await stage.noted('sent', 1)
    await settle(stage, id)
    const [, news] = await stage.pushed(2)
    const { notification } = JSON.parse(news?.text ?? '')
    assert.equal(notification.tag, id)
    assert.equal(notification.silent, true)
    const events = (await stage.server.requestStatus(stage.app, id)).timeline.map(({ event }) => event)
    assert.equal(
      events.filter((event) => event === 'notice_sent').length,
      1,
      'news is no step of the request',
    )
  })
}

test('a browser that was never told of a request hears nothing of its end', async () => {
  await using stage = await startStage()
  const id = await stage.ask()
  await stage.subscribe(stage.push.subscribe())
  await stage.asha.reject(id)
  await stage.ask()
  const pushes = await stage.pushed(1)
  assert.match(pushes[0]?.text ?? '', /asks for access/)
  assert.equal(pushes.length, 1)
})

test('what a browser has shown is seen in the timeline; a receipt that we did not write is refused', async () => {
  await using stage = await startStage()
  await stage.subscribe(stage.push.subscribe())
  const id = await stage.ask()
  const [first] = await stage.pushed(1)
  const { receipt } = JSON.parse(first?.text ?? '').notification.data
  const show = (receipt: string) =>
    fetch(`${stage.server.origin}/v1/notices/shown`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: stage.server.origin },
      body: JSON.stringify({ receipt }),
    })
  assert.equal((await show(receipt)).status, 204)
  assert.equal((await show(receipt)).status, 204)
  assert.equal((await show(`${receipt}x`)).status, 403)
  assert.equal((await show(receipt.replace(/^ntc_./, 'ntc_z'))).status, 403)
  const { timeline } = await stage.server.requestStatus(stage.app, id)
  assert.equal(timeline.filter(({ event }) => event === 'notice_shown').length, 1)
})

for (const status of [404, 410]) {
  test(`after a ${status} a browser is told no more, until it subscribes again`, async () => {
    await using stage = await startStage()
    const subscription = stage.push.subscribe()
    await stage.subscribe(subscription)
    stage.push.answer({ status })
    const id = await stage.ask()
    await stage.noted('failed', 1)
    assert.deepEqual(
      (await stage.contacts()).map(({ state }) => state),
      ['unreachable'],
    )
    await stage.withdraw(id)
    await stage.ask()
    assert.equal((await stage.subscribe(subscription)).status, 200)
    assert.equal((await stage.contacts())[0]?.state, 'active')
    assert.equal(stage.push.pushes.length, 0)
  })
}

for (const status of [429, 503]) {
  test(`${status} is obeyed: the same message comes again once retry-after is over`, async () => {
    await using stage = await startStage()
    await stage.subscribe(stage.push.subscribe())
    stage.push.answer({ status, headers: { 'retry-after': '1' } })
    const startedAt = performance.now()
    await stage.ask()
    await stage.pushed(1)
    assert.ok(performance.now() - startedAt >= 750, 'a second, less the jitter')
    assert.equal(stage.push.pushes.length, 1)
  })
}

for (const status of [400, 401, 403, 413]) {
  test(`${status} is told to the operator, and the browser stays subscribed`, async () => {
    await using stage = await startStage()
    await stage.subscribe(stage.push.subscribe())
    stage.push.answer({ status })
    await stage.ask()
    await stage.noted('failed', 1)
    assert.equal((await stage.contacts())[0]?.state, 'active')
    assert.ok(stage.server.lines.some((line) => line.includes('A push service does not take our messages.')))
  })
}

test('a redirect is not followed', async () => {
  await using stage = await startStage()
  await using elsewhere = await startPushService()
  await stage.subscribe(stage.push.subscribe())
  stage.push.answer({ status: 307, headers: { location: elsewhere.subscribe().endpoint } })
  await stage.ask()
  await stage.noted('failed', 1)
  assert.equal(elsewhere.pushes.length + elsewhere.complaints.length, 0)
})

test('a browser that is signed in as somebody else is told for them alone', async () => {
  await using stage = await startStage()
  const subscription = stage.push.subscribe()
  await stage.subscribe(subscription)
  const ravi = await stage.server.person()
  assert.equal((await stage.subscribe(subscription, 'en', ravi)).status, 201)
  assert.deepEqual(await stage.contacts(), [])
})

test('a device whose session is ended is not told any more', async () => {
  await using stage = await startStage()
  await stage.subscribe(stage.push.subscribe())
  assert.equal((await stage.contacts()).length, 1)
  assert.equal((await stage.asha.call('DELETE', '/v1/session')).status, 204)
  const left = await stage.server.select('select id from contacts')
  assert.equal(left.length, 0)
})

test('a device is unsubscribed by its page, and taken off the list by its user', async () => {
  await using stage = await startStage()
  const [phone, laptop] = [stage.push.subscribe(), stage.push.subscribe()]
  await stage.subscribe(phone)
  await stage.subscribe(laptop)
  assert.equal((await stage.asha.call('DELETE', '/v1/me/push', { endpoint: phone.endpoint })).status, 204)
  const [left] = await stage.contacts()
  const ravi = await stage.server.person()
  assert.equal((await ravi.call('DELETE', `/v1/me/contacts/${left?.id}`)).status, 404)
  assert.equal((await stage.asha.call('DELETE', `/v1/me/contacts/${left?.id}`)).status, 204)
  assert.deepEqual(await stage.contacts(), [])
})

test('only the push services of browsers are taken, over https, and only well-formed keys', async () => {
  await using server = await startServer({ env: { COUNTERSIGN_DEV: '0' } })
  const asha = await server.person()
  await using push = await startPushService()
  const { keys } = push.subscribe()
  const statusOf = async (endpoint: string, given: object = keys) =>
    (await asha.call('PUT', '/v1/me/push', { endpoint, keys: given })).status
  for (const endpoint of [
    push.subscribe().endpoint,
    'https://127.0.0.1/push',
    'https://example.com/push',
    'https://fcm.googleapis.com.example.com/push',
    'https://push.apple.com/push',
    'https://evilpush.apple.com/push',
    'http://fcm.googleapis.com/push',
    'https://user@fcm.googleapis.com/push',
    'https://fcm.googleapis.com:8443/push',
    'push',
  ])
    assert.equal(await statusOf(endpoint), 400, endpoint)
  for (const endpoint of [
    'https://fcm.googleapis.com/fcm/send/abc',
    'https://updates.push.services.mozilla.com/wpush/v2/abc',
    'https://web.push.apple.com/abc',
    'https://wns2-bl2p.notify.windows.com/w/?token=abc',
  ])
    assert.equal(await statusOf(endpoint), 201, endpoint)
  const fcm = 'https://fcm.googleapis.com/fcm/send/def'
  assert.equal(await statusOf(fcm, { ...keys, auth: 'c2hvcnQ' }), 400)
  assert.equal(await statusOf(fcm, { ...keys, p256dh: Buffer.alloc(65).toString('base64url') }), 400)
})

test('the request of a phone that slept is not shown after it has expired', async () => {
  const clock = heldClock()
  await using stage = await startStage(clock.now)
  await stage.subscribe(stage.push.subscribe())
  await stage.ask()
  const [first] = await stage.pushed(1)
  const left = Number(first?.headers.ttl) * 1_000
  assert.ok(left > HOUR && left <= 24 * HOUR, 'seconds until the request ends')
  assert.ok((first?.claims.exp ?? 0) * 1_000 <= clock.now() + 24 * HOUR + MINUTE)
})

test('a user is told that what they approved could not be sent, and reads nothing of it on the screen', async () => {
  const clock = heldClock()
  await using stage = await startStage(clock.now)
  await stage.subscribe(stage.push.subscribe())
  const id = await stage.ask()
  await stage.pushed(1)
  await stage.noted('sent', 1)
  assert.equal((await stage.asha.approve(id)).status, 200)
  await stage.pushed(2)
  const [{ access = '' } = {}] = (await stage.server.select('select token_id as access from deliveries')) as {
    access?: string
  }[]
  // Nobody listens at the endpoint until the token ends.
  clock.forward(24 * HOUR)
  const [, , lost] = await stage.pushed(3)
  const { notification } = JSON.parse(lost?.text ?? '')
  assert.equal(notification.title, 'Access could not be sent to Northwind Research')
  assert.equal(notification.navigate, `${stage.server.origin}/r/${id}`)
  assert.ok(access && !lost?.text.includes(access))
  assert.equal((await stage.server.requestStatus(stage.app, id)).delivery?.status, 'undeliverable')
})

type Stage = Awaited<ReturnType<typeof startStage>>

async function startStage(now?: () => number) {
  await using unfinished = new AsyncDisposableStack()
  const push = unfinished.use(await startPushService())
  const server = unfinished.use(await startServer(now ? { now } : {}))
  const asha = await server.person()
  const app = await server.addClient({ user_id: asha.userId, notifier_url: 'http://127.0.0.1:9/' })
  const parts = unfinished.move()
  return {
    push,
    server,
    asha,
    app,
    subscribe: (subscription: Subscription, language = 'en-IN', person = asha) =>
      person.call('PUT', '/v1/me/push', { ...subscription, language }),
    async contacts(): Promise<{ id: string; state: string }[]> {
      return (await (await asha.call('GET', '/v1/me/contacts')).json()).contacts
    },
    ask: () => server.openRequest(app, 'Rebalance'),
    withdraw: (id: string) =>
      fetch(`${server.origin}/v1/requests/${id}`, { method: 'DELETE', headers: basic(app) }),
    pushed: async (count: number) => {
      await until(() => push.pushes.length >= count)
      return push.pushes
    },
    /** Waits until so many notices are in a state. */
    noted: (state: string, count: number) =>
      until(
        async () => (await server.select(`select id from notices where state = '${state}'`)).length >= count,
      ),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
