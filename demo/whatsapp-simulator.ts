import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { createWhatsappApi, readBody, type SentMessage, sendJson } from './whatsapp/api.ts'
import { accessRequestTemplate, GraphError, type Template } from './whatsapp/template.ts'
import {
  createWebhook,
  type MessageStatus,
  newTapId,
  statusValue,
  tapValue,
  textValue,
} from './whatsapp/webhook.ts'

export interface SimulatorOptions {
  /** 0 takes a free one. */
  port: number
  appSecret: string
  accessToken: string
  verifyToken: string
  phoneNumberId: string
  /** Where taps and reports go. */
  webhookUrl: string
  /** Where the link of a message leads; the origin of the webhook if not given. */
  origin?: string
  apiVersion?: string
  /** The template of Countersign, in English, if not given. */
  templates?: readonly Template[]
  /** Numbers that can write from the start, digits alone; whoever gets a message can write as well. */
  phones?: readonly string[]
}

/** What the page shows of a message, to a phone or written on it. */
interface Bubble {
  id: string
  to: string
  /** How far words of its person have come. */
  written?: Arrival
  at: number
  text: string
  buttons: ({ kind: 'reply'; text: string } | { kind: 'link'; text: string; url: string })[]
  status: 'accepted' | MessageStatus
  tapped: { button: string; at: number; state: Arrival } | null
}

type Arrival = 'sending' | 'arrived' | 'lost'

/** Waits before a message is reported sent, then delivered: long enough to be seen, too short to wait for. */
const SENT_AFTER_MS = 150
const DELIVERED_AFTER_MS = 450
/** Meta's own limit of a message. */
const LONGEST_TEXT = 4_096
/** Meta repeats for days what is not answered with 200; these few are enough for one machine. */
const REPEATS_MS = [500, 2_000, 8_000]

/**
 * Plays WhatsApp on this machine: the Cloud API for the server, and for a person a page with a phone on it. Nothing
 * leaves the machine, and nobody else can open it.
 */
export async function startWhatsappSimulator(options: SimulatorOptions) {
  const {
    webhookUrl,
    origin = new URL(webhookUrl).origin,
    templates = [accessRequestTemplate(origin)],
    phones = [],
  } = options
  const webhook = createWebhook(options)
  const bubbles = new Map<string, Bubble>()
  const streams = new Set<ServerResponse>()
  const stopping = new AbortController()

  const api = createWhatsappApi({
    ...options,
    templates,
    onMessage(message) {
      bubbles.set(message.id, bubbleOf(message))
      void report(message)
    },
  })

  /** Posts until it is taken, as Meta does. */
  async function tell(body: string): Promise<boolean> {
    for (const waitMs of [...REPEATS_MS, undefined]) {
      const status = await webhook.post(webhookUrl, body).catch(() => 0)
      if (status === 200) return true
      if (waitMs === undefined || stopping.signal.aborted) break
      await pause(waitMs, undefined, { signal: stopping.signal, ref: false }).catch(() => {})
    }
    return false
  }

  async function report(message: SentMessage) {
    show(message.id)
    for (const [status, waitMs] of [
      ['sent', SENT_AFTER_MS],
      ['delivered', DELIVERED_AFTER_MS - SENT_AFTER_MS],
    ] as const) {
      await pause(waitMs, undefined, { ref: false })
      if (stopping.signal.aborted) return
      rise(message.id, status)
      await tell(webhook.body(statusValue(message, status)))
    }
  }

  /** Notes how far a message has come; a state only rises. */
  function rise(id: string, status: MessageStatus): boolean {
    const bubble = bubbles.get(id)
    if (!bubble || ORDER.indexOf(bubble.status) >= ORDER.indexOf(status)) return false
    bubble.status = status
    show(id)
    return true
  }

  const messageOf = (id: unknown) => api.messages.find((each) => each.id === id)

  async function read(id: unknown) {
    const message = messageOf(id)
    if (message && rise(message.id, 'read')) await tell(webhook.body(statusValue(message, 'read')))
  }

  /** Taps a button as the person with the phone would. @returns whether our webhook took it */
  async function tap(id: unknown, button = 'Reject'): Promise<boolean> {
    const message = messageOf(id)
    const bubble = message && bubbles.get(message.id)
    const isThere = bubble?.buttons.some(({ kind, text }) => kind === 'reply' && text === button)
    if (!message || !bubble || !isThere || (bubble.tapped && bubble.tapped.state !== 'lost')) return false
    const tapped: NonNullable<Bubble['tapped']> = { button, at: Date.now(), state: 'sending' }
    bubble.tapped = tapped
    show(message.id)
    // From here on the server may answer in words of its own.
    api.hear(message.to)
    const isTaken = await tell(webhook.body(tapValue(message, { button })))
    tapped.state = isTaken ? 'arrived' : 'lost'
    show(message.id)
    return isTaken
  }

  /** Writes as the person with the phone would: a code, STOP, or anything. @returns whether our webhook took it */
  async function write(from: unknown, text: unknown): Promise<boolean> {
    if (typeof from !== 'string' || !/^[1-9]\d{6,14}$/.test(from)) return false
    if (typeof text !== 'string' || text.trim() === '' || text.length > LONGEST_TEXT) return false
    const id = newTapId()
    const bubble: Bubble = {
      id,
      to: from,
      at: Date.now(),
      text,
      buttons: [],
      status: 'accepted',
      tapped: null,
      written: 'sending',
    }
    bubbles.set(id, bubble)
    show(id)
    // From here on the server may answer in words of its own.
    api.hear(from)
    const isTaken = await tell(webhook.body(textValue(from, text, { id })))
    bubble.written = isTaken ? 'arrived' : 'lost'
    show(id)
    return isTaken
  }

  function show(id: string) {
    for (const stream of streams) stream.write(`data: ${JSON.stringify(bubbles.get(id))}\n\n`)
  }

  function openStream(reply: ServerResponse) {
    reply.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' })
    reply.write('retry: 1000\n\n')
    reply.write(`event: phones\ndata: ${JSON.stringify(phones)}\n\n`)
    for (const bubble of bubbles.values()) reply.write(`data: ${JSON.stringify(bubble)}\n\n`)
    streams.add(reply)
    reply.once('close', () => streams.delete(reply))
  }

  async function answer(http: IncomingMessage, reply: ServerResponse) {
    const path = new URL(http.url ?? '/', 'http://simulator.invalid').pathname
    if (/^\/v\d+\.\d+\//.test(path)) return api.answer(http, reply)
    // Another site may point a name at this machine, or post from its own page; neither gets to see or tap anything.
    if (!isOwnHost(http)) return reply.writeHead(421, HEADERS).end()
    if (http.method === 'GET' && path === '/events') return openStream(reply)
    const file = FILES[path]
    if (http.method === 'GET' && file) {
      return reply
        .writeHead(200, { ...HEADERS, 'content-type': file.type })
        .end(await readFile(new URL(file.name, FOLDER)))
    }
    const act = { '/tap': tap, '/read': read, '/write': write }[path]
    if (http.method !== 'POST' || !act) return reply.writeHead(404, HEADERS).end()
    if (!isOwnPage(http)) return reply.writeHead(403, HEADERS).end()
    const { id, button, from, text } = JSON.parse((await readBody(http)).toString('utf8')) ?? {}
    void (act === write ? write(from, text) : act(id, button))
    return reply.writeHead(204, HEADERS).end()
  }

  const server = createServer((http, reply) => {
    answer(http, reply).catch((fault) => {
      if (reply.headersSent) return reply.destroy()
      const isTheirs = fault instanceof SyntaxError || fault instanceof GraphError
      sendJson(reply, isTheirs ? 400 : 500, {
        error: { message: isTheirs ? 'Not understood.' : 'A fault of the simulator.' },
      })
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(options.port, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo

  return {
    /** The page with the phone, and the base address of the API. */
    url: `http://127.0.0.1:${port}`,
    /** What was sent, oldest first. */
    messages: api.messages,
    tap,
    write,
    /** Meta's check that the webhook is ours. */
    verifyWebhook: async () => (await webhook.verify(webhookUrl)).isEchoed,
    async [Symbol.asyncDispose]() {
      stopping.abort()
      for (const stream of streams) stream.end()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const ORDER: Bubble['status'][] = ['accepted', 'sent', 'delivered', 'read']

const bubbleOf = ({ id, to, at, text, buttons }: SentMessage): Bubble => ({
  id,
  to,
  at,
  text,
  buttons: buttons.map((each) =>
    each.kind === 'url'
      ? { kind: 'link', text: each.text, url: each.url }
      : { kind: 'reply', text: each.text },
  ),
  status: 'accepted',
  tapped: null,
})

const isOwnHost = ({ headers, socket }: IncomingMessage): boolean =>
  headers.host === `127.0.0.1:${socket.localPort}` || headers.host === `localhost:${socket.localPort}`

const isOwnPage = ({ headers }: IncomingMessage): boolean =>
  headers.origin === `http://${headers.host}` && headers['content-type'] === 'application/json'

const FOLDER = new URL('./whatsapp-simulator/', import.meta.url)

const FILES: Record<string, { name: string; type: string }> = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/phone.css': { name: 'phone.css', type: 'text/css; charset=utf-8' },
  '/phone.js': { name: 'phone.js', type: 'text/javascript; charset=utf-8' },
  '/icon.svg': { name: 'icon.svg', type: 'image/svg+xml' },
}

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}
