import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Event } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { clientById } from '#clients/store.ts'
import { readCookie, sessionCookie } from '#http/cookies.ts'
import { openEventStream } from '#http/event-stream.ts'
import type { Server } from '#http/server.ts'
import { requireSession } from '#users/sessions.ts'
import type { UsersContext } from '#users/users.ts'
import type { LiveHub } from './hub.ts'

/** Keeps proxies from closing a quiet stream, and finds out that a session was ended. */
const HEARTBEAT_MS = 15_000
/** Streams of one user at a time. */
const MOST_STREAMS = 20

const AppId = Type.Object({ id: Type.String({ minLength: 1, maxLength: 100, pattern: '^[!-~]+$' }) })

/** What happens to the requests of whoever is signed in, as server-sent events (HTML §9.2). */
export function liveRoutes(server: Server, context: UsersContext, hub: LiveHub) {
  const open = new Set<() => void>()
  const streams = new Map<string, number>()
  server.addHook('preClose', async () => {
    for (const end of open) end()
  })

  server.get('/v1/me/events', async (http, reply) => {
    const { userId } = await signedIn(http)
    return stream(http, reply, userId, (listener) => hub.listen(userId, listener))
  })

  server.get('/v1/me/apps/:id/events', { schema: { params: AppId } }, async (http, reply) => {
    const { userId } = await signedIn(http)
    const client = await clientById(context.db, http.params.id)
    if (client?.userId !== userId) throw new Refusal('client_not_found')
    return stream(http, reply, userId, (listener) => hub.listenToClient(client.id, listener))
  })

  const signedIn = (http: FastifyRequest) =>
    requireSession(context, readCookie(http, sessionCookie(context.site.origin)))

  function stream(
    http: FastifyRequest,
    reply: FastifyReply,
    userId: string,
    listen: (listener: (event: Event) => void) => () => void,
  ) {
    const count = streams.get(userId) ?? 0
    if (count >= MOST_STREAMS) return reply.code(204).send()
    streams.set(userId, count + 1)

    const raw = openEventStream(reply)
    raw.write('retry: 1000\n\n')

    const forget = listen(({ requestId, kind, at }) => {
      if (requestId)
        raw.write(`event: request\ndata: ${JSON.stringify({ request_id: requestId, kind, at })}\n\n`)
    })
    const heartbeat = setInterval(() => {
      raw.write(': still here\n\n')
      void signedIn(http).catch(end)
    }, HEARTBEAT_MS)
    const end = () => {
      clearInterval(heartbeat)
      forget()
      open.delete(end)
      raw.end()
    }
    open.add(end)
    raw.once('close', () => {
      end()
      const left = (streams.get(userId) ?? 1) - 1
      if (left > 0) streams.set(userId, left)
      else streams.delete(userId)
    })
  }
}
