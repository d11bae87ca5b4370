import { type Event, eventsOfApp, eventsOfRequest } from '#audit/events.ts'
import { dayOf, type Tallied, talliesOfApp } from '#audit/tally.ts'
import { DAY, MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { redirectTarget } from '#clients/register.ts'
import type { Client } from '#clients/store.ts'
import { deliveryOfRequest } from '#deliveries/store.ts'
import { callLimit } from '#http/limits.ts'
import type { Server } from '#http/server.ts'
import type { Outbound } from '#outbound/dial.ts'
import type { RequestContext } from '#requests/context.ts'
import { SETTLED, type Settled, stateAt } from '#requests/state.ts'
import {
  type ClientsRequest,
  endedOfClient,
  requestById,
  requestsOfClient,
  waitingOfClient,
} from '#requests/store.ts'
import type { AppDay, AppRequestCard, AppRequestDetail, UrlVerdict } from './contract.ts'
import { signedIn } from './guard.ts'
import { ownApp } from './own-app.ts'
import { Id } from './shapes.ts'

const PAGE = 50
/** Sorts after every id. */
const NEWEST = '~'
const SHOWN_DAYS = 30
const SHOWN_EVENTS = 100
/** URLs judged for one user in a minute; each may be a look-up of a name. */
const MOST_VERDICTS = 60

/** What an owner sees of their app: what it asked, how that went, and how much of it there was. Nothing of its users. */
export function appRequestRoutes(server: Server, context: RequestContext & { outbound: Outbound }) {
  const { db, now, outbound } = context

  const listing = Type.Object({
    status: Type.Optional(Type.Union(['pending', ...SETTLED].map((each) => Type.Literal(each)))),
    cursor: Type.Optional(Type.String({ maxLength: 100, pattern: '^[!-~]+$' })),
  })
  server.get('/v1/me/apps/:id/requests', { schema: { params: Id, querystring: listing } }, async (http) => {
    const { userId } = await signedIn(context, http)
    const client = await ownApp(context, userId, http.params.id)
    const { status, cursor = NEWEST } = http.query
    const found = await requestsIn(client, status as Settled | 'pending' | undefined, cursor)
    const requests = found.map(card).filter((each) => status === undefined || each.status === status)
    return { requests, next: found.length === PAGE ? (found.at(-1)?.id ?? null) : null }
  })

  const one = Type.Object({
    ...Id.properties,
    request: Type.String({ minLength: 1, maxLength: 100, pattern: '^[!-~]+$' }),
  })
  server.get(
    '/v1/me/apps/:id/requests/:request',
    { schema: { params: one } },
    async (http): Promise<AppRequestDetail> => {
      const { userId } = await signedIn(context, http)
      const { id } = await ownApp(context, userId, http.params.id)
      const request = await requestById(db, http.params.request)
      if (request?.clientId !== id) throw new Refusal('request_not_found')
      const delivery = await deliveryOfRequest(db, request.id)
      const events = await eventsOfRequest(db, request.id)
      return {
        ...card(request),
        token_expires_at: request.tokenExpiresAt,
        delivery: delivery ? { id: delivery.id, state: delivery.state } : null,
        timeline: events.map(forTheOwner),
      }
    },
  )

  server.get('/v1/me/apps/:id/days', { schema: { params: Id } }, async (http) => {
    const { userId } = await signedIn(context, http)
    const { id } = await ownApp(context, userId, http.params.id)
    const today = dayOf(now())
    const tallies = await talliesOfApp(db, id, today - SHOWN_DAYS + 1)
    const days = Array.from({ length: SHOWN_DAYS }, (_, i) => today - SHOWN_DAYS + 1 + i)
    return {
      days: days.map((day): AppDay => {
        const count = (kind: Tallied) =>
          tallies.find((each) => each.day === day && each.kind === kind)?.count ?? 0
        return {
          day: new Date(day * DAY).toISOString().slice(0, 10),
          asked: count('asked'),
          approved: count('approved'),
          rejected: count('rejected'),
          expired: count('expired'),
          withdrawn: count('withdrawn'),
          delivered: count('token_delivered'),
          undeliverable: count('token_undeliverable'),
          failed_attempts: count('delivery_failed'),
        }
      }),
    }
  })

  server.get('/v1/me/apps/:id/history', { schema: { params: Id } }, async (http) => {
    const { userId } = await signedIn(context, http)
    const { id } = await ownApp(context, userId, http.params.id)
    const events = await eventsOfApp(db, id, SHOWN_EVENTS)
    return { events: events.map(({ kind, at, actor, detail }) => ({ kind, at, actor, detail })) }
  })

  const limit = callLimit([{ most: MOST_VERDICTS, ms: MINUTE }], now)
  const judged = Type.Object({
    url: Type.String({ minLength: 1, maxLength: 2_048 }),
    use: Type.Union([Type.Literal('notifier'), Type.Literal('postback'), Type.Literal('redirect')]),
  })
  server.post('/v1/me/judge-url', { schema: { body: judged } }, async (http): Promise<UrlVerdict> => {
    const { userId } = await signedIn(context, http)
    limit(userId)
    const { url, use } = http.body
    const detail = use === 'redirect' ? judgeRedirect(url) : await outbound.judge(url.trim())
    return {
      ok: detail === undefined,
      detail: detail?.replace('Notifier Webhook Endpoint', NAMES[use]) ?? null,
    }
  })

  async function requestsIn(client: Client, status: Settled | 'pending' | undefined, cursor: string) {
    if (status === undefined) return requestsOfClient(db, client, cursor, PAGE)
    if (status === 'pending') return waitingOfClient(db, client, cursor, PAGE)
    return endedOfClient(db, client, status, cursor, PAGE)
  }

  function card(request: ClientsRequest): AppRequestCard {
    const { id, requestedAt, expiresAt, settledAt } = request
    const status = stateAt(request, now())
    return {
      id,
      status,
      requested_at: requestedAt,
      expires_at: expiresAt,
      settled_at: settledAt ?? (status === 'expired' ? expiresAt : null),
    }
  }
}

const NAMES = {
  notifier: 'Notifier Webhook Endpoint',
  postback: 'Postback URL',
  redirect: 'Redirect URL',
} as const

function judgeRedirect(url: string): string | undefined {
  try {
    redirectTarget(url)
    return undefined
  } catch (fault) {
    if (fault instanceof Refusal) return fault.message
    throw fault
  }
}

/** Of a notice the channel alone: why it failed may tell what kind of phone its user has. Never an address. */
const forTheOwner = ({ kind, at, detail }: Event): AppRequestDetail['timeline'][number] => {
  if (kind.startsWith('notice_')) return { kind, at, channel: detail?.split(':')[0] ?? null, detail: null }
  return { kind, at, channel: null, detail: DETAILED.has(kind) ? detail : null }
}

/** What happened at the owner's own endpoint is theirs to know. */
const DETAILED: ReadonlySet<string> = new Set(['delivery_failed', 'delivery_late', 'token_undeliverable'])
