import type { Static } from 'typebox'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { type InitiatorForm, registerInitiator } from '#clients/initiators.ts'
import { judgeClient } from '#clients/judge.ts'
import { type ClientForm, type ClientsContext, registerClient } from '#clients/register.ts'
import { reviewClient } from '#clients/review.ts'
import {
  CLIENT_STATES,
  type Client,
  clientById,
  clientsLike,
  clientsUnderReview,
  initiatorOf,
} from '#clients/store.ts'
import { removeClientTls, setClientTls } from '#clients/tls.ts'
import { checkNotifier, type ProofContext, promiseCheck } from '#deliveries/proof.ts'
import type { Server } from '#http/server.ts'
import { disableClient, enableClient } from '#requests/disable-client.ts'
import { userById } from '#users/store.ts'
import { findUser, type UsersContext } from '#users/users.ts'
import type { AdminClientCard, Page, TlsCard } from './contract.ts'
import { actingOf } from './operator.ts'
import { initiatorCard, Registration, termsOf } from './registration.ts'
import { Cursor, Id, Jwk, likePattern, Mode, Printable, Simulated, Tls } from './shapes.ts'
import { tlsCard, tlsFormOf } from './tls.ts'

const PAGE = 50
/** Sorts after every id. */
const NEWEST = '~'

const NewClient = Type.Object({
  kind: Type.Union([Type.Literal('individual'), Type.Literal('initiator')]),
  user_id: Type.Optional(Printable(100)),
  name: Type.String({ minLength: 1, maxLength: 80 }),
  purpose: Type.Optional(Type.String({ maxLength: 300 })),
  redirect_url: Type.Optional(Type.String({ maxLength: 2_048 })),
  postback_url: Type.Optional(Type.String({ maxLength: 2_048 })),
  notifier_url: Type.Optional(Type.String({ maxLength: 2_048 })),
  encryption_key: Type.Optional(Jwk),
  mode: Type.Optional(Mode),
  simulate: Type.Optional(Simulated),
  // Of an initiator alone.
  ...Registration,
  links: Type.Optional(Type.Array(Printable(100), { maxItems: 100 })),
})

const ClientStates = Type.Union(CLIENT_STATES.map((each) => Type.Literal(each)))

/** Apps, as operators see them. */
export function adminClientRoutes(server: Server, context: UsersContext & ClientsContext & ProofContext) {
  const { db } = context

  server.post('/v1/admin/clients', { schema: { body: NewClient } }, async (http, reply) => {
    const { kind, user_id } = http.body
    if (kind === 'individual' && !user_id) {
      throw new Refusal('input_invalid', { detail: 'An individual client needs the user_id of its owner.' })
    }
    if (kind === 'individual' && OF_INITIATORS.some((name) => http.body[name] !== undefined)) {
      throw new Refusal('input_invalid', { detail: `${OF_INITIATORS.join(', ')} are for initiators alone.` })
    }
    const actorId = actingOf(http)
    const form = { ...formOf(http.body), mode: http.body.mode }
    const userId = user_id ? (await findUser(context, user_id)).id : undefined
    const { client, clientSecret, signingSecret } =
      kind === 'initiator'
        ? await registerInitiator(context, {
            ...form,
            userId,
            actorId,
            ...(await initiatorForm(context, http.body)),
          })
        : await registerClient(context, { ...form, kind, userId, actor: 'operator', actorId })
    await promiseCheck(context, client)
    return reply.code(201).send({
      client_id: client.id,
      ...(clientSecret ? { client_secret: clientSecret } : {}),
      signing_secret: signingSecret,
    })
  })

  const search = Type.Object({
    q: Type.Optional(Type.String({ maxLength: 100 })),
    state: Type.Optional(ClientStates),
    cursor: Cursor,
  })
  server.get('/v1/admin/clients', { schema: { querystring: search } }, async (http) => {
    const { q = '', state = '', cursor = NEWEST } = http.query
    const rows = await clientsLike(db, { pattern: likePattern(q), state, before: cursor, limit: PAGE })
    return page(rows)
  })

  server.get(
    '/v1/admin/reviews',
    { schema: { querystring: Type.Object({ cursor: Cursor }) } },
    async (http) => page(await clientsUnderReview(db, http.query.cursor ?? '', PAGE)),
  )

  const verdict = Type.Object({
    verdict: Type.Union([Type.Literal('accept'), Type.Literal('reject')]),
    reason: Type.Optional(Type.String({ maxLength: 2_000 })),
  })
  server.post(
    '/v1/admin/clients/:id/review',
    { schema: { params: Id, body: verdict } },
    async (http, reply) => {
      const { verdict, reason } = http.body
      const state = verdict === 'accept' ? 'active' : 'rejected'
      await reviewClient(context, http.params.id, { state, by: actingOf(http), note: reason })
      return reply.code(204).send()
    },
  )

  const state = { params: Id, body: Type.Object({ state: ClientStates }) }
  server.post('/v1/admin/clients/:id/state', { schema: state }, async (http, reply) => {
    const { id } = http.params
    const by = actingOf(http)
    if (http.body.state === 'disabled') await disableClient(context, id, by)
    else if (http.body.state === 'active' && (await clientById(db, id))?.state === 'disabled')
      await enableClient(context, id, by)
    else await judgeClient(context, id, http.body.state, by)
    return reply.code(204).send()
  })

  const tls = { params: Id, body: Tls }
  server.put('/v1/admin/clients/:id/tls', { schema: tls }, async (http): Promise<TlsCard> => {
    const set = await setClientTls(context, http.params.id, tlsFormOf(http.body), 'operator', actingOf(http))
    await checkNow(http.params.id)
    return tlsCard(set)
  })

  server.delete('/v1/admin/clients/:id/tls', { schema: { params: Id } }, async (http, reply) => {
    await removeClientTls(context, http.params.id, 'operator', actingOf(http))
    await checkNow(http.params.id)
    return reply.code(204).send()
  })

  async function checkNow(id: string) {
    const client = await clientById(db, id)
    if (client) await checkNotifier(context, client)
  }

  async function page(rows: Seen[]): Promise<Page<'clients', AdminClientCard>> {
    const clients = await Promise.all(rows.map(card))
    return { clients, next: rows.length === PAGE ? (rows.at(-1)?.id ?? null) : null }
  }

  async function card(each: Seen): Promise<AdminClientCard> {
    const owner = each.userId ? await userById(db, each.userId) : undefined
    const initiator = each.kind === 'initiator' ? await initiatorOf(db, each.id) : undefined
    return {
      id: each.id,
      kind: each.kind,
      name: each.name,
      state: each.state,
      purpose: each.purpose,
      owner: owner ? { id: owner.id, handle: owner.handle, name: owner.name } : null,
      notifier_url: each.notifierUrl,
      redirect_url: each.redirectUrl,
      review_note: each.reviewNote ?? null,
      deletes_at: each.deletesAt,
      created_at: each.createdAt,
      last_used_at: each.lastUsedAt ?? null,
      ciba: initiator ? initiatorCard(initiator) : null,
    }
  }
}

type Seen = Client & { lastUsedAt?: number | null; reviewNote?: string | null }

const OF_INITIATORS = [...(Object.keys(Registration) as (keyof typeof Registration)[]), 'links'] as const

const formOf = (body: Static<typeof NewClient>): ClientForm => ({
  name: body.name,
  purpose: body.purpose,
  redirectUrl: body.redirect_url,
  postbackUrl: body.postback_url,
  notifierUrl: body.notifier_url,
  encryptionKey: body.encryption_key && JSON.stringify(body.encryption_key),
  simulate: body.simulate,
})

const initiatorForm = async (
  context: UsersContext,
  body: Static<typeof NewClient>,
): Promise<InitiatorForm> => ({
  ...termsOf(body),
  links: await Promise.all((body.links ?? []).map(async (user) => (await findUser(context, user)).id)),
})
