import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Received {
  headers: IncomingHttpHeaders
  body: string
  at: number
}

type Behaviour = (http: IncomingMessage, response: ServerResponse, nth: number) => void

/** A notifier endpoint: a real HTTP server that notes what is posted to it. */
export async function startReceiver(
  behave: Behaviour = (_http, response) => response.end('ok'),
  fixedPort = 0,
) {
  const posts: Received[] = []
  const waiting: (() => void)[] = []
  const server = createServer(async (http, response) => {
    const parts: Buffer[] = []
    for await (const part of http) parts.push(part)
    posts.push({ headers: http.headers, body: Buffer.concat(parts).toString('utf8'), at: performance.now() })
    behave(http, response, posts.length)
    for (const wake of waiting.splice(0)) wake()
  })
  await new Promise<void>((resolve) => server.listen(fixedPort, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  return {
    url: `http://127.0.0.1:${port}/token`,
    port,
    posts,
    /** Waits until so many posts have come. */
    async received(count: number, timeoutMs = 15_000): Promise<Received[]> {
      const until = performance.now() + timeoutMs
      while (posts.length < count) {
        const left = until - performance.now()
        if (left <= 0) throw new Error(`${posts.length} of ${count} posts came in ${timeoutMs} ms.`)
        await Promise.race([
          new Promise<void>((resolve) => waiting.push(resolve)),
          new Promise((resolve) => setTimeout(resolve, left).unref()),
        ])
      }
      return posts
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
