import { type Event, eventsOfRequest } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import type { Client } from '#clients/store.ts'
import { attemptsOf } from '#deliveries/attempts.ts'
import { deliveryOfRequest } from '#deliveries/store.ts'
import { preferredWaitMs } from '#http/prefer.ts'
import type { Server } from '#http/server.ts'
import { howFarTold } from '#notices/fallback.ts'
import { decisionOn, type HoldContext } from '#requests/collect.ts'
import type { RequestContext } from '#requests/context.ts'
import { stateAt } from '#requests/state.ts'
import { requestById, type TokenRequest } from '#requests/store.ts'
import { withdrawRequest } from '#requests/withdraw.ts'
import { type CallerContext, callingClient } from './caller.ts'
import { Id } from './shapes.ts'

/** What became of an ask, for the client that asked (it authenticates as at the token endpoint). */
export function askRoutes(
  server: Server,
  context: RequestContext & CallerContext & HoldContext & { holdMs: number },
) {
  const { db, now } = context

  server.get('/v1/requests/:id', { schema: { params: Id } }, async (http, reply) => {
    const client = await callingClient(context, http)
    const request = await requestById(db, http.params.id)
    if (request?.clientId !== client.id) throw new Refusal('request_not_found')
    // Who says how long it will wait is answered when the user has decided, and then at the latest.
    const holdMs = Math.min(context.holdMs, preferredWaitMs(http.headers) ?? 0)
    if (holdMs <= 0 || stateAt(request, now()) !== 'pending') return status(request, client)
    const hungUp = new AbortController()
    reply.raw.once('close', () => hungUp.abort())
    await decisionOn(context, request, { holdMs, gone: hungUp.signal })
    return status((await requestById(db, request.id)) ?? request, client)
  })

  server.delete('/v1/requests/:id', { schema: { params: Id } }, async (http, reply) => {
    const client = await callingClient(context, http)
    await withdrawRequest(context, client.id, http.params.id)
    return reply.code(204).send()
  })

  async function status(request: TokenRequest, { mode }: Client) {
    const state = stateAt(request, now())
    const delivery = await deliveryOfRequest(db, request.id)
    const attempts = delivery ? await attemptsOf(db, delivery.id) : []
    const events = await eventsOfRequest(db, request.id)
    return {
      id: request.id,
      status: state,
      test: mode === 'test',
      requested_at: request.requestedAt,
      expires_at: request.expiresAt,
      settled_at: request.settledAt ?? (state === 'expired' ? request.expiresAt : null),
      delivery: delivery
        ? {
            id: delivery.id,
            status: delivery.state,
            settled_at: delivery.settledAt,
            attempts: attempts.map(({ number, state, startedAt, endedAt, status, failure }) => ({
              number,
              status: state,
              started_at: startedAt,
              ended_at: endedAt,
              http_status: status,
              failure,
            })),
          }
        : null,
      // A settled request is told of no more.
      telling: events.some(({ kind }) => kind === 'notice_throttled')
        ? 'throttled'
        : await howFarTold(db, request.id),
      timeline: events.map(forTheAsker),
    }
  }
}

/** Times and kinds alone: where the user is, and by what they were told, is not the asker's to know. */
const forTheAsker = ({ kind, at }: Event) => ({ event: kind, at })
