import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readBody } from './whatsapp/api.ts'

/** What Countersign tells a back end of. */
export interface Told {
  type: string
  timestamp: string
  data: {
    user_id: string
    request_id: string
    client: { name: string }
    language: string | null
    expires_at: number
    review_url: string
    receipt: string
  }
}

/**
 * The back end of an operator's own app, as small as can be: it hears of requests from Countersign, checks the signature,
 * and holds them for the phones of its users, which ask by a long poll. A real one would wake the phone by whatever its
 * maker has for that; nothing here depends on it.
 *
 * @param secret `whsec_…`, the same as in COUNTERSIGN_APP_BACKEND_SECRET
 */
export async function startAppBackend(secret: string) {
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const told: Told[] = []
  const seen = new Set<string>()
  const waiting: (() => void)[] = []

  const server = createServer(async (http, reply) => {
    const body = (await readBody(http)).toString('utf8')
    if (!isSigned(http, body, key)) return reply.writeHead(401).end()
    // Sent again after an answer that got lost: the id says that it is the same.
    const id = String(http.headers['webhook-id'])
    if (!seen.has(id)) told.push(JSON.parse(body))
    seen.add(id)
    for (const wake of waiting.splice(0)) wake()
    reply.writeHead(204).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks/countersign`,
    told,
    /** What a phone does: waits for the next event of its user. */
    async nextFor(userId: string, type: string, timeoutMs = 10_000): Promise<Told> {
      const end = performance.now() + timeoutMs
      for (;;) {
        const found = told.find((each) => each.data.user_id === userId && each.type === type)
        if (found) return found
        if (performance.now() > end) throw new Error(`No ${type} came for ${userId}.`)
        await new Promise<void>((resolve) => {
          waiting.push(resolve)
          setTimeout(resolve, 200).unref()
        })
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** How far the clocks of two machines may differ. */
const TOLERANCE_SECONDS = 300

/** Standard Webhooks 1.0.0, "verifying signatures": the bytes as they came, and not too old. */
function isSigned(http: IncomingMessage, body: string, key: Buffer): boolean {
  const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signatures } = http.headers
  if (Math.abs(Date.now() / 1_000 - Number(at)) > TOLERANCE_SECONDS) return false
  const expected = createHmac('sha256', key).update(`${id}.${at}.${body}`).digest()
  return String(signatures)
    .split(' ')
    .some((each) => {
      const given = Buffer.from(each.replace(/^v1,/, ''), 'base64')
      return given.length === expected.length && timingSafeEqual(given, expected)
    })
}
