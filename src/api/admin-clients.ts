import type { Static } from 'typebox'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { TLS_SUBJECT_KINDS } from '#clients/certificates.ts'
import { type InitiatorForm, registerInitiator } from '#clients/initiators.ts'
import { judgeClient } from '#clients/judge.ts'
import { type ClientForm, type ClientsContext, registerClient } from '#clients/register.ts'
import { reviewClient } from '#clients/review.ts'
import { CLIENT_STATES, type Client, clientById, clientsLike, clientsUnderReview } from '#clients/store.ts'
import { removeClientTls, setClientTls } from '#clients/tls.ts'
import { checkNotifier, type ProofContext, promiseCheck } from '#deliveries/proof.ts'
import type { Server } from '#http/server.ts'
import { disableClient, enableClient } from '#requests/disable-client.ts'
import { userById } from '#users/store.ts'
import { findUser, type UsersContext } from '#users/users.ts'
import type { AdminClientCard, Page, TlsCard } from './contract.ts'
import { actingOf } from './operator.ts'
import { Cursor, DetailTypes, Id, Jwk, likePattern, Mode, Printable, Simulated, Tls } from './shapes.ts'
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
  // Of an initiator alone; names of CIBA Core 1.0 §4 and RFC 7591 §2.
  backchannel_token_delivery_mode: Type.Optional(Type.String({ maxLength: 10 })),
  backchannel_client_notification_endpoint: Type.Optional(Type.String({ maxLength: 2_048 })),
  token_endpoint_auth_method: Type.Optional(Type.String({ maxLength: 40 })),
  jwks: Type.Optional(Type.Object({ keys: Type.Array(Type.Object({}, { additionalProperties: true })) })),
  jwks_uri: Type.Optional(Type.String({ maxLength: 2_048 })),
  backchannel_authentication_request_signing_alg: Type.Optional(Type.String({ maxLength: 10 })),
  tls_client_auth_subject_dn: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
  tls_client_auth_san_dns: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
  tls_client_auth_san_uri: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
  tls_client_auth_san_ip: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
  tls_client_auth_san_email: Type.Optional(Type.String({ minLength: 1, maxLength: 500 })),
  tls_client_certificate_bound_access_tokens: Type.Optional(Type.Boolean()),
  dpop_bound_access_tokens: Type.Optional(Type.Boolean()),
  access_token_format: Type.Optional(Type.String({ maxLength: 10 })),
  scope: Type.Optional(Type.String({ maxLength: 2_000 })),
  authorization_details_types: Type.Optional(DetailTypes),
  require_match_code: Type.Optional(Type.Boolean()),
  backchannel_user_code_parameter: Type.Optional(Type.Boolean()),
  profile: Type.Optional(Type.String({ maxLength: 10 })),
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
    }
  }
}

type Seen = Client & { lastUsedAt?: number | null; reviewNote?: string | null }

const OF_INITIATORS = [
  'backchannel_token_delivery_mode',
  'backchannel_client_notification_endpoint',
  'token_endpoint_auth_method',
  'jwks',
  'jwks_uri',
  'backchannel_authentication_request_signing_alg',
  'tls_client_auth_subject_dn',
  'tls_client_auth_san_dns',
  'tls_client_auth_san_uri',
  'tls_client_auth_san_ip',
  'tls_client_auth_san_email',
  'tls_client_certificate_bound_access_tokens',
  'dpop_bound_access_tokens',
  'access_token_format',
  'scope',
  'authorization_details_types',
  'require_match_code',
  'backchannel_user_code_parameter',
  'profile',
  'links',
] as const

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
  deliveryMode: body.backchannel_token_delivery_mode,
  notificationUrl: body.backchannel_client_notification_endpoint,
  authMethod: body.token_endpoint_auth_method,
  jwks: body.jwks && JSON.stringify(body.jwks),
  jwksUrl: body.jwks_uri,
  requestAlg: body.backchannel_authentication_request_signing_alg,
  tlsSubject: tlsSubjectOf(body),
  boundBy: boundByOf(body),
  tokenFormat: body.access_token_format,
  scope: body.scope,
  detailTypes: body.authorization_details_types,
  requiresMatchCode: body.require_match_code,
  takesUserCode: body.backchannel_user_code_parameter,
  profile: body.profile,
  links: await Promise.all((body.links ?? []).map(async (user) => (await findUser(context, user)).id)),
})

/** One of the five that RFC 8705 §2.1.2 knows. */
function tlsSubjectOf(body: Static<typeof NewClient>): string | undefined {
  const given = TLS_SUBJECT_KINDS.flatMap((kind) => {
    const value = body[`tls_client_auth_${kind}`]
    return value === undefined ? [] : [`${kind}:${value}`]
  })
  if (given.length <= 1) return given[0]
  throw new Refusal('client_metadata_refused', {
    detail: 'Say by one thing alone by what its certificate is known.',
  })
}

function boundByOf(body: Static<typeof NewClient>): InitiatorForm['boundBy'] {
  if (body.dpop_bound_access_tokens && body.tls_client_certificate_bound_access_tokens) {
    throw new Refusal('client_metadata_refused', {
      detail: 'Tokens are bound by DPoP or to a certificate, not to both.',
    })
  }
  if (body.dpop_bound_access_tokens) return 'dpop'
  return body.tls_client_certificate_bound_access_tokens ? 'certificate' : undefined
}
