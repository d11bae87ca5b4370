import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { HOUR } from '#base/clock.ts'
import { jsonLog } from '#base/log.ts'
import { createVault } from '#base/seal.ts'
import { ChannelFailed, type Message } from '#notices/channel.ts'
import { accessRequestTemplate } from '../../../demo/whatsapp/template.ts'
import { newMessage } from '../../../test/support/message.ts'
import { startStore } from '../../../test/support/store.ts'
import { startWhatsappApi, type WhatsappApiOptions } from '../../../test/support/whatsapp-api.ts'
import { createWhatsappChannel, type WhatsappSettings } from './channel.ts'
import { createCloudApi } from './cloud-api.ts'
import { createPace } from './pace.ts'

const vault = createVault(randomBytes(32))
const db = await startStore()
after(() => db[Symbol.asyncDispose]())
/** Each stage begins long after the one before, so that nobody has had messages lately. */
let stages = 0

test('a message is the one template, with a button to reject and a link to the page, and nothing of the request', async () => {
  await using stage = await startStage()
  const message = newMessage({ address: '919812345678', clientName: 'Northwind Research' })

  const { externalId } = await stage.send(message)

  const [sent] = stage.api.messages
  assert.equal(externalId, sent?.id)
  assert.deepEqual(sent?.source, {
    messaging_product: 'whatsapp',
    recipient_type: 'individual',
    to: '919812345678',
    type: 'template',
    biz_opaque_callback_data: message.noticeId,
    template: {
      name: 'access_request_v1',
      language: { code: 'en' },
      components: [
        {
          type: 'body',
          parameters: [
            { type: 'text', text: 'Northwind Research' },
            { type: 'text', text: message.requestId.slice(-6).toUpperCase() },
          ],
        },
        {
          type: 'button',
          sub_type: 'quick_reply',
          index: '0',
          parameters: [
            {
              type: 'payload',
              payload: `r0.${message.noticeId}.${vault.mac('whatsapp_tap', message.noticeId)}`,
            },
          ],
        },
        {
          type: 'button',
          sub_type: 'url',
          index: '1',
          parameters: [{ type: 'text', text: `r/${message.requestId}` }],
        },
      ],
    },
  })
  assert.equal(
    sent?.buttons[1]?.kind === 'url' && sent.buttons[1].url,
    `https://sign.example.com/r/${message.requestId}`,
  )
  const { calls, accessToken } = stage.api
  assert.deepEqual(calls, [
    { url: '/v23.0/106540352242922/messages', authorization: `Bearer ${accessToken}` },
  ])
})

const names = [
  { name: 'of two\n\tlines', shown: 'of two lines' },
  { name: 'with        spaces', shown: 'with spaces' },
  { name: '\u202ereversed\u200b', shown: 'reversed' },
  { name: ' \u0000 ', shown: 'An app' },
  { name: 'नॉर्थविंड रिसर्च', shown: 'नॉर्थविंड रिसर्च' },
  { name: '🪷'.repeat(80), shown: `${'🪷'.repeat(59)}…` },
]
for (const { name, shown } of names) {
  test(`an app name is made fit for a parameter: ${shown.slice(0, 20)}`, async () => {
    await using stage = await startStage()
    await stage.send(newMessage({ clientName: name }))
    assert.equal(stage.api.messages[0]?.parameters[0], shown)
  })
}

const codes = [
  { code: 0, kind: 'token_refused', waits: undefined, alerts: true },
  { code: 1, kind: 'unavailable', waits: 0, alerts: false },
  { code: 2, kind: 'unavailable', waits: 0, alerts: false },
  { code: 4, kind: 'rate_limited', waits: 60_000, alerts: false },
  { code: 10, kind: 'permission_missing', waits: undefined, alerts: true },
  { code: 100, kind: 'misconfigured', waits: undefined, alerts: true },
  { code: 190, kind: 'token_refused', waits: undefined, alerts: true },
  { code: 200, kind: 'permission_missing', waits: undefined, alerts: true },
  { code: 299, kind: 'permission_missing', waits: undefined, alerts: true },
  { code: 368, kind: 'account_locked', waits: undefined, alerts: true },
  { code: 80007, kind: 'rate_limited', waits: 60_000, alerts: false },
  { code: 130429, kind: 'rate_limited', waits: 2_000, alerts: false },
  { code: 131000, kind: 'unavailable', waits: 0, alerts: false },
  { code: 131008, kind: 'misconfigured', waits: undefined, alerts: true },
  { code: 131009, kind: 'misconfigured', waits: undefined, alerts: true },
  { code: 131016, kind: 'unavailable', waits: 0, alerts: false },
  { code: 131021, kind: 'misconfigured', waits: undefined, alerts: true },
  { code: 131026, kind: 'undeliverable', waits: undefined, alerts: false },
  { code: 131030, kind: 'misconfigured', waits: undefined, alerts: true },
  { code: 131031, kind: 'account_locked', waits: undefined, alerts: true },
  { code: 131042, kind: 'billing', waits: undefined, alerts: true },
  { code: 131047, kind: 'window_closed', waits: undefined, alerts: true },
  { code: 131048, kind: 'spam_limited', waits: undefined, alerts: true },
  { code: 131049, kind: 'withheld', waits: undefined, alerts: false },
  { code: 131056, kind: 'pair_limited', waits: 8_000, alerts: false },
  { code: 132000, kind: 'template_parameters', waits: undefined, alerts: true },
  { code: 132001, kind: 'template_missing', waits: undefined, alerts: true },
  { code: 132005, kind: 'template_too_long', waits: undefined, alerts: true },
  { code: 132007, kind: 'template_policy', waits: undefined, alerts: true },
  { code: 132012, kind: 'template_parameters', waits: undefined, alerts: true },
  { code: 132015, kind: 'template_paused', waits: undefined, alerts: true },
  { code: 132016, kind: 'template_disabled', waits: undefined, alerts: true },
  { code: 999_999, kind: 'unexpected_answer', waits: undefined, alerts: true },
]
for (const { code, kind, waits, alerts } of codes) {
  const what = `${waits === undefined ? 'is final' : `waits ${waits} ms`}${alerts ? ' and tells the operator' : ''}`
  test(`code ${code} is ${kind}: it ${what}`, async () => {
    await using stage = await startStage()
    stage.api.fail(code)

    const failure = await stage.failure()

    assert.deepEqual({ kind: failure.kind, waits: failure.retryAfterMs }, { kind, waits })
    assert.equal(stage.log.length, alerts ? 1 : 0)
    assert.doesNotMatch(stage.log.join(), new RegExp(`${stage.api.accessToken}|${stage.api.appSecret}|9198`))
  })
}

for (const code of [0, 190, 10, 368, 131031, 131042, 131048]) {
  test(`after code ${code} the channel rests: nothing more is sent, and it is said once`, async () => {
    await using stage = await startStage()
    stage.api.fail(code)
    const first = await stage.failure()
    assert.equal((await stage.failure()).kind, first.kind)
    assert.equal(stage.api.calls.length, 1)
    assert.equal(stage.log.length, 1)
    assert.match(stage.log.join(), /rests for 10 minutes/)
  })
}

test('a message goes in the language of its user, where the template is approved in it', async () => {
  const origin = 'https://sign.example.com'
  const templates = [accessRequestTemplate(origin), accessRequestTemplate(origin, 'access_request_v1', 'hi')]
  await using stage = await startStage({}, { templates })
  await stage.send(newMessage({ language: 'hi' }))
  await stage.send(newMessage({ language: 'ta' }))
  assert.deepEqual(
    stage.api.messages.map(({ language }) => language),
    ['hi', 'en'],
  )
})

test('the wait after the pair limit is at least 6 s, also when it is shortened by its jitter', async () => {
  await using stage = await startStage()
  stage.api.fail(131056)
  const { retryAfterMs } = await stage.failure()
  assert.ok((retryAfterMs ?? 0) * 0.8 >= 6_000)
})

test('a template that is not there in its language is sent in English, once', async () => {
  await using stage = await startStage({ templateLanguage: 'hi' })
  await stage.send(newMessage())
  assert.equal(stage.api.messages[0]?.language, 'en')
  assert.equal(stage.api.calls.length, 2)
  assert.match(stage.log.join(), /not approved in hi/)
})

test('a template that is not there in English either is given up after two sendings', async () => {
  await using stage = await startStage({ templateLanguage: 'hi' }, { templates: [] })
  assert.equal((await stage.failure()).kind, 'template_missing')
  assert.equal(stage.api.calls.length, 2)
})

test('a template in the wanted language is sent in it', async () => {
  const origin = 'https://sign.example.com'
  const templates = [accessRequestTemplate(origin), accessRequestTemplate(origin, 'access_request_v1', 'hi')]
  await using stage = await startStage({ templateLanguage: 'hi' }, { templates })
  await stage.send(newMessage())
  assert.equal(stage.api.messages[0]?.language, 'hi')
})

test('a wrong access token is told to the operator without the token', async () => {
  await using stage = await startStage({ accessToken: 'EAAGwrong' })
  assert.equal((await stage.failure()).kind, 'token_refused')
  assert.match(stage.log.join(), /COUNTERSIGN_WHATSAPP_ACCESS_TOKEN/)
  assert.doesNotMatch(stage.log.join(), /EAAGwrong/)
})

const strangers = [
  { answer: { status: 200, body: '<html>' }, kind: 'unexpected_answer', waits: undefined },
  { answer: { status: 200, body: '{"messages":[]}' }, kind: 'unexpected_answer', waits: undefined },
  { answer: { status: 200, body: 'null' }, kind: 'unexpected_answer', waits: undefined },
  { answer: { status: 404, body: '' }, kind: 'unexpected_answer', waits: undefined },
  { answer: { status: 302, body: '' }, kind: 'unexpected_answer', waits: undefined },
  { answer: { status: 401, body: '' }, kind: 'token_refused', waits: undefined },
  { answer: { status: 429, body: '' }, kind: 'rate_limited', waits: 60_000 },
  { answer: { status: 502, body: '<html>' }, kind: 'unavailable', waits: 0 },
]
for (const { answer, kind, waits } of strangers) {
  test(`an answer that is not of Meta's form is ${kind}: ${answer.status} ${answer.body}`, async () => {
    await using stage = await startStage({ apiUrl: 'stranger' }, {}, answer)
    const failure = await stage.failure()
    assert.deepEqual({ kind: failure.kind, waits: failure.retryAfterMs }, { kind, waits })
  })
}

test('an answer without end is not read to its end', async () => {
  await using stage = await startStage(
    { apiUrl: 'stranger' },
    {},
    { status: 200, body: 'x'.repeat(1_000_000) },
  )
  await assert.rejects(stage.send(newMessage()), { name: 'ResponseExceededMaxSizeError' })
})

test('a sending ends when it is told to', async () => {
  await using stage = await startStage()
  stage.api.before(() => new Promise(() => {}))
  await assert.rejects(stage.send(newMessage(), AbortSignal.timeout(50)), { name: 'TimeoutError' })
})

/** A channel before the API, or before a stranger that answers the same to everything. */
async function startStage(
  settings: Partial<WhatsappSettings> = {},
  options: WhatsappApiOptions = {},
  answer = { status: 200, body: '' },
) {
  const api = await startWhatsappApi(options)
  const stranger = createServer((_http, reply) =>
    reply.writeHead(answer.status, { location: api.url }).end(answer.body),
  )
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
  const strangerUrl = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`

  const log: string[] = []
  const whatsapp = {
    ...api,
    templateName: 'access_request_v1',
    templateLanguage: 'en',
    messagesPerSecond: 80,
    ...settings,
    apiUrl: settings.apiUrl === 'stranger' ? strangerUrl : api.url,
  }
  stages += 1
  const ahead = stages * HOUR
  const context = {
    db,
    vault,
    log: jsonLog((line) => log.push(line)),
    now: () => Date.now() + ahead,
    site: { origin: 'https://sign.example.com' },
  }
  const cloud = createCloudApi(whatsapp, { ...context, pace: createPace(context, whatsapp) })
  const channel = createWhatsappChannel(whatsapp, { ...context, api: cloud })
  const send = (message: Message, signal = AbortSignal.timeout(5_000)) => channel.send(message, signal)
  return {
    api,
    log,
    send,
    failure: () =>
      send(newMessage()).then(
        () => assert.fail('The message was taken.'),
        (fault) => (fault instanceof ChannelFailed ? fault : assert.fail(String(fault))),
      ),
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]()
      stranger.closeAllConnections()
      await new Promise((resolve) => stranger.close(resolve))
    },
  }
}
