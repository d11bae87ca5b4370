import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One POST, as the receiver saw it. */
export interface Post {
  id: string
  timestamp: string
  signature: string
  clientId: string
  body: string
  /** Between these, by `performance.now()`, it was under way. */
  beganAt: number
  endedAt: number
  /** It was answered with 2xx, and the sender was there to take the answer. */
  isTaken: boolean
}

/** A notifier endpoint that remembers every POST and when it was under way. */
export async function startWitness(answer: (post: Post, response: ServerResponse) => unknown) {
  const posts: Post[] = []
  async function hear(http: IncomingMessage, response: ServerResponse) {
    const beganAt = performance.now()
    const parts: Buffer[] = []
    for await (const part of http) parts.push(part)
    const body = Buffer.concat(parts).toString('utf8')
    const post: Post = {
      id: String(http.headers['webhook-id']),
      timestamp: String(http.headers['webhook-timestamp']),
      signature: String(http.headers['webhook-signature']),
      clientId: JSON.parse(body).client_id,
      body,
      beganAt,
      endedAt: Number.POSITIVE_INFINITY,
      isTaken: false,
    }
    posts.push(post)
    response.once('finish', () => {
      post.isTaken = response.statusCode >= 200 && response.statusCode < 300
    })
    response.once('close', () => {
      post.endedAt = performance.now()
    })
    await answer(post, response)
  }
  // A sender that is killed leaves a body half sent, which is not of interest here.
  const server = createServer((http, response) => void hear(http, response).catch(() => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    posts,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export type Witness = Awaited<ReturnType<typeof startWitness>>

/** Posts that began while another one of the same id was under way. */
export const overlapping = (posts: readonly Post[]): Post[] =>
  laterOnes(posts, (post, before) => before.some(({ endedAt }) => post.beganAt < endedAt))

/** Posts that began after another one of the same id was taken. */
export const repeated = (posts: readonly Post[]): Post[] =>
  laterOnes(posts, (_, before) => before.some(({ isTaken }) => isTaken))

function laterOnes(posts: readonly Post[], isSo: (post: Post, before: readonly Post[]) => boolean): Post[] {
  return [...Map.groupBy(posts, ({ id }) => id).values()].flatMap((ofOne) => {
    const inOrder = ofOne.toSorted((a, b) => a.beganAt - b.beganAt)
    return inOrder.filter((post, nth) => nth > 0 && isSo(post, inOrder.slice(0, nth)))
  })
}
