import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { ContactCard } from '../src/api/contract.ts'
import { createVault } from '../src/base/seal.ts'
import { createWhatsappChannel } from '../src/channels/whatsapp/channel.ts'
import { createCloudApi } from '../src/channels/whatsapp/cloud-api.ts'
import { createPace } from '../src/channels/whatsapp/pace.ts'
import { newMessage } from '../test/support/message.ts'
import { startServer } from '../test/support/server.ts'
import { startStore } from '../test/support/store.ts'
import { until } from '../test/support/until.ts'
import { readBody } from './whatsapp/api.ts'
import { startWhatsappSimulator } from './whatsapp-simulator.ts'

test('a message is reported sent and delivered by itself, and read when the page says so', async () => {
  await using stage = await startStage()
  const id = await stage.send()
  await stage.until(() => stage.statuses().length === 2)
  assert.equal(await stage.post('/read', { id }), 204)
  await stage.until(() => stage.statuses().length === 3)
  assert.equal(await stage.post('/read', { id }), 204)
  assert.deepEqual(stage.statuses(), ['sent', 'delivered', 'read'])
})

test('a tap on the page is told to the webhook once, with the payload of the button', async () => {
  await using stage = await startStage()
  const id = await stage.send()
  assert.equal(await stage.post('/tap', { id, button: 'Reject' }), 204)
  await stage.until(() => stage.taps().length === 1)
  assert.equal(await stage.post('/tap', { id, button: 'Reject' }), 204)
  assert.equal(await stage.simulator.tap(id, 'Approve'), false)
  assert.equal(await stage.simulator.tap('wamid.unknown'), false)
  assert.match(stage.taps().join(), /^r0\.ntc_1\.[\w-]{43}$/)
})

test('a tap that the server did not take is posted again', async () => {
  await using stage = await startStage()
  const id = await stage.send()
  await stage.until(() => stage.statuses().length === 2)
  stage.answerWith(503)
  const tapped = stage.simulator.tap(id)
  await stage.until(() => stage.taps().length === 1)
  stage.answerWith(200)
  assert.equal(await tapped, true)
  assert.equal(stage.taps().length, 2)
})

test('the person with the phone can write, and hears what the server says to it', async () => {
  await using whatsapp = await startPhone()
  const { phone, asha, contacts } = whatsapp
  const { text } = await asha.must<{ text: string }>('POST', '/v1/me/whatsapp/link', {})
  assert.equal(await phone.write('919800000001', text), true)
  assert.deepEqual(
    (await contacts()).map(({ state, address }) => ({ state, address })),
    [{ state: 'active', address: '+919800000001' }],
  )
  await until(() => phone.messages.some((each) => /^Done/.test(each.text)))
  assert.equal(await phone.write('919800000001', 'stop'), true)
  assert.equal((await contacts())[0]?.state, 'suspended')
  await until(() => phone.messages.some((each) => /^You get no more messages here/.test(each.text)))
  assert.equal(await phone.write('not a number', 'x'), false)
  assert.equal(await phone.write('919800000001', ' '), false)
})

test('the page runs only its own files, and other sites can neither read nor tap', async () => {
  await using stage = await startStage()
  const { url } = stage.simulator
  for (const path of ['/', '/phone.css', '/phone.js', '/icon.svg']) {
    const answer = await fetch(`${url}${path}`)
    assert.equal(answer.status, 200, path)
    assert.match(
      answer.headers.get('content-security-policy') ?? '',
      /default-src 'none'.*trusted-types 'none'/,
    )
    assert.doesNotMatch(await answer.text(), /style="|<style|<script>|onclick=|innerHTML/)
  }
  assert.equal((await fetch(`${url}/../whatsapp-simulator.ts`)).status, 404)
  assert.equal(await stage.post('/tap', { id: 'x' }, { origin: 'https://evil.example' }), 403)
  assert.equal(await stage.post('/tap', { id: 'x' }, { 'content-type': 'text/plain' }), 403)
  const words = { from: '919800000001', text: 'STOP' }
  assert.equal(await stage.post('/write', words, { origin: 'https://evil.example' }), 403)
  assert.equal(await stage.post('/tap', null), 204)
  assert.equal(await statusForHost(url, 'evil.example'), 421)
})

test('the webhook can be verified', async () => {
  await using stage = await startStage()
  assert.equal(await stage.simulator.verifyWebhook(), false)
})

const statusForHost = (url: string, host: string) =>
  new Promise((resolve) => {
    request(url, { headers: { host } }, (answer) => resolve(answer.resume().statusCode)).end()
  })

/** The simulator before a whole server. */
async function startPhone() {
  await using unfinished = new AsyncDisposableStack()
  const port = await freePort()
  const secrets = {
    appSecret: 'secret',
    accessToken: 'token',
    verifyToken: 'verify',
    phoneNumberId: '106540352242922',
  }
  const webhookUrl = `http://127.0.0.1:${port}/channels/whatsapp/webhook`
  const phone = unfinished.use(await startWhatsappSimulator({ port: 0, ...secrets, webhookUrl }))
  const server = unfinished.use(
    await startServer({
      env: {
        COUNTERSIGN_PORT: String(port),
        COUNTERSIGN_WHATSAPP_API: phone.url,
        COUNTERSIGN_WHATSAPP_PHONE_NUMBER_ID: secrets.phoneNumberId,
        COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: secrets.accessToken,
        COUNTERSIGN_WHATSAPP_APP_SECRET: secrets.appSecret,
        COUNTERSIGN_WHATSAPP_VERIFY_TOKEN: secrets.verifyToken,
      },
    }),
  )
  const asha = await server.person({ handle: 'asha' })
  const parts = unfinished.move()
  return {
    phone,
    asha,
    contacts: async () => (await asha.must<{ contacts: ContactCard[] }>('GET', '/v1/me/contacts')).contacts,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

async function freePort() {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The simulator between a channel and a webhook that only listens. */
async function startStage() {
  type Value = { statuses?: { status: string }[]; messages?: { button: { payload: string } }[] }
  const values: Value[] = []
  let status = 200
  const webhook = createServer(async (http, reply) => {
    const body = await readBody(http)
    if (http.method === 'POST') values.push(JSON.parse(body.toString()).entry[0].changes[0].value)
    reply.writeHead(status).end()
  })
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve))
  const webhookUrl = `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/channels/whatsapp/webhook`

  const db = await startStore()
  const meta = {
    appSecret: 'secret',
    accessToken: 'token',
    verifyToken: 'verify',
    phoneNumberId: '106540352242922',
  }
  const simulator = await startWhatsappSimulator({ port: 0, ...meta, webhookUrl })
  const settings = {
    ...meta,
    apiUrl: simulator.url,
    apiVersion: 'v23.0',
    templateName: 'access_request_v1',
    templateLanguage: 'en',
    messagesPerSecond: 80,
  }
  const context = {
    db,
    vault: createVault(randomBytes(32)),
    log: { info() {}, warn() {}, error() {} },
    now: Date.now,
    site: { origin: 'https://sign.example.com' },
  }
  const api = createCloudApi(settings, { ...context, pace: createPace(context, settings) })
  const channel = createWhatsappChannel(settings, { ...context, api })

  return {
    simulator,
    answerWith: (code: number) => {
      status = code
    },
    statuses: () => values.flatMap(({ statuses = [] }) => statuses.map((each) => each.status)),
    taps: () => values.flatMap(({ messages = [] }) => messages.map((each) => each.button.payload)),
    async send() {
      const message = newMessage({ noticeId: 'ntc_1', clientName: 'Northwind' })
      const { externalId = '' } = await channel.send(message, AbortSignal.timeout(5_000))
      return externalId
    },
    async post(path: string, body: unknown, headers: Record<string, string> = {}) {
      const answer = await fetch(`${simulator.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: simulator.url, ...headers },
        body: JSON.stringify(body),
      })
      return answer.status
    },
    async until(isSo: () => boolean) {
      const giveUpAt = performance.now() + 5_000
      while (!isSo()) {
        assert.ok(performance.now() < giveUpAt, 'It did not come so far in 5 s.')
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    async [Symbol.asyncDispose]() {
      await simulator[Symbol.asyncDispose]()
      await db[Symbol.asyncDispose]()
      webhook.closeAllConnections()
      await new Promise((resolve) => webhook.close(resolve))
    },
  }
}
