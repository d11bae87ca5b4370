import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import type { Static } from 'typebox'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { editClient, notifierSubject, planEdit } from '#clients/edit.ts'
import { encryptionKeyCard } from '#clients/encryption.ts'
import { registerInitiator } from '#clients/initiators.ts'
import { addSecret, type ClientForm, type ClientsContext, registerClient } from '#clients/register.ts'
import {
  type Client,
  clientsOfUser,
  countSecrets,
  deleteSecret,
  iconSetAt,
  initiatorOf,
  type Outcome,
  reviewOfClient,
  secretsOfClient,
  tlsOfClient,
} from '#clients/store.ts'
import { checkNotifier, type ProofContext, proofOf } from '#deliveries/proof.ts'
import type { Server } from '#http/server.ts'
import type { RequestContext } from '#requests/context.ts'
import { restoreClient, retireClient } from '#requests/retire.ts'
import { confirmOptions, requireConfirmation } from '#users/confirm.ts'
import type { AppCard, NewAppSecrets } from './contract.ts'
import { signedIn } from './guard.ts'
import { ownApp } from './own-app.ts'
import { initiatorCard } from './registration.ts'
import { Credential, Id, Jwk, Mode, Simulated } from './shapes.ts'
import { tlsCard } from './tls.ts'

const MOST_SECRETS = 2

const Url = Type.Optional(Type.Union([Type.String({ maxLength: 2_048 }), Type.Null()]))
const Form = {
  purpose: Type.Optional(Type.Union([Type.String({ maxLength: 300 }), Type.Null()])),
  redirect_url: Url,
  postback_url: Url,
  notifier_url: Url,
  encryption_key: Type.Optional(Type.Union([Jwk, Type.Null()])),
  simulate: Type.Optional(Type.Union([Simulated, Type.Null()])),
  /** Seconds. */
  token_life: Type.Optional(Type.Union([Type.Integer({ minimum: 60, maximum: 86_400 }), Type.Null()])),
}
const Name = Type.String({ minLength: 1, maxLength: 80 })
const Kind = Type.Union([Type.Literal('individual'), Type.Literal('initiator')])
const NewApp = Type.Object({
  name: Name,
  kind: Type.Optional(Kind),
  mode: Type.Optional(Mode),
  ...Form,
})
const EditedApp = Type.Object({
  name: Type.Optional(Name),
  ...Form,
  /** Needed when the Notifier Webhook Endpoint changes. */
  credential: Type.Optional(Credential),
})

/** My apps: the clients of whoever is signed in. Most ask their owner alone; one that asks many users is reviewed first. */
export function appRoutes(server: Server, context: RequestContext & ClientsContext & ProofContext) {
  const { db, now } = context

  const card = async (client: Client): Promise<AppCard> => {
    const secrets = await secretsOfClient(db, client.id)
    const proof = await proofOf(context, client)
    const iconAt = await iconSetAt(db, client.id)
    const review = await reviewOfClient(db, client.id)
    const tls = await tlsOfClient(db, client.id)
    const initiator = await initiatorOf(db, client.id)
    return {
      client_id: client.id,
      kind: client.kind,
      name: client.name,
      state: client.state,
      review: review ? { note: review.reviewNote, reviewed_at: review.reviewedAt } : null,
      deletes_at: client.deletesAt,
      notifier_changed_at: client.notifierChangedAt,
      icon: iconAt === null ? null : `/v1/icons/${client.id}?${iconAt}`,
      purpose: client.purpose,
      redirect_url: client.redirectUrl,
      postback_url: client.postbackUrl,
      notifier_url: client.notifierUrl,
      notifier: proof ? { state: proof.state, note: proof.note, checked_at: proof.checkedAt } : null,
      encryption_key: client.encryptionKey ? encryptionKeyCard(client.encryptionKey) : null,
      mode: client.mode,
      simulate: client.simulate,
      token_life: client.tokenLifeSeconds,
      tls: tls ? tlsCard(tls) : null,
      ciba: initiator ? initiatorCard(initiator) : null,
      created_at: client.createdAt,
      secrets: secrets.map(({ id, prefix, createdAt, lastUsedAt }) => ({
        id,
        prefix,
        created_at: createdAt,
        last_used_at: lastUsedAt,
      })),
    }
  }

  server.get('/v1/me/apps', async (http) => {
    const { userId } = await signedIn(context, http)
    const clients = await clientsOfUser(db, userId, now())
    return { apps: await Promise.all(clients.map(card)) }
  })

  server.post('/v1/me/apps', { schema: { body: NewApp } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const { name, kind = 'individual', mode } = http.body
    const form = { ...formOf(http.body), name, kind, mode, userId, actor: 'user' as const }
    const made =
      kind === 'initiator' ? await registerInitiator(context, form) : await registerClient(context, form)
    await checkNotifier(context, made.client)
    const answer: NewAppSecrets = {
      client_id: made.client.id,
      ...(made.clientSecret === undefined ? {} : { client_secret: made.clientSecret }),
      signing_secret: made.signingSecret,
    }
    return reply.code(201).send(answer)
  })

  server.get('/v1/me/apps/:id', { schema: { params: Id } }, async (http) => {
    const { userId } = await signedIn(context, http)
    return card(await ownApp(context, userId, http.params.id))
  })

  /** What the app would be, and whether its results would go elsewhere. */
  async function planned(userId: string, id: string, { name, ...rest }: Static<typeof EditedApp>) {
    const client = await ownApp(context, userId, id)
    const plan = planEdit(context, client, { ...(name === undefined ? {} : { name }), ...formOf(rest) })
    return { client, plan, isSentElsewhere: plan.notifierUrl !== client.notifierUrl }
  }

  const edited = { params: Id, body: EditedApp }
  server.post('/v1/me/apps/:id/confirm', { schema: edited }, async (http) => {
    const { userId } = await signedIn(context, http)
    const { plan, isSentElsewhere } = await planned(userId, http.params.id, http.body)
    return { options: isSentElsewhere ? await confirmOptions(context, userId, notifierSubject(plan)) : null }
  })

  server.patch('/v1/me/apps/:id', { schema: edited }, async (http) => {
    const { userId } = await signedIn(context, http)
    const { client, plan, isSentElsewhere } = await planned(userId, http.params.id, http.body)
    const credential = http.body.credential as unknown as AuthenticationResponseJSON | undefined
    const confirm = isSentElsewhere
      ? await requireConfirmation(context, userId, notifierSubject(plan), credential)
      : undefined
    await editClient(context, client, plan, confirm)
    // Another address has shown nothing yet, whatever the last one did.
    if (isSentElsewhere) await checkNotifier(context, plan)
    return card(await ownApp(context, userId, client.id))
  })

  server.delete('/v1/me/apps/:id', { schema: { params: Id } }, async (http) => {
    const { userId } = await signedIn(context, http)
    return { deletes_at: await retireClient(context, await ownApp(context, userId, http.params.id)) }
  })

  server.post('/v1/me/apps/:id/restore', { schema: { params: Id } }, async (http) => {
    const { userId } = await signedIn(context, http)
    const { id } = await ownApp(context, userId, http.params.id)
    await restoreClient(context, { id })
    return card(await ownApp(context, userId, id))
  })

  server.post('/v1/me/apps/:id/secrets', { schema: { params: Id } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const client = await ownApp(context, userId, http.params.id)
    const { id } = client
    const secret = await db.transaction(async (tx) => {
      if ((await countSecrets(tx, id)) >= MOST_SECRETS) throw new Refusal('secrets_full')
      return addSecret(tx, client, now())
    })
    return reply.code(201).send({ client_id: id, client_secret: secret } satisfies NewAppSecrets)
  })

  const secretParams = Type.Object({ ...Id.properties, secret: Type.String({ maxLength: 100 }) })
  server.delete(
    '/v1/me/apps/:id/secrets/:secret',
    { schema: { params: secretParams } },
    async (http, reply) => {
      const { userId } = await signedIn(context, http)
      const { id } = await ownApp(context, userId, http.params.id)
      await db.transaction(async (tx) => {
        if ((await countSecrets(tx, id)) < 2) throw new Refusal('last_secret')
        await deleteSecret(tx, http.params.secret, id)
      })
      return reply.code(204).send()
    },
  )
}

/** What was said of an app; what was not said stays as it is. */
function formOf(body: {
  purpose?: string | null
  redirect_url?: string | null
  postback_url?: string | null
  notifier_url?: string | null
  encryption_key?: object | null
  token_life?: number | null
  simulate?: Outcome | null
}): Partial<ClientForm> {
  return {
    ...(body.purpose === undefined ? {} : { purpose: body.purpose }),
    ...(body.redirect_url === undefined ? {} : { redirectUrl: body.redirect_url }),
    ...(body.postback_url === undefined ? {} : { postbackUrl: body.postback_url }),
    ...(body.notifier_url === undefined ? {} : { notifierUrl: body.notifier_url }),
    ...(body.encryption_key === undefined
      ? {}
      : { encryptionKey: body.encryption_key && JSON.stringify(body.encryption_key) }),
    ...(body.simulate === undefined ? {} : { simulate: body.simulate }),
    ...(body.token_life === undefined ? {} : { tokenLifeSeconds: body.token_life }),
  }
}
