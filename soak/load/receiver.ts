import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** What the receiver knows of one delivery. */
export interface Taken {
  posts: number
  /** Answered with 2xx to a sender that was still there. */
  isTaken: boolean
  /** Of its body: it must be the same each time. */
  digest: string
}

const [SLOW_SHARE, SLOWEST_MS, FAILING_SHARE] = [0.1, 2_000, 0.02]

/** An endpoint that is slow at times and now and then fails a delivery the first time. It keeps little of each, for there are many. */
export async function startLoadReceiver(random: () => number) {
  const deliveries = new Map<string, Taken>()
  const underWay = new Set<string>()
  const counts = { posts: 0, overlapping: 0, otherWords: 0 }

  async function take(http: IncomingMessage, response: ServerResponse) {
    const id = String(http.headers['webhook-id'])
    const hash = createHash('sha256')
    for await (const part of http) hash.update(part)
    const digest = hash.digest('base64')
    counts.posts += 1
    if (underWay.has(id)) counts.overlapping += 1
    const known = deliveries.get(id)
    const delivery = known ?? { posts: 0, isTaken: false, digest }
    if (delivery.digest !== digest) counts.otherWords += 1
    delivery.posts += 1
    deliveries.set(id, delivery)
    underWay.add(id)
    response.once('close', () => underWay.delete(id))
    if (!known && random() < FAILING_SHARE) return response.writeHead(503).end('not now')
    if (random() < SLOW_SHARE) await pause(random() * SLOWEST_MS)
    response.once('finish', () => {
      delivery.isTaken = true
    })
    response.end('ok')
  }

  // A sender that is killed leaves a body half sent.
  const server = createServer((http, response) => void take(http, response).catch(() => {}))
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    deliveries,
    counts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type LoadReceiver = Awaited<ReturnType<typeof startLoadReceiver>>
