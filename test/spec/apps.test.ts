import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { DAY, HOUR, MINUTE } from '#base/clock.ts'
import type { AppCard, NewAppSecrets } from '../../src/api/contract.ts'
import { icons } from '../support/icons.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { heldClock, startServer, type TestServer } from '../support/server.ts'

const clock = heldClock()
let server: TestServer
let person: Person

before(async () => {
  server = await startServer({ now: clock.now })
  person = await server.person()
})
after(() => server[Symbol.asyncDispose]())

const addApp = (form: Record<string, unknown> = {}, owner = person) =>
  owner.must<Required<NewAppSecrets>>('POST', '/v1/me/apps', { name: 'Northwind Research', ...form })
const path = (app: { client_id: string }, rest = '') => `/v1/me/apps/${app.client_id}${rest}`
const card = (app: { client_id: string }) => person.must<AppCard>('GET', path(app))
const codeOf = async (answer: Response) => ((await answer.json()) as { code: string }).code
const ask = (app: Required<NewAppSecrets>) => server.ask(app.client_id, { client_secret: app.client_secret })

describe('where the access goes', () => {
  test('changes with a fresh passkey assertion for exactly that address, used once', async () => {
    await using first = await startReceiver()
    await using second = await startReceiver()
    const app = await addApp({ notifier_url: first.url })
    const form = { notifier_url: second.url }

    const bare = await person.call('PATCH', path(app), form)
    assert.equal(bare.status, 403)
    assert.equal(await codeOf(bare), 'passkey_needed')

    const optionsFor = async (of: typeof app, wanted: object) =>
      (await person.must<{ options: Record<string, unknown> }>('POST', path(of, '/confirm'), wanted)).options
    const signed = person.passkey.assert(await optionsFor(app, form))
    const elsewhere = await person.call('PATCH', path(app), {
      notifier_url: 'http://127.0.0.1:9/other',
      credential: signed,
    })
    assert.equal(await codeOf(elsewhere), 'assertion_refused')
    const other = await addApp({ notifier_url: first.url })
    const forAnother = person.passkey.assert(await optionsFor(other, form))
    assert.equal((await person.call('PATCH', path(app), { ...form, credential: forAnother })).status, 403)
    assert.equal((await card(app)).notifier_url, first.url)

    const good = { ...form, credential: person.passkey.assert(await optionsFor(app, form)) }
    clock.forward(MINUTE)
    assert.equal((await person.call('PATCH', path(app), good)).status, 200)
    const changed = await card(app)
    assert.equal(changed.notifier_url, second.url)
    assert.equal(changed.notifier_changed_at, clock.now())
    // Back, and once more by the same answer.
    await person.editApp(app.client_id, { notifier_url: first.url })
    assert.equal((await person.call('PATCH', path(app), good)).status, 403)
  })

  test('is not changed by somebody else’s passkey, nor without a verified user', async () => {
    const app = await addApp()
    const form = { notifier_url: 'http://127.0.0.1:9/' }
    const stranger = await server.person()
    const { options } = await person.must<{ options: Record<string, unknown> }>(
      'POST',
      path(app, '/confirm'),
      form,
    )
    for (const credential of [
      stranger.passkey.assert(options),
      person.passkey.assert(options, { withoutVerification: true }),
      person.passkey.assert(options, { origin: 'https://evil.example' }),
    ]) {
      assert.equal((await person.call('PATCH', path(app), { ...form, credential })).status, 403)
    }
    assert.equal((await card(app)).notifier_url, null)
  })

  test('needs no passkey while it stays as it is', async () => {
    const app = await addApp({ notifier_url: 'http://127.0.0.1:9/token' })
    const { options } = await person.must<{ options: null }>('POST', path(app, '/confirm'), { name: 'Desk' })
    assert.equal(options, null)
    const same = { name: 'Desk', notifier_url: 'http://127.0.0.1:9/token' }
    assert.equal((await person.must<AppCard>('PATCH', path(app), same)).name, 'Desk')
  })
})

test('the owner’s own limit ends request and access sooner than the server does, never later', async () => {
  await using receiver = await startReceiver()
  const app = await addApp({ notifier_url: receiver.url, token_life: 3_600 })
  const answer = (await (await ask(app)).json()) as { data: { authorization_expiry: string } }
  assert.equal(Number(answer.data.authorization_expiry), clock.now() + HOUR)

  const longest = await addApp({ notifier_url: receiver.url, token_life: 86_400 })
  const daily = (await (await ask(longest)).json()) as { data: { authorization_expiry: string } }
  assert.equal(new Date(Number(daily.data.authorization_expiry)).toISOString().slice(11), '22:00:00.000Z')
  for (const token_life of [59, 86_401, 1.5, '3600']) {
    assert.equal((await person.call('POST', '/v1/me/apps', { name: 'x', token_life })).status, 400)
  }
})

/** Whoever looks in now and then stays signed in. */
async function days(count: number, ...people: Person[]) {
  for (let day = 0; day < count; day += 1) {
    clock.forward(DAY)
    for (const each of [person, ...people]) await each.must('GET', '/v1/me')
  }
}

describe('deleting', () => {
  test('stops everything at once, and can be taken back for seven days', async () => {
    let isUp = true
    await using receiver = await startReceiver((_http, response) =>
      response.writeHead(isUp ? 200 : 500).end(),
    )
    const app = await addApp({ notifier_url: receiver.url })
    isUp = false
    const sent = await server.openRequest(app)
    await person.approve(sent)
    await receiver.received(1)
    const open = await server.openRequest(app)

    const { deletes_at } = await person.must<{ deletes_at: number }>('DELETE', path(app))
    assert.equal(deletes_at, clock.now() + 7 * DAY)
    assert.equal((await card(app)).deletes_at, deletes_at)
    assert.equal((await ask(app)).status, 400)
    assert.match(await (await ask(app)).text(), /being deleted by its owner/)
    const status = async (id: string) =>
      person.must<{ status: string; token: { state: string } | null }>('GET', `/v1/me/requests/${id}`)
    assert.equal((await status(open)).status, 'withdrawn')
    assert.equal((await status(sent)).token?.state, 'revoked')
    assert.equal((await person.call('PATCH', path(app), { name: 'Other' })).status, 400)
    assert.equal((await person.call('DELETE', path(app))).status, 400)

    await days(6)
    await person.must('POST', path(app, '/restore'), {})
    assert.equal((await card(app)).deletes_at, null)
    assert.equal((await ask(app)).status, 200)
    // What was withdrawn stays so.
    assert.equal((await status(open)).status, 'withdrawn')
  })

  test('is final after that: the app is gone from every list and cannot be taken back', async () => {
    const owner = await server.person()
    const app = await addApp({}, owner)
    await owner.must('DELETE', path(app))
    await days(7, owner)
    assert.deepEqual(await owner.must('GET', '/v1/me/apps'), { apps: [] })
    assert.equal((await owner.call('POST', path(app, '/restore'), {})).status, 404)
    assert.equal((await owner.call('GET', path(app))).status, 404)
  })
})

describe('icons', () => {
  const put = (app: { client_id: string }, type: string, bytes: Uint8Array, owner = person) =>
    fetch(`${server.origin}${path(app, '/icon')}`, {
      method: 'PUT',
      headers: { origin: server.origin, cookie: owner.cookie(), 'content-type': type },
      body: Buffer.from(bytes),
    })
  const see = (url: string | null, owner = person) =>
    fetch(`${server.origin}${url}`, { headers: { cookie: owner.cookie() } })

  test('a PNG or WebP is kept and served so that it can do nothing', async () => {
    const app = await addApp()
    assert.equal((await card(app)).icon, null)
    for (const [type, bytes] of [
      ['image/png', icons.png],
      ['image/webp', icons.webp],
    ] as const) {
      assert.equal((await put(app, type, bytes)).status, 204)
      const seen = await see((await card(app)).icon)
      assert.equal(seen.headers.get('content-type'), type)
      assert.equal(seen.headers.get('x-content-type-options'), 'nosniff')
      assert.match(seen.headers.get('content-security-policy') ?? '', /default-src 'none'; sandbox/)
      assert.deepEqual(Buffer.from(await seen.arrayBuffer()), Buffer.from(bytes))
    }
    const { icon } = await card(app)
    assert.equal((await fetch(`${server.origin}${icon}`)).status, 401)
    await person.must('DELETE', path(app, '/icon'))
    assert.equal((await see(icon)).status, 404)
  })

  test('what it is counts, not what it is called', async () => {
    const app = await addApp()
    const webp = Buffer.from(icons.webp)
    assert.equal((await put(app, 'image/png', webp)).status, 204)
    assert.equal((await see((await card(app)).icon)).headers.get('content-type'), 'image/webp')
    const script = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    const html = Buffer.concat([icons.png.subarray(0, 8), Buffer.from('<script>alert(1)</script>'.repeat(3))])
    for (const bytes of [script, html, Buffer.alloc(0), icons.png.subarray(0, 40), icons.large, icons.tiny])
      assert.equal(await codeOf(await put(app, 'image/png', bytes)), 'icon_refused')
    assert.equal((await put(app, 'image/svg+xml', script)).status, 415)
    assert.equal((await put(app, 'image/png', Buffer.alloc(70_000))).status, 413)
    const stranger = await server.person()
    assert.equal((await put(app, 'image/png', icons.png, stranger)).status, 404)
  })
})
