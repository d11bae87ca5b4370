import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY, HOUR, MINUTE } from '#base/clock.ts'
import { accessRequestTemplate, accountNewsTemplate } from '../../demo/whatsapp/template.ts'
import { scopedIdOf } from '../../demo/whatsapp/webhook.ts'
import type { ContactCard, WhatsappLink } from '../../src/api/contract.ts'
import type { startPerson } from '../support/person.ts'
import { heldClock, startServer } from '../support/server.ts'
import { until } from '../support/until.ts'
import { startWhatsappApi } from '../support/whatsapp-api.ts'

type Person = Awaited<ReturnType<typeof startPerson>>

const PHONE = '919812345678'
const OTHER_PHONE = '919898989898'

test('a message with the code proves the number, is the consent, and is answered', async () => {
  await using stage = await startStage()
  const { asha, whatsapp } = stage
  assert.deepEqual(await (await asha.call('GET', '/v1/me/whatsapp')).json(), { is_on: true })
  const link = await stage.link(asha)
  assert.equal(link.number, '+15550100199')
  const url = new URL(link.url)
  assert.equal(`${url.origin}${url.pathname}`, 'https://wa.me/15550100199')
  assert.equal(url.searchParams.get('text'), link.text)
  assert.match(link.text, /^Tell me here when an app asks .* [0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$/)

  assert.equal(await whatsapp.write(PHONE, link.text), 200)

  const [contact] = await stage.contacts(asha)
  assert.equal(contact?.channel, 'whatsapp')
  assert.equal(contact?.address, `+${PHONE}`)
  assert.equal(contact?.state, 'active')
  assert.deepEqual(await stage.select('select address, scoped_id from contacts'), [
    { address: PHONE, scoped_id: scopedIdOf(PHONE) },
  ])
  assert.match(await stage.answerTo(PHONE), /^Done\. This chat tells you .* asha\. .* STOP\.$/)
  const [consent] = await stage.select(
    "select user_id, actor, detail, address from events where kind = 'contact_connected'",
  )
  assert.deepEqual(consent, {
    user_id: asha.userId,
    actor: 'whatsapp',
    detail: 'whatsapp: consent 1',
    address: '127.0.0.1',
  })

  await stage.ask()
  await until(() => stage.templates().length === 1)
  assert.equal(stage.templates()[0]?.to, PHONE)
})

test('a code can be used once, and not after a quarter of an hour', async () => {
  await using stage = await startStage()
  const { asha, whatsapp, clock } = stage
  const first = await stage.link(asha)
  await whatsapp.write(PHONE, first.text)
  await whatsapp.write(OTHER_PHONE, first.text)
  assert.match(await stage.answerTo(OTHER_PHONE), /^This code is wrong, was used, or is too old/)

  const second = await stage.link(asha)
  assert.equal(second.expires_at, clock.now() + 15 * MINUTE)
  clock.forward(15 * MINUTE)
  await whatsapp.write(OTHER_PHONE, second.text)
  await stage.answered(3)
  assert.equal((await stage.contacts(asha)).length, 1)
})

test('a newer code ends the one before', async () => {
  await using stage = await startStage()
  const first = await stage.link(stage.asha)
  const second = await stage.link(stage.asha)
  await stage.whatsapp.write(PHONE, first.text)
  assert.deepEqual(await stage.contacts(stage.asha), [])
  await stage.whatsapp.write(PHONE, second.text.toLowerCase())
  assert.equal((await stage.contacts(stage.asha)).length, 1)
})

test('after five wrong codes a sender is not heard for an hour, with the right one either; others are', async () => {
  await using stage = await startStage()
  const { asha, whatsapp, clock } = stage
  for (let i = 0; i < 7; i += 1) await whatsapp.write(PHONE, `AAAAA-AAAA${i}`)
  await stage.answered(5)
  await whatsapp.write(PHONE, (await stage.link(asha)).text)
  assert.deepEqual(await stage.contacts(asha), [])
  await whatsapp.write(OTHER_PHONE, (await stage.link(asha)).text)
  assert.equal((await stage.contacts(asha)).length, 1)

  clock.forward(HOUR)
  await whatsapp.write(PHONE, (await stage.link(asha)).text)
  assert.equal((await stage.contacts(asha)).length, 2)
})

test('neither the code nor who tried one lies in the store in clear', async () => {
  await using stage = await startStage()
  const { text } = await stage.link(stage.asha)
  const code = text.slice(-11)
  await stage.whatsapp.write(PHONE, 'AAAAA-AAAAA')
  const kept = JSON.stringify([
    await stage.select('select * from whatsapp_links'),
    await stage.select('select * from whatsapp_tries'),
  ])
  assert.match(kept, new RegExp(stage.asha.userId))
  assert.doesNotMatch(kept, new RegExp(`${code}|${code.replace('-', '')}|${PHONE}`))
  assert.doesNotMatch(stage.server.lines.join(), new RegExp(code))
})

test('the same message brought twice is taken once', async () => {
  await using stage = await startStage()
  const link = await stage.link(stage.asha)
  for (const _ of [1, 2]) await stage.whatsapp.write(PHONE, link.text, { id: 'wamid.same' })
  await stage.answered(1)
  assert.equal((await stage.contacts(stage.asha)).length, 1)
})

const goodbyes = [
  { type: 'text', text: { body: 'STOP' } },
  { type: 'system', system: { type: 'user_changed_number', wa_id: OTHER_PHONE } },
  { type: 'system', system: { type: 'customer_identity_changed' } },
]
for (const goodbye of goodbyes) {
  test(`a contact that was suspended comes back by a new code alone: ${JSON.stringify(goodbye)}`, async () => {
    await using stage = await startStage()
    const { asha, whatsapp } = stage
    await whatsapp.write(PHONE, (await stage.link(asha)).text)
    await stage.answered(1)
    await whatsapp.batch({ messages: [{ from: PHONE, id: 'wamid.bye', timestamp: '1', ...goodbye }] })
    assert.equal((await stage.contacts(asha))[0]?.state, 'suspended')
    if (goodbye.type === 'text') assert.match(await stage.answerTo(PHONE), /^You get no more messages here/)

    await whatsapp.write(PHONE, 'Please begin again')
    assert.equal((await stage.contacts(asha))[0]?.state, 'suspended')
    await whatsapp.write(PHONE, (await stage.link(asha)).text)
    assert.deepEqual(
      (await stage.contacts(asha)).map(({ state, address }) => ({ state, address })),
      [{ state: 'active', address: `+${PHONE}` }],
    )
  })
}

test('a contact where nobody was comes back by a new code, and its id of Meta is the new one', async () => {
  await using stage = await startStage()
  const { asha, whatsapp } = stage
  await whatsapp.write(PHONE, (await stage.link(asha)).text)
  const id = await stage.ask()
  await until(() => stage.templates().length === 1)
  await whatsapp.status(stage.templates()[0]?.id ?? '', 'failed', { errorCode: 131026 })
  assert.equal((await stage.contacts(asha))[0]?.state, 'unreachable')
  assert.ok(id)
  const value = { from: PHONE, from_user_id: 'IN.777', id: 'wamid.new', type: 'text' }
  const { text } = await stage.link(asha)
  await whatsapp.batch({ messages: [{ ...value, text: { body: text } }] })
  assert.equal((await stage.contacts(asha))[0]?.state, 'active')
  assert.deepEqual(await stage.select('select scoped_id from contacts'), [{ scoped_id: 'IN.777' }])
})

test('after a new phone was connected by a code its keys are the known ones', async () => {
  await using stage = await startStage()
  const { asha, whatsapp } = stage
  const say = async (id: string, body: string, hash: string) =>
    whatsapp.batch({
      contacts: [{ wa_id: PHONE, identity_key_hash: hash }],
      messages: [
        { from: PHONE, id, timestamp: String(stage.clock.now() / 1_000), type: 'text', text: { body } },
      ],
    })
  const state = async () => (await stage.contacts(asha))[0]?.state
  await say('wamid.1', (await stage.link(asha)).text, 'first+phone=')
  assert.equal(await state(), 'active')
  stage.clock.forward(60_000)
  await say('wamid.2', 'hello', 'second+phone=')
  assert.equal(await state(), 'suspended')
  await say('wamid.3', (await stage.link(asha)).text, 'second+phone=')
  await say('wamid.4', 'hello', 'second+phone=')
  assert.equal(await state(), 'active')
  stage.clock.forward(60_000)
  await say('wamid.5', 'hello', 'first+phone=')
  assert.equal(await state(), 'suspended')
})

test('a number of another account changes hands only when its user says so on the phone', async () => {
  await using stage = await startStage()
  const { asha, whatsapp } = stage
  const ravi = await stage.server.person({ handle: 'ravi' })
  await whatsapp.write(PHONE, (await stage.link(ravi)).text)
  await stage.answered(1)

  const { text } = await stage.link(asha)
  await whatsapp.write(PHONE, text)
  assert.match(await stage.answerTo(PHONE), /already tells of another account.* account asha instead.* MOVE/)
  assert.equal((await stage.contacts(ravi)).length, 1)
  assert.deepEqual(await stage.contacts(asha), [])

  await whatsapp.write(PHONE, `move ${text.slice(-11)}`)
  assert.equal((await stage.contacts(asha))[0]?.state, 'active')
  assert.deepEqual(await stage.contacts(ravi), [])
  assert.match(await stage.answerTo(PHONE), /^Done/)
  const moved = await stage.select("select user_id, actor from events where kind = 'contact_moved'")
  assert.deepEqual(moved, [{ user_id: ravi.userId, actor: 'whatsapp' }])
})

test('a number that another account has lost is free for whoever proves it', async () => {
  await using stage = await startStage()
  const { asha, whatsapp } = stage
  const ravi = await stage.server.person({ handle: 'ravi' })
  await whatsapp.write(PHONE, (await stage.link(ravi)).text)
  await whatsapp.write(PHONE, 'STOP')
  await whatsapp.write(PHONE, (await stage.link(asha)).text)
  assert.equal((await stage.contacts(asha))[0]?.state, 'active')
  assert.deepEqual(await stage.contacts(ravi), [])
})

test('a user who hides their number is told by the id that Meta has of them', async () => {
  await using stage = await startStage()
  const { asha, whatsapp } = stage
  const hidden = scopedIdOf(PHONE)
  await whatsapp.write(PHONE, (await stage.link(asha)).text, { bsuidOnly: true })
  assert.equal((await stage.contacts(asha))[0]?.address, null)
  assert.match(await stage.answerTo(hidden), /^Done/)

  const id = await stage.ask()
  await until(() => stage.templates().length === 1)
  const [message] = stage.templates()
  assert.equal(message?.to, hidden)
  assert.match(JSON.stringify(message?.source), new RegExp(`"recipient":"${hidden}"`))
  await whatsapp.tap(message?.id ?? '', { button: 'Reject', from: PHONE, bsuidOnly: true })
  assert.equal(await stage.stateOf(id), 'rejected')
})

test('a disabled account connects no phone', async () => {
  await using stage = await startStage()
  const { text } = await stage.link(stage.asha)
  await stage.server.admin(`/v1/admin/users/${stage.asha.userId}/state`, { state: 'disabled' })
  await stage.whatsapp.write(PHONE, text)
  assert.match(await stage.answerTo(PHONE), /^This code is wrong/)
})

test('words in Hindi are asked for and answered in Hindi', async () => {
  await using stage = await startStage()
  const { text } = await stage.link(stage.asha, 'hi-IN')
  assert.match(text, /^जब कोई ऐप/)
  await stage.whatsapp.write(PHONE, text)
  assert.match(await stage.answerTo(PHONE), /^हो गया/)
})

test('where WhatsApp is off, or Meta does not say the number, the page hears why', async () => {
  await using off = await startServer()
  const asha = await off.person()
  assert.deepEqual(await (await asha.call('GET', '/v1/me/whatsapp')).json(), { is_on: false })
  assert.equal((await asha.call('POST', '/v1/me/whatsapp/link', {})).status, 409)

  await using stage = await startStage({ COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: 'wrong' })
  const refused = await stage.asha.call('POST', '/v1/me/whatsapp/link', {})
  assert.equal(refused.status, 503)
  assert.doesNotMatch(await refused.text(), /wrong"/)

  await using set = await startStage({
    COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: 'wrong',
    COUNTERSIGN_WHATSAPP_NUMBER: '+49 151 1234 5678',
  })
  assert.match((await set.link(set.asha)).url, /^https:\/\/wa\.me\/4915112345678\?/)
  assert.equal(set.whatsapp.calls.length, 0)
})

test('inside the window a decision is confirmed by free words, and a tap opens it', async () => {
  await using stage = await startStage()
  const { asha, whatsapp, clock } = stage
  await whatsapp.write(PHONE, (await stage.link(asha)).text)
  await stage.answered(1)
  clock.forward(2 * DAY)

  const onPage = await stage.ask()
  await until(() => stage.templates().length === 1)
  await asha.approve(onPage)
  const tapped = await stage.ask()
  await until(() => stage.templates().length === 2)
  const message = stage.templates()[1]
  await whatsapp.tap(message?.id ?? '', { button: 'Reject', at: clock.now() })
  await stage.answered(2)

  const reference = tapped.slice(-6).toUpperCase()
  assert.equal(
    await stage.answerTo(PHONE),
    `You rejected the request of Northwind Research, reference ${reference}. Nothing was given.`,
  )
  const later = await stage.ask()
  await until(() => stage.templates().length === 3)
  await asha.approve(later)
  await stage.answered(3)
  assert.match(await stage.answerTo(PHONE), /^You approved the request of Northwind Research/)
})

test('what became of a confirmation is noted too, and the timeline of the request holds the telling alone', async () => {
  await using stage = await startStage()
  const { asha, whatsapp } = stage
  await whatsapp.write(PHONE, (await stage.link(asha)).text)
  await stage.answered(1)
  const id = await stage.ask()
  await until(() => stage.templates().length === 1)
  const [message] = stage.templates()
  for (const status of ['sent', 'delivered', 'read'] as const)
    await whatsapp.status(message?.id ?? '', status)
  await whatsapp.tap(message?.id ?? '', { button: 'Reject' })
  await stage.answered(2)
  const news = stage.texts().at(-1)?.id ?? ''
  const stateOfNews = async () =>
    (await stage.select("select state from notices where about = 'rejected'"))[0]?.state
  for (const [report, state] of [
    ['delivered', 'delivered'],
    ['read', 'shown'],
    ['sent', 'shown'],
  ] as const) {
    await whatsapp.status(news, report)
    assert.equal(await stateOfNews(), state)
  }
  const { timeline } = await stage.server.requestStatus(stage.app, id)
  const told = timeline.map(({ event }) => event).filter((event) => event !== 'asked')
  assert.deepEqual(told, ['notice_sent', 'notice_delivered', 'notice_shown', 'rejected'])
})

test('what would be too much for one person waits, without asking Meta, and then goes', async () => {
  await using stage = await startStage()
  const { asha, whatsapp, clock } = stage
  await whatsapp.write(PHONE, (await stage.link(asha)).text)
  await stage.answered(1)
  const id = await stage.ask()
  await until(() => stage.templates().length === 1)
  clock.forward(7_000)
  await asha.approve(id)
  const waiting = () => stage.select("select due_at, attempt from outbox where kind = 'notify'")
  await until(
    async () =>
      Number((await waiting())[0]?.attempt) === 1 && Number((await waiting())[0]?.due_at) > clock.now(),
  )
  assert.equal(whatsapp.calls.filter(({ url }) => url.endsWith('/messages')).length, 2)
  clock.forward(10_000)
  await stage.answered(2)
  assert.match(await stage.answerTo(PHONE), /^You approved the request of Northwind Research/)
})

test('a tap that comes after the end changes nothing and is told how it ended, once', async () => {
  await using stage = await startStage()
  const { asha, whatsapp } = stage
  await whatsapp.write(PHONE, (await stage.link(asha)).text)
  await stage.answered(1)
  stage.clock.forward(2 * DAY)
  const id = await stage.ask()
  await until(() => stage.templates().length === 1)
  const [message] = stage.templates()
  stage.clock.forward(DAY)
  const tap = { button: 'Reject', at: stage.clock.now() }
  await whatsapp.tap(message?.id ?? '', tap)
  await stage.answered(2)
  assert.match(await stage.answerTo(PHONE), /has expired\. Nothing was given\.$/)
  assert.notEqual(await stage.stateOf(id), 'rejected')
  await whatsapp.tap(message?.id ?? '', tap)
  await whatsapp.tap(message?.id ?? '', { ...tap, at: stage.clock.now() - 7 * DAY })
  await stage.settled()
  assert.equal(stage.texts().length, 2)
})

test('where Meta takes the window to be closed the template for news is used, if there is one', async () => {
  await using stage = await startStage({ COUNTERSIGN_WHATSAPP_ACCOUNT_TEMPLATE: 'account_news_v1' })
  const { asha, whatsapp } = stage
  await whatsapp.write(PHONE, (await stage.link(asha)).text)
  await stage.answered(1)
  const id = await stage.ask()
  await until(() => stage.templates().length === 1)
  whatsapp.fail(131047)
  await asha.reject(id)
  await until(() => stage.templates().length === 2)
  const news = stage.templates()[1]
  assert.equal(news?.template, 'account_news_v1')
  assert.match(news?.parameters[0] ?? '', /^You rejected the request of Northwind Research/)
  assert.match(news?.parameters[1] ?? '', /^2026-11-24 06:00 UTC$/)
})

test('and without one the confirmation is left out, in silence', async () => {
  await using stage = await startStage()
  const { asha, whatsapp } = stage
  await whatsapp.write(PHONE, (await stage.link(asha)).text)
  await stage.answered(1)
  const id = await stage.ask()
  await until(() => stage.templates().length === 1)
  whatsapp.fail(131047)
  await asha.reject(id)
  const failures = () =>
    stage.select("select state, failure from notices where about = 'rejected' and state <> 'queued'")
  await until(async () => (await failures()).length === 1)
  assert.deepEqual(await failures(), [{ state: 'failed', failure: 'window_closed' }])
  assert.equal(stage.server.lines.filter((line) => /WhatsApp/.test(line)).length, 0)
})

/** A user with an app and without a phone, before Meta. */
async function startStage(env: Record<string, string> = {}) {
  await using unfinished = new AsyncDisposableStack()
  const clock = heldClock()
  const templates = [accessRequestTemplate('https://sign.example.com'), accountNewsTemplate()]
  const whatsapp = unfinished.use(await startWhatsappApi({ now: clock.now, templates }))
  const server = unfinished.use(
    await startServer({
      now: clock.now,
      env: {
        ...whatsapp.env,
        ...env,
      },
    }),
  )
  whatsapp.connect(`http://127.0.0.1:${server.port}/channels/whatsapp/webhook`)
  const asha = await server.person({ handle: 'asha' })
  const app = await server.addClient({ user_id: asha.userId, notifier_url: 'http://127.0.0.1:9/' })
  const parts = unfinished.move()
  const texts = () => whatsapp.messages.filter(({ template }) => template === undefined)
  return {
    clock,
    whatsapp,
    server,
    asha,
    app,
    select: async (text: string) => (await server.select(text)).map((row) => ({ ...row })),
    ask: () => server.openRequest(app),
    stateOf: async (id: string) => (await server.requestStatus(app, id)).status,
    link: (person: Person, language?: string) =>
      person.must<WhatsappLink>('POST', '/v1/me/whatsapp/link', language ? { language } : {}),
    contacts: async (person: Person) =>
      (await person.must<{ contacts: ContactCard[] }>('GET', '/v1/me/contacts')).contacts,
    texts,
    templates: () => whatsapp.messages.filter(({ template }) => template !== undefined),
    /** Waits until so many free messages were sent in all. */
    answered: (count: number) => until(() => texts().length === count),
    /** The newest free message to somebody. */
    async answerTo(to: string) {
      const queued = () => server.select("select id from outbox where kind in ('answer', 'notify')")
      await until(async () => (await queued()).length === 0)
      return texts().findLast((each) => each.to === to)?.text ?? ''
    },
    /** Long enough for whatever is due to be sent: workers look each second. */
    settled: () => new Promise((resolve) => setTimeout(resolve, 1_500)),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}
