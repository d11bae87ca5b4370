import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createWhatsappApi, type SentMessage } from '../../demo/whatsapp/api.ts'
import { accessRequestTemplate, GraphError, type Template } from '../../demo/whatsapp/template.ts'
import {
  createWebhook,
  type MessageStatus,
  newTapId,
  statusValue,
  type TapOptions,
  tapValue,
  textValue,
} from '../../demo/whatsapp/webhook.ts'

export interface WhatsappApiOptions {
  appSecret?: string
  accessToken?: string
  verifyToken?: string
  phoneNumberId?: string
  accountId?: string
  apiVersion?: string
  templates?: readonly Template[]
  now?: () => number
}

/** A refusal to come: of every message, or of those to one number; each time, or for a number of times. */
interface Script {
  code: number
  status: number
  to: string | undefined
  times: number
}

/**
 * Plays Meta's WhatsApp Business Cloud API over HTTP: takes messages as strictly as Meta does, and calls our webhook,
 * signed. Call `connect` with the webhook's address before any event.
 */
export async function startWhatsappApi(options: WhatsappApiOptions = {}) {
  const settings = {
    appSecret: 'app-secret-of-the-test',
    accessToken: 'EAAGtestaccesstoken',
    verifyToken: 'verify-token-of-the-test',
    phoneNumberId: '106540352242922',
    accountId: '102290129340398',
    apiVersion: 'v23.0',
    templates: [accessRequestTemplate('https://sign.example.com')],
    ...options,
  }
  const scripts: Script[] = []
  let beforeAnswer: ((message: SentMessage) => unknown) | undefined
  const api = createWhatsappApi({
    ...settings,
    onMessage: (message) => beforeAnswer?.(message),
    refuse({ to }) {
      const script = scripts.find((each) => each.times > 0 && (each.to === undefined || each.to === to))
      if (!script) return
      script.times -= 1
      throw new GraphError(script.status, script.code, 'Made to fail by the test.')
    },
  })
  const webhook = createWebhook(settings)
  let webhookUrl = ''
  const calls: { url: string; authorization: string | undefined }[] = []

  const server = createServer((http, reply) => {
    calls.push({ url: http.url ?? '', authorization: http.headers.authorization })
    api.answer(http, reply).catch(() => reply.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const messageOf = (id: string): SentMessage => {
    const message = api.messages.find((each) => each.id === id)
    if (!message) throw new Error(`No message was sent as ${id}.`)
    return message
  }
  const post = (body: string, signature?: string | null) => webhook.post(webhookUrl, body, signature)

  return {
    ...settings,
    url,
    /** Settings by which a server speaks with it. */
    env: {
      COUNTERSIGN_WHATSAPP_API: url,
      COUNTERSIGN_WHATSAPP_PHONE_NUMBER_ID: settings.phoneNumberId,
      COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: settings.accessToken,
      COUNTERSIGN_WHATSAPP_APP_SECRET: settings.appSecret,
      COUNTERSIGN_WHATSAPP_VERIFY_TOKEN: settings.verifyToken,
      COUNTERSIGN_WHATSAPP_BUSINESS_ACCOUNT_ID: settings.accountId,
    },
    /** What was taken, oldest first. */
    messages: api.messages,
    /** Every call, also those that were refused. */
    calls,
    /** Where taps and reports go. */
    connect: (url: string) => {
      webhookUrl = url
    },

    /** Refuses coming messages with a code of Meta's. */
    fail(
      code: number,
      { to, times = 1, status = 400 }: { to?: string; times?: number; status?: number } = {},
    ) {
      scripts.push({ code, status, to, times })
    },
    /** Does something after a message is taken and before it is answered. */
    before(answer: ((message: SentMessage) => unknown) | undefined) {
      beforeAnswer = answer
    },

    /** A user taps a button. @returns the status our webhook answered with; of the second call, if `duplicate` */
    async tap(messageId: string, { duplicate, ...tap }: TapOptions & { duplicate?: boolean }) {
      const message = messageOf(messageId)
      api.hear(tap.from ?? message.to)
      const body = webhook.body(tapValue(message, tap))
      const status = await post(body)
      return duplicate ? post(body) : status
    },
    /** A user writes. @returns the status our webhook answered with */
    async write(from: string, text: string, options: Parameters<typeof textValue>[2] = {}) {
      api.hear(from)
      return post(webhook.body(textValue(from, text, options)))
    },
    hear: api.hear,
    /** Something becomes of a message. */
    status: (messageId: string, status: MessageStatus, { errorCode }: { errorCode?: number } = {}) =>
      post(webhook.body(statusValue(messageOf(messageId), status, errorCode))),

    /** Values to be put in one body by `batch`, or to be spoilt. */
    tapOf: (messageId: string, tap: TapOptions) => tapValue(messageOf(messageId), tap),
    statusOf: (messageId: string, status: MessageStatus, errorCode?: number) =>
      statusValue(messageOf(messageId), status, errorCode),
    bodyOf: webhook.body,
    sign: webhook.sign,
    newTapId,
    batch: (...values: object[]) => post(webhook.body(...values)),
    /** Posts bytes as they are, signed well unless a signature, or null for none, is given. */
    post,
    verify: (token?: string | null) => webhook.verify(webhookUrl, token),

    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
