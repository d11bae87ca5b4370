import { Refusal } from '#base/errors.ts'
import type { Server } from './server.ts'

interface Metrics {
  /** Whether whoever holds this key may read them. */
  isAllowed: (key: string) => boolean
  render: () => Promise<{ type: string; text: string }>
}

/**
 * What is counted, for Prometheus. On the port of all else, since a port of its own would be open to whoever is on the
 * same network; and by a key of its own, since a scraper that holds the admin key could do everything.
 */
export function metricsRoute(server: Server, { isAllowed, render }: Metrics) {
  server.get('/metrics', async (http, reply) => {
    const [scheme, key = ''] = (http.headers.authorization ?? '').split(' ')
    if (scheme?.toLowerCase() !== 'bearer' || !isAllowed(key)) {
      reply.header('www-authenticate', 'Bearer realm="metrics"')
      throw new Refusal('metrics_key_wrong')
    }
    const { type, text } = await render()
    return reply.type(type).send(text)
  })
}

interface Answered {
  id: string
  method: string
  /** As it is written in the code: what a caller put into it is not in it. */
  route: string
  status: number
  ms: number
}

/** Tells of every answer once it is sent, streams left out. */
export function watchAnswers(server: Server, note: (answer: Answered) => void) {
  server.addHook('onResponse', (http, reply, done) => {
    note({
      id: http.id,
      method: http.method,
      route: http.routeOptions.url ?? '',
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
    })
    done()
  })
}
