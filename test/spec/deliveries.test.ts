import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { DAY, MINUTE, SECOND } from '#base/clock.ts'
import { startProxy } from '../support/outside.ts'
import type { Person } from '../support/person.ts'
import { type Received, startReceiver } from '../support/receiver.ts'
import { heldClock, startServer, type TestServer } from '../support/server.ts'

interface App {
  client_id: string
  client_secret: string
  signing_secret: string
}
interface Notifier {
  state: string
  note: string | null
}
interface Deliveries {
  deliveries: { id: string; state: string; attempts: number; request_id: string }[]
}

const clock = heldClock()
let server: TestServer
let person: Person

before(async () => {
  server = await startServer({ now: clock.now, env: { COUNTERSIGN_NOTIFIER_PROOF: 'reachable' } })
  person = await server.person()
})
after(() => server[Symbol.asyncDispose]())

const addApp = (notifier_url: string, on = person) =>
  on.must<App>('POST', '/v1/me/apps', { name: 'Northwind Research', notifier_url })
const notifierOf = async (app: App) =>
  (await person.must<{ notifier: Notifier }>('GET', `/v1/me/apps/${app.client_id}`)).notifier
const deliveriesOf = async (app: App) =>
  (await person.must<Deliveries>('GET', `/v1/me/apps/${app.client_id}/deliveries`)).deliveries
const typeOf = ({ body }: Received) => JSON.parse(body).message_type
const ask = (app: App) => server.ask(app.client_id, { client_secret: app.client_secret })

/** Signs anew with the official library, which looks at the real clock where ours is held. */
function isSigned({ body, headers }: Received, secret: string): boolean {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const at = new Date(Number(headers['webhook-timestamp']) * 1_000)
  const expected = new Webhook(key, { format: 'raw' } as never).sign(String(headers['webhook-id']), at, body)
  return String(headers['webhook-signature']).split(' ').includes(expected)
}

/** The held clock moves on until something has come about: work that waits for its time becomes due. */
async function eventually(look: () => Promise<boolean>, stepMs = 0) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await look()) return
    clock.forward(stepMs)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.fail('It did not come about.')
}

describe('proof of the notifier', () => {
  test('an endpoint that answers 2xx to a signed check is proven, and the check holds no secret', async () => {
    await using receiver = await startReceiver((_http, response) => response.end('a plain string'))
    const app = await addApp(receiver.url)
    assert.equal((await notifierOf(app)).state, 'proven')
    const [check] = receiver.posts
    assert.ok(check)
    assert.equal(typeOf(check), 'check')
    assert.ok(isSigned(check, app.signing_secret))
    assert.deepEqual(Object.keys(JSON.parse(check.body)), ['client_id', 'message_type', 'challenge'])
    assert.equal((await ask(app)).status, 200)
  })

  test('one that does not is kept as unproven and says why; asks are told so, until it is proven', async () => {
    let isUp = false
    await using receiver = await startReceiver((_http, response) =>
      response.writeHead(isUp ? 204 : 404).end(),
    )
    const app = await addApp(receiver.url)
    const { state, note } = await notifierOf(app)
    assert.equal(state, 'unproven')
    assert.match(note ?? '', /answered our check with 404/)

    const refused = await ask(app)
    assert.equal(refused.status, 400)
    const { errors } = (await refused.json()) as { errors: { errorCode: string; message: string }[] }
    assert.equal(errors[0]?.errorCode, 'UDAPI1123')
    assert.equal(errors[0]?.message, note)

    isUp = true
    const checked = await person.must<Notifier>('POST', `/v1/me/apps/${app.client_id}/check-notifier`, {})
    assert.equal(checked.state, 'proven')
    assert.equal((await ask(app)).status, 200)
  })

  test('one that nobody answers at is checked again by itself', async () => {
    const receiver = await startReceiver()
    await receiver[Symbol.asyncDispose]()
    const app = await addApp(receiver.url)
    assert.match((await notifierOf(app)).note ?? '', /connection was refused/)
    await using again = await startReceiver(undefined, receiver.port)
    await eventually(async () => (await notifierOf(app)).state === 'proven', MINUTE)
    assert.equal(again.posts.length, 1)
  })

  test('another URL has to be proven anew', async () => {
    await using good = await startReceiver()
    await using bad = await startReceiver((_http, response) => response.writeHead(500).end())
    const app = await addApp(good.url)
    await person.editApp(app.client_id, { notifier_url: bad.url })
    assert.equal((await notifierOf(app)).state, 'unproven')
    assert.equal((await ask(app)).status, 400)
    await person.editApp(app.client_id, { notifier_url: good.url })
    assert.equal((await notifierOf(app)).state, 'proven')
  })

  test('one that was changed to while a request was read gets no token before it is proven', async () => {
    let isUp = false
    await using good = await startReceiver()
    await using other = await startReceiver((_http, response) => response.writeHead(isUp ? 200 : 404).end())
    const app = await addApp(good.url)
    const id = await server.openRequest(app)
    await person.editApp(app.client_id, { notifier_url: other.url })
    assert.equal((await person.approve(id)).status, 200)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    assert.deepEqual(other.posts.map(typeOf), ['check'])
    assert.equal((await deliveriesOf(app))[0]?.state, 'queued')
    assert.equal((await deliveriesOf(app))[0]?.attempts, 0)

    isUp = true
    await person.must('POST', `/v1/me/apps/${app.client_id}/check-notifier`, {})
    await eventually(async () => (await deliveriesOf(app))[0]?.state === 'delivered')
    assert.deepEqual(other.posts.map(typeOf), ['check', 'check', 'access_token'])
    assert.deepEqual(good.posts.map(typeOf), ['check'])
  })

  test('an app registered by the operator is checked by the server', async () => {
    await using receiver = await startReceiver()
    const app = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
    await receiver.received(1)
    await eventually(async () => (await ask(app)).status === 200)
  })

  test('by the rule “challenge” the endpoint must send back what was in the check', async () => {
    await using strict = await startServer({ env: { COUNTERSIGN_NOTIFIER_PROOF: 'challenge' } })
    const owner = await strict.person()
    const state = async (answer: (challenge: string) => string) => {
      await using receiver = await startReceiver((_http, response) => {
        response.end(answer(JSON.parse(receiver.posts.at(-1)?.body ?? '{}').challenge))
      })
      const app = await addApp(receiver.url, owner)
      const { notifier } = await owner.must<{ notifier: Notifier }>('GET', `/v1/me/apps/${app.client_id}`)
      return notifier.state
    }
    assert.equal(await state((challenge) => challenge), 'proven')
    assert.equal(await state((challenge) => JSON.stringify({ challenge })), 'proven')
    assert.equal(await state(() => 'ok'), 'unproven')
    assert.equal(await state(() => '{"challenge":"other"}'), 'unproven')
  })
})

describe('an endpoint that is gone', () => {
  test('410 stops all sending there; what waits is kept, and goes out when it is proven anew', async () => {
    let isGone = false
    await using receiver = await startReceiver((_http, response) =>
      response.writeHead(isGone ? 410 : 200).end(),
    )
    const app = await addApp(receiver.url)
    isGone = true
    const id = await server.openRequest(app)
    await person.approve(id)
    await receiver.received(2)
    await eventually(async () => (await notifierOf(app)).state === 'gone')
    const refused = await ask(app)
    assert.equal(refused.status, 400)
    assert.match(await refused.text(), /answered 410/)

    // Hours later nothing more has been sent, and nothing is lost.
    const seen = receiver.posts.length
    clock.forward(2 * 60 * MINUTE)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    assert.equal(receiver.posts.length, seen)
    assert.equal((await deliveriesOf(app))[0]?.state, 'queued')

    isGone = false
    await person.must('POST', `/v1/me/apps/${app.client_id}/check-notifier`, {})
    await eventually(async () => (await deliveriesOf(app))[0]?.state === 'delivered')
    const sent = receiver.posts.filter((post) => typeOf(post) === 'access_token')
    assert.equal(new Set(sent.map(({ headers }) => headers['webhook-id'])).size, 1)
    assert.equal(new Set(sent.map(({ body }) => body)).size, 1)
  })
})

describe('resending', () => {
  test('a waiting delivery goes out at once: same id, same token; one that is over answers 410', async () => {
    let isUp = true
    await using receiver = await startReceiver((_http, response) =>
      response.writeHead(isUp ? 200 : 500).end(),
    )
    const app = await addApp(receiver.url)
    isUp = false
    await person.approve(await server.openRequest(app))
    await receiver.received(2)
    await eventually(async () => (await deliveriesOf(app))[0]?.attempts === 1)
    const [delivery] = await deliveriesOf(app)
    const path = `/v1/me/apps/${app.client_id}/deliveries/${delivery?.id}`

    isUp = true
    await eventually(async () => (await person.call('POST', `${path}/resend`, {})).status === 202)
    const [, first, second] = await receiver.received(3)
    assert.equal(first?.headers['webhook-id'], second?.headers['webhook-id'])
    assert.equal(first?.body, second?.body)
    await eventually(async () => (await deliveriesOf(app))[0]?.state === 'delivered')

    assert.equal((await person.call('POST', `${path}/resend`, {})).status, 410)
    const noted = await server.select(
      `select actor from events where kind = 'delivery_resent' and client_id = '${app.client_id}'`,
    )
    assert.deepEqual(new Set(noted.map(({ actor }) => actor)), new Set(['user']))
    const { attempts } = await person.must<{ attempts: { state: string; status: number }[] }>(
      'GET',
      `${path}/attempts`,
    )
    assert.deepEqual(
      attempts.map(({ state, status }) => [state, status]),
      [
        ['failed', 500],
        ['succeeded', 200],
      ],
    )
  })

  test('one whose token was revoked, or was given up, is not there any more: 410, and nothing is sent', async () => {
    let isUp = true
    await using receiver = await startReceiver((_http, response) =>
      response.writeHead(isUp ? 200 : 500).end(),
    )
    const app = await addApp(receiver.url)
    isUp = false
    await person.approve(await server.openRequest(app))
    await eventually(async () => (await deliveriesOf(app))[0]?.attempts === 1)
    const { tokens } = await person.must<{ tokens: { id: string; client: { id: string } }[] }>(
      'GET',
      '/v1/me/tokens',
    )
    const token = tokens.find(({ client }) => client.id === app.client_id)
    await person.must('DELETE', `/v1/me/tokens/${token?.id}`)
    const [delivery] = await deliveriesOf(app)
    assert.equal(delivery?.state, 'undeliverable')
    isUp = true
    const sent = receiver.posts.length
    const path = `/v1/me/apps/${app.client_id}/deliveries/${delivery?.id}/resend`
    assert.equal((await person.call('POST', path, {})).status, 410)
    await person.must('POST', `/v1/me/apps/${app.client_id}/recover`, { since: 0 })
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    assert.equal(receiver.posts.length, sent)
  })

  test('all that waits since a time is recovered, also past an endpoint that was resting', async () => {
    let isUp = true
    await using receiver = await startReceiver((_http, response) =>
      response.writeHead(isUp ? 200 : 503).end(),
    )
    const owner = await server.person()
    const app = await addApp(receiver.url, owner)
    isUp = false
    for (let i = 0; i < 7; i += 1) {
      await owner.approve(await server.openRequest(app))
      clock.forward(SECOND)
    }
    // Five faults in a row, and the lane rests: the others are not even tried.
    await receiver.received(6)
    isUp = true
    const since = clock.now() - MINUTE
    const { count } = await owner.must<{ count: number }>('POST', `/v1/me/apps/${app.client_id}/recover`, {
      since,
    })
    assert.equal(count, 7)
    await eventually(async () => {
      const { deliveries } = await owner.must<Deliveries>('GET', `/v1/me/apps/${app.client_id}/deliveries`)
      return deliveries.length === 7 && deliveries.every(({ state }) => state === 'delivered')
    })
  })

  test("nobody sees or sends another owner's deliveries", async () => {
    await using receiver = await startReceiver()
    const app = await addApp(receiver.url)
    await person.approve(await server.openRequest(app))
    await receiver.received(2)
    const other = await server.person()
    const [delivery] = await deliveriesOf(app)
    for (const [method, path] of [
      ['GET', 'deliveries'],
      ['GET', `deliveries/${delivery?.id}/attempts`],
      ['POST', `deliveries/${delivery?.id}/resend`],
      ['POST', 'recover'],
      ['POST', 'test-delivery'],
      ['POST', 'check-notifier'],
      ['POST', 'signing-secrets'],
    ] as const) {
      const body = method === 'POST' ? { since: 0, scheme: 'v1' } : undefined
      assert.equal((await other.call(method, `/v1/me/apps/${app.client_id}/${path}`, body)).status, 404, path)
    }
    const mine = await addApp(receiver.url, other)
    const foreign = await other.call(
      'POST',
      `/v1/me/apps/${mine.client_id}/deliveries/${delivery?.id}/resend`,
      {},
    )
    assert.equal(foreign.status, 404)
  })

  test('a test delivery is signed, holds no token, and says what came back', async () => {
    await using receiver = await startReceiver((_http, response, nth) => {
      response.writeHead(nth < 3 ? 200 : 418).end('short and stout')
    })
    const app = await addApp(receiver.url)
    const path = `/v1/me/apps/${app.client_id}/test-delivery`
    const good = await person.must<Record<string, unknown>>('POST', path, {})
    assert.equal(good.status, 200)
    const post = receiver.posts.at(-1)
    assert.equal(typeOf(post as Received), 'test')
    assert.ok(isSigned(post as Received, app.signing_secret))
    const bad = await person.must<Record<string, unknown>>('POST', path, {})
    assert.equal(bad.status, 418)
    assert.match(String(bad.detail), /only 2xx counts/)
    assert.equal(bad.response, 'short and stout')
  })
})

describe('signing', () => {
  test('after a change both secrets sign for a day, then the old one is gone; v1a signs beside them', async () => {
    await using receiver = await startReceiver()
    const app = await addApp(receiver.url)
    const roll = (scheme: string) =>
      person.must<{ signing_secret: string; public_key: string }>(
        'POST',
        `/v1/me/apps/${app.client_id}/signing-secrets`,
        { scheme },
      )
    const { signing_secret: fresh } = await roll('v1')
    const { public_key } = await roll('v1a')
    const deliver = async () => {
      const before = receiver.posts.length
      await person.approve(await server.openRequest(app))
      return (await receiver.received(before + 1)).at(-1) as Received
    }

    const during = await deliver()
    assert.equal(isSigned(during, fresh), true)
    assert.equal(isSigned(during, app.signing_secret), true)
    const [, asymmetric = ''] = /v1a,(\S+)/.exec(String(during.headers['webhook-signature'])) ?? []
    const raw = Buffer.from(public_key.replace('whpk_', ''), 'base64')
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
      format: 'jwk',
    })
    const { 'webhook-id': id, 'webhook-timestamp': time } = during.headers
    assert.ok(
      verify(null, Buffer.from(`${id}.${time}.${during.body}`), key, Buffer.from(asymmetric, 'base64')),
    )

    clock.forward(DAY)
    const later = await deliver()
    assert.equal(isSigned(later, fresh), true)
    assert.equal(isSigned(later, app.signing_secret), false)
  })
})

describe('a client with a long queue', () => {
  test('for a dead endpoint holds up nobody else, and loses nothing', async () => {
    let isUp = true
    await using dead = await startReceiver((_http, response) => {
      if (isUp) response.end('ok')
    })
    await using alive = await startReceiver()
    const [slow, quick] = [await addApp(dead.url), await addApp(alive.url)]
    isUp = false
    for (let i = 0; i < 30; i += 1) await person.approve(await server.openRequest(slow))
    for (let i = 0; i < 10; i += 1) {
      await person.approve(await server.openRequest(quick))
      await alive.received(i + 2)
    }
    // No more than its share is under way at the dead endpoint.
    assert.ok(dead.posts.length <= 9, `${dead.posts.length}`)
    assert.equal((await deliveriesOf(slow)).filter(({ state }) => state === 'queued').length, 30)
  })
})

describe('by way of a proxy', () => {
  test('its faults cost the endpoint no attempt, and nothing goes out beside it', async () => {
    const held = heldClock()
    await using receiver = await startReceiver((_http, response) => response.writeHead(500).end())
    let isDown = true
    await using proxy = await startProxy(receiver.port, () =>
      isDown ? '503 Service Unavailable' : undefined,
    )
    await using own = await startServer({
      now: held.now,
      env: {
        COUNTERSIGN_OUTBOUND_PROXY: `http://127.0.0.1:${proxy.port}`,
        COUNTERSIGN_OUTBOUND_PROXY_GUARDS: '1',
      },
    })
    const owner = await own.person()
    const app = await addApp(receiver.url, owner)
    const id = await own.openRequest(app)
    await owner.approve(id)
    const ended = async () =>
      ((await own.requestStatus(app, id)).delivery?.attempts ?? []).filter(
        ({ status }) => status !== 'started',
      )
    const due = async () => {
      const [job] = await own.select("select due_at from outbox where kind = 'deliver'")
      return Number(job?.due_at)
    }
    // More of them than the endpoint has attempts.
    for (let faults = 1; faults <= 8; faults += 1) {
      await eventually(async () => (await ended()).length === faults)
      held.moveTo(await due())
    }
    assert.deepEqual(new Set((await ended()).map(({ failure }) => failure)), new Set(['proxy_failed']))
    assert.equal(receiver.posts.length, 0)
    isDown = false
    await eventually(async () => (await ended()).some(({ failure }) => failure === 'status'), MINUTE)
    const wait = (await due()) - held.now()
    assert.ok(wait <= 6 * SECOND, `the first attempt that counts is followed after 5 s, not ${wait} ms`)
    assert.equal((await own.requestStatus(app, id)).delivery?.status, 'queued')
  })
})
