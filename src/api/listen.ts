import { Type } from '#base/schema.ts'
import { requireActive } from '#clients/authenticate.ts'
import {
  answerByListener,
  beginListening,
  endListening,
  goOnListening,
  LISTENER_BEAT_MS,
  type ListenRule,
  postsForListener,
  requireListenable,
} from '#deliveries/listen.ts'
import { resendDelivery } from '#deliveries/resend.ts'
import { openEventStream } from '#http/event-stream.ts'
import type { Server } from '#http/server.ts'
import type { RequestContext } from '#requests/context.ts'
import { type CallerContext, callingClient } from './caller.ts'
import { Id } from './shapes.ts'

interface ListenContext extends RequestContext, CallerContext {
  listenRule: ListenRule
  wakeDeliveries: (clientId: string) => void
}

const Answer = Type.Object({
  status: Type.Union([Type.Integer({ minimum: 100, maximum: 599 }), Type.Null()]),
  response: Type.Optional(Type.String({ maxLength: 4_096 })),
})
const Attempt = Type.Object({ ...Id.properties, attempt: Type.Integer({ minimum: 1, maximum: 1_000_000 }) })

/** Deliveries to a developer's machine: what `countersign listen` speaks. */
export function listenRoutes(server: Server, context: ListenContext) {
  const { db } = context
  const open = new Set<() => void>()
  server.addHook('preClose', async () => {
    for (const end of open) end()
  })

  server.get('/v1/listen', async (http, reply) => {
    const client = await callingClient(context, http)
    requireActive(client)
    requireListenable(client, context.listenRule)
    const { id: clientId } = client
    const listener = await beginListening(context, clientId)
    context.wakeDeliveries(clientId)

    const raw = openEventStream(reply)
    const write = (event: string, data: object) =>
      raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    write('ready', { client_id: clientId, name: client.name, mode: client.mode })

    const sent = new Set<string>()
    let isLooking = false
    const look = async () => {
      if (isLooking) return
      isLooking = true
      try {
        for (const post of await postsForListener(context, clientId)) {
          const key = `${post.id} ${post.attempt}`
          if (!sent.has(key)) write('delivery', post)
          sent.add(key)
        }
      } catch {
        // The next look makes up for it.
      } finally {
        isLooking = false
      }
    }
    const beat = async () => {
      const isOurs = await goOnListening(context, clientId, listener).catch(() => true)
      if (isOurs) return raw.write(': still here\n\n')
      write('replaced', {})
      end()
    }
    const forget = db.onHint('listen', () => void look())
    const timers = [setInterval(look, LOOK_MS), setInterval(beat, LISTENER_BEAT_MS)]
    const end = () => {
      for (const timer of timers) clearInterval(timer)
      forget()
      open.delete(end)
      raw.end()
    }
    open.add(end)
    raw.once('close', () => {
      end()
      void endListening(context, clientId, listener).catch(() => {})
    })
    void look()
  })

  const answer = { params: Attempt, body: Answer }
  server.post('/v1/listen/:id/:attempt', { schema: answer }, async (http, reply) => {
    const client = await callingClient(context, http)
    const { status, response = null } = http.body
    // PostgreSQL keeps no NUL in a text.
    const kept = response?.replaceAll('\0', '') ?? null
    await answerByListener(context, client.id, http.params, { status, response: kept })
    return reply.code(204).send()
  })

  server.post('/v1/listen/:id/resend', { schema: { params: Id } }, async (http, reply) => {
    const client = await callingClient(context, http)
    requireListenable(client, context.listenRule)
    await resendDelivery(context, client.id, http.params.id)
    return reply.code(202).send({ status: 'queued' })
  })
}

/** Hints make it early; this look is what it rests on. */
const LOOK_MS = 1_000
