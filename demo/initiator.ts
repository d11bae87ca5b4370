import { createHmac, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the initiator knows of its own app. */
export interface Credentials {
  clientId: string
  clientSecret: string
  /** `whsec_…`, by which it knows that a delivery is from Countersign. */
  signingSecret: string
}

/** A token that came, as the page may show it. */
export interface Arrival {
  at: number
  userId: string
  /** First and last characters; the whole token never leaves this process. */
  token: string
  expiresAt: number
  webhookId: string
}

const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

const FILES: Record<string, { name: string; type: string }> = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/page.css': { name: 'page.css', type: 'text/css' },
  '/page.js': { name: 'page.js', type: 'text/javascript' },
}

/**
 * A trading tool as small as can be: it asks for a token, receives it at its notifier endpoint, checks the signature,
 * and shows what arrived on a page.
 *
 * @param port 0 takes a free one
 * @param countersign origin of the server that it asks
 */
export async function startInitiator({ port, countersign }: { port: number; countersign: string }) {
  const arrivals: Arrival[] = []
  const streams = new Set<ServerResponse>()
  const waiting: ((arrival: Arrival) => void)[] = []
  let credentials: Credentials | undefined

  /** Asks for a token, as any client in any language would. */
  async function ask({ clientId, clientSecret }: Credentials, reason: string) {
    const answer = await fetch(`${countersign}/v3/login/auth/token/request/${clientId}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ client_secret: clientSecret, reason }),
    })
    return {
      status: answer.status,
      location: answer.headers.get('location') ?? '',
      body: await answer.text(),
    }
  }

  async function receive(http: IncomingMessage, response: ServerResponse, secrets: string[]) {
    const body = await readAll(http)
    const id = String(http.headers['webhook-id'])
    if (!secrets.some((secret) => isSigned(http, body, secret))) return response.writeHead(401, HEADERS).end()
    // An id that came before is the same delivery once more: say yes again, count it once.
    if (!arrivals.some((each) => each.webhookId === id)) {
      const { user_id, access_token, expires_at } = JSON.parse(body.toString('utf8'))
      const token = `${access_token.slice(0, 10)}…${access_token.slice(-6)}`
      const arrival = { at: Date.now(), userId: user_id, token, expiresAt: Number(expires_at), webhookId: id }
      arrivals.push(arrival)
      for (const stream of streams) stream.write(`data: ${JSON.stringify(arrival)}\n\n`)
      for (const resolve of waiting.splice(0)) resolve(arrival)
    }
    return response.writeHead(200, { ...HEADERS, 'content-type': 'text/plain' }).end('received')
  }

  function openStream(response: ServerResponse) {
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream' })
    response.write('retry: 1000\n\n')
    for (const arrival of arrivals) response.write(`data: ${JSON.stringify(arrival)}\n\n`)
    streams.add(response)
    response.once('close', () => streams.delete(response))
  }

  const secrets: string[] = []
  async function answer(http: IncomingMessage, response: ServerResponse) {
    const path = new URL(http.url ?? '/', 'http://initiator.invalid').pathname
    if (http.method === 'POST' && path === '/token') return receive(http, response, secrets)
    if (http.method === 'GET' && path === '/arrivals') return openStream(response)
    if (
      http.method === 'POST' &&
      path === '/ask' &&
      http.headers['sec-fetch-site'] === 'same-origin' &&
      credentials
    ) {
      const asked = await ask(credentials, 'Morning run of the sample tool')
      return response
        .writeHead(asked.status, { ...HEADERS, 'content-type': 'application/json' })
        .end(asked.body)
    }
    const file = FILES[path]
    if (http.method !== 'GET' || !file) return response.writeHead(404, HEADERS).end()
    const text = await readFile(new URL(`initiator/${file.name}`, import.meta.url))
    return response.writeHead(200, { ...HEADERS, 'content-type': file.type }).end(text)
  }

  const server = createServer((http, response) => {
    answer(http, response).catch(() => response.headersSent || response.writeHead(400, HEADERS).end())
  })
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', resolve),
  )
  const address = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${address.port}`,
    notifierUrl: `http://127.0.0.1:${address.port}/token`,
    ask,
    /** Takes deliveries of this app from now on. */
    know: (each: Credentials) => secrets.push(each.signingSecret),
    /** The app in whose name the page asks. */
    actAs: (each: Credentials) => {
      credentials = each
    },
    /** The next token that arrives. */
    next: () => new Promise<Arrival>((resolve) => waiting.push(resolve)),
    async [Symbol.asyncDispose]() {
      for (const stream of streams) stream.end()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Checks a delivery by Standard Webhooks 1.0.0: signed are id, time and the bytes of the body; no older than 5 minutes. */
function isSigned(http: IncomingMessage, body: Buffer, secret: string): boolean {
  const [id, time, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    String(http.headers[name] ?? ''),
  )
  if (!(Math.abs(Date.now() / 1_000 - Number(time)) < 300)) return false
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64')
  const expected = createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest()
  return (signatures ?? '').split(' ').some((each) => {
    const given = Buffer.from(each.replace(/^v1,/, ''), 'base64')
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}

const LARGEST_BODY = 64 * 1024

async function readAll(http: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of http) {
    size += part.length
    if (size > LARGEST_BODY) throw new Error('too large')
    parts.push(part)
  }
  return Buffer.concat(parts)
}
