import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import { eventsOfRequest } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { clientById } from '#clients/store.ts'
import { attemptsOf } from '#deliveries/attempts.ts'
import { tokenDeliveryOf } from '#deliveries/store.ts'
import type { Server } from '#http/server.ts'
import { approveRequest } from '#requests/approve.ts'
import type { RequestContext } from '#requests/context.ts'
import { typeMatchCode } from '#requests/match-code.ts'
import { rejectRequest } from '#requests/reject.ts'
import { requireOwnRequest, reviewRequest } from '#requests/review.ts'
import { blockedClients, unblockClient } from '#requests/standing.ts'
import { SETTLED, type Settled, stateAt } from '#requests/state.ts'
import {
  approvalsBefore,
  evidenceOf,
  pendingOfUser,
  requestsOfUser,
  settledOfUser,
  type TokenRequest,
} from '#requests/store.ts'
import { termsOf } from '#requests/terms.ts'
import { accessAt } from '#tokens/access.ts'
import { accessOfRequest } from '#tokens/store.ts'
import type { BlockedApp, RequestCard, RequestDetail, RequestPage } from './contract.ts'
import { signedIn } from './guard.ts'
import { Credential, Id } from './shapes.ts'

const PAGE = 50
/** Sorts after every id. */
const NEWEST = '~'

/** The inbox of a user, and what they decide. */
export function approvalRoutes(server: Server, context: RequestContext) {
  const { db, now } = context

  const query = Type.Object({
    status: Type.Optional(Type.Union(['pending', ...SETTLED].map((each) => Type.Literal(each)))),
    cursor: Type.Optional(Type.String({ maxLength: 100, pattern: '^[!-~]+$' })),
  })
  server.get('/v1/me/requests', { schema: { querystring: query } }, async (http): Promise<RequestPage> => {
    const { userId } = await signedIn(context, http)
    const { status, cursor = NEWEST } = http.query
    const found =
      status === undefined
        ? await requestsOfUser(db, userId, cursor, PAGE)
        : status === 'pending'
          ? await pendingOfUser(db, userId, cursor, PAGE)
          : await settledOfUser(db, userId, status as Settled, cursor, PAGE)
    const cards = await Promise.all(found.map(card))
    const next = found.length === PAGE ? (found.at(-1)?.id ?? null) : null
    return { requests: status ? cards.filter((each) => each.status === status) : cards, next }
  })

  server.get('/v1/me/requests/:id', { schema: { params: Id } }, async (http) => {
    const { userId } = await signedIn(context, http)
    return detail(await requireOwnRequest(db, userId, http.params.id))
  })

  const review = {
    params: Id,
    body: Type.Union([
      Type.Object({ withheld: Type.Optional(Type.Array(Type.Integer(), { maxItems: 10 })) }),
      Type.Null(),
    ]),
  }
  server.post('/v1/me/requests/:id/review', { schema: review }, async (http) => {
    const { userId } = await signedIn(context, http)
    return reviewRequest(context, userId, http.params.id, http.body?.withheld)
  })

  const approve = { params: Id, body: Type.Object({ credential: Credential }) }
  server.post('/v1/me/requests/:id/approve', { schema: approve }, async (http) => {
    const { userId } = await signedIn(context, http)
    const credential = http.body.credential as unknown as AuthenticationResponseJSON
    const { status, redirectTo } = await approveRequest(context, userId, http.params.id, credential, http.ip)
    return { status, redirect_to: redirectTo }
  })

  const match = { params: Id, body: Type.Object({ code: Type.String({ pattern: '^[0-9 -]{6,20}$' }) }) }
  server.post('/v1/me/requests/:id/match', { schema: match }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    await typeMatchCode(context, userId, http.params.id, http.body.code.replace(/\D/g, ''))
    return reply.code(204).send()
  })

  // The body may be left out: to refuse must be the cheap way.
  const reject = {
    params: Id,
    body: Type.Union([Type.Object({ report: Type.Optional(Type.Boolean()) }), Type.Null()]),
  }
  server.post('/v1/me/requests/:id/reject', { schema: reject }, async (http) => {
    const { userId } = await signedIn(context, http)
    const { id } = http.params
    const isReport = http.body?.report === true
    const { status, redirectTo } = await rejectRequest(context, userId, id, 'web', http.ip, isReport)
    return { status, redirect_to: redirectTo }
  })

  server.get('/v1/me/blocked-apps', async (http) => {
    const { userId } = await signedIn(context, http)
    const blocked = await blockedClients(db, userId)
    const cards = blocked.map(async ({ clientId, blockedAt }): Promise<BlockedApp> => {
      const client = await clientById(db, clientId)
      return { client: { id: clientId, name: client?.name ?? 'A removed app' }, blocked_at: blockedAt }
    })
    return { apps: await Promise.all(cards) }
  })

  server.delete('/v1/me/blocked-apps/:id', { schema: { params: Id } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    await db.transaction((tx) => unblockClient(tx, { userId, clientId: http.params.id }, now()))
    return reply.code(204).send()
  })

  server.get('/v1/me/requests/:id/evidence', { schema: { params: Id } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const evidence = await evidenceOf(db, http.params.id, userId)
    if (!evidence)
      throw new Refusal('request_not_found', {
        detail: 'There is no approved request of yours with this id.',
      })
    const name = `countersign-${http.params.id.replace(/\W/g, '')}.json`
    return reply
      .header('content-disposition', `attachment; filename="${name}"`)
      .type('application/json')
      .send(evidence)
  })

  async function card(request: TokenRequest): Promise<RequestCard> {
    const client = await clientById(db, request.clientId)
    const status = stateAt(request, now())
    return {
      id: request.id,
      status,
      client: { id: request.clientId, name: client?.name ?? 'A removed app' },
      reason: request.reason,
      requested_at: request.requestedAt,
      expires_at: request.expiresAt,
      settled_at: request.settledAt ?? (status === 'expired' ? request.expiresAt : null),
    }
  }

  async function detail(request: TokenRequest): Promise<RequestDetail> {
    const { id, userId, clientId } = request
    const [shown, client, token, delivery, before, events] = await Promise.all([
      card(request),
      clientById(db, clientId),
      accessOfRequest(db, id),
      tokenDeliveryOf(db, id),
      approvalsBefore(db, userId, clientId, id),
      eventsOfRequest(db, id),
    ])
    const attempts = delivery ? await attemptsOf(db, delivery.id) : []
    const standing = token && accessAt(token, now())
    return {
      ...shown,
      from: request.address,
      notifier_url:
        request.delivery === 'notifier'
          ? (delivery?.url ?? client?.notifierUrl ?? null)
          : termsOf(request).pushUrl,
      token_expires_at: request.tokenExpiresAt,
      approvals_before: before.count,
      last_approved_at: before.lastAt,
      token: standing ? { id: token.id, state: standing.state, expires_at: standing.expiresAt } : null,
      delivery: delivery
        ? {
            state: delivery.state,
            attempts: attempts.length,
            delivered_at: delivery.state === 'delivered' ? delivery.settledAt : null,
          }
        : null,
      redirect_to: null,
      timeline: events.map(({ kind, at, detail }) => ({ kind, at, detail })),
    }
  }
}
