import { type Static, Type } from 'typebox'
import { Refusal } from '#base/errors.ts'
import { hashSecret, sameHash } from '#base/secrets.ts'
import { type InitiatorForm, registerInitiator } from '#clients/initiators.ts'
import { judgeClient } from '#clients/judge.ts'
import { type ClientForm, type ClientsContext, registerClient } from '#clients/register.ts'
import { CLIENT_STATES, clientById } from '#clients/store.ts'
import { removeClientTls, setClientTls } from '#clients/tls.ts'
import { checkNotifier, type ProofContext, promiseCheck } from '#deliveries/proof.ts'
import type { Server } from '#http/server.ts'
import { addPhone } from '#notices/contacts.ts'
import { addUser, findUser, type UsersContext } from '#users/users.ts'
import type { TlsCard } from './contract.ts'
import { Id, Jwk, Mode, Simulated, Tls } from './shapes.ts'
import { tlsCard, tlsFormOf } from './tls.ts'

const Printable = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: '^[!-~]+$' })

const NewUser = Type.Object({
  handle: Printable(100),
  user_id: Type.Optional(Printable(64)),
  name: Type.Optional(Type.String({ maxLength: 100 })),
  phone: Type.Optional(Type.String({ maxLength: 20 })),
})

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
  scope: Type.Optional(Type.String({ maxLength: 2_000 })),
  links: Type.Optional(Type.Array(Printable(100), { maxItems: 100 })),
})

const ClientStates = Type.Union(CLIENT_STATES.map((each) => Type.Literal(each)))

export interface NewUserForm {
  handle: string
  user_id?: string | undefined
  name?: string | undefined
  phone?: string | undefined
}

/** Adds a user and where they can be told; what `user add` does. */
export async function addUserWithContact(context: UsersContext, { user_id, phone, ...form }: NewUserForm) {
  const { userId, enrolmentUrl } = await addUser(context, { ...form, id: user_id }, async (tx, id) => {
    if (phone) await addPhone(tx, { userId: id, channel: 'whatsapp', phone: phone }, context.now())
  })
  return { user_id: userId, enrolment_url: enrolmentUrl }
}

/** What the operator does by the admin key. */
export function adminRoutes(
  server: Server,
  context: UsersContext & ClientsContext & ProofContext,
  adminKeyHash: Uint8Array,
) {
  server.addHook('onRequest', async (http) => {
    const [scheme, key = ''] = (http.headers.authorization ?? '').split(' ')
    const isKnown = sameHash(hashSecret(key), adminKeyHash)
    if (scheme?.toLowerCase() !== 'bearer' || !isKnown) throw new Refusal('admin_key_wrong')
  })

  server.post('/v1/admin/users', { schema: { body: NewUser } }, async (http, reply) =>
    reply.code(201).send(await addUserWithContact(context, http.body)),
  )

  server.post('/v1/admin/clients', { schema: { body: NewClient } }, async (http, reply) => {
    const { kind, user_id } = http.body
    if (kind === 'individual' && !user_id) {
      throw new Refusal('input_invalid', { detail: 'An individual client needs the user_id of its owner.' })
    }
    if (kind === 'individual' && OF_INITIATORS.some((name) => http.body[name] !== undefined)) {
      throw new Refusal('input_invalid', { detail: `${OF_INITIATORS.join(', ')} are for initiators alone.` })
    }
    const form = { ...formOf(http.body), mode: http.body.mode }
    const userId = user_id ? (await findUser(context, user_id)).id : undefined
    const { client, clientSecret, signingSecret } =
      kind === 'initiator'
        ? await registerInitiator(context, { ...form, userId, ...(await initiatorForm(context, http.body)) })
        : await registerClient(context, { ...form, kind, userId, actor: 'operator' })
    await promiseCheck(context, client)
    return reply
      .code(201)
      .send({ client_id: client.id, client_secret: clientSecret, signing_secret: signingSecret })
  })

  const state = { params: Id, body: Type.Object({ state: ClientStates }) }
  server.post('/v1/admin/clients/:id/state', { schema: state }, async (http, reply) => {
    await judgeClient(context, http.params.id, http.body.state)
    return reply.code(204).send()
  })

  const tls = { params: Id, body: Tls }
  server.put('/v1/admin/clients/:id/tls', { schema: tls }, async (http): Promise<TlsCard> => {
    const set = await setClientTls(context, http.params.id, tlsFormOf(http.body), 'operator')
    await checkNow(http.params.id)
    return tlsCard(set)
  })

  server.delete('/v1/admin/clients/:id/tls', { schema: { params: Id } }, async (http, reply) => {
    await removeClientTls(context, http.params.id, 'operator')
    await checkNow(http.params.id)
    return reply.code(204).send()
  })

  async function checkNow(id: string) {
    const client = await clientById(context.db, id)
    if (client) await checkNotifier(context, client)
  }
}

const OF_INITIATORS = [
  'backchannel_token_delivery_mode',
  'backchannel_client_notification_endpoint',
  'token_endpoint_auth_method',
  'scope',
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
  scope: body.scope,
  links: await Promise.all((body.links ?? []).map(async (user) => (await findUser(context, user)).id)),
})
