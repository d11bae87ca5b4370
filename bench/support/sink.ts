import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { endChild } from './child.ts'

/** What a receiver has seen since it was last asked. */
export interface Seen {
  posts: number
  /** From the first post to the last one, in milliseconds. */
  ms: number
}

/** An endpoint that takes every post with 200, as a process of its own. */
export async function startSink() {
  const child = fork(fileURLToPath(import.meta.url), { execArgv: ['--disable-warning=ExperimentalWarning'] })
  const [url] = (await once(child, 'message')) as [string]
  return {
    url,
    /** Tells what was seen, and begins anew. */
    async take(): Promise<Seen> {
      child.send('take')
      const [seen] = (await once(child, 'message')) as [Seen]
      return seen
    },
    [Symbol.asyncDispose]: () => endChild(child as ChildProcess),
  }
}

if (process.send && process.argv[1] === fileURLToPath(import.meta.url)) {
  let [posts, first, last] = [0, 0, 0]
  const server = createServer((http, response) => {
    last = performance.now()
    if (posts === 0) first = last
    posts += 1
    http.resume()
    http.on('end', () => response.end('ok'))
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () =>
    process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}/token`),
  )
  process.on('message', () => {
    process.send?.({ posts, ms: last - first } satisfies Seen)
    posts = 0
  })
  process.once('disconnect', () => process.exit(0))
}
