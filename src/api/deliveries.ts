import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import type { Vault } from '#base/seal.ts'
import { rollSigningSecret, signingSecretCards } from '#clients/signing.ts'
import { endSigningSecret } from '#clients/store.ts'
import { attemptsOf } from '#deliveries/attempts.ts'
import { checkNotifier, type ProofContext } from '#deliveries/proof.ts'
import { recoverDeliveries, resendDelivery } from '#deliveries/resend.ts'
import { deliveriesOfClient, deliveriesOfClientIn, deliveryById } from '#deliveries/store.ts'
import { tryDelivery } from '#deliveries/trial.ts'
import type { Server } from '#http/server.ts'
import { explainFailure } from '#outbound/failures.ts'
import { dueAt } from '#outbox/store.ts'
import type { UsersContext } from '#users/users.ts'
import type { AttemptCard, DeliveryCard, NotifierCard, SigningSecretCard, TrialCard } from './contract.ts'
import { signedIn } from './guard.ts'
import { ownApp } from './own-app.ts'
import { Id } from './shapes.ts'

const PAGE = 50
/** Sorts after every id. */
const NEWEST = '~'

const DeliveryId = Type.Object({
  ...Id.properties,
  delivery: Type.String({ maxLength: 100, pattern: '^[!-~]+$' }),
})
const Listing = Type.Object({
  cursor: Type.Optional(Type.String({ maxLength: 100, pattern: '^[!-~]+$' })),
  state: Type.Optional(
    Type.Union([Type.Literal('queued'), Type.Literal('delivered'), Type.Literal('undeliverable')]),
  ),
})

interface DeliveriesContext extends UsersContext, ProofContext {
  vault: Vault
  wakeDeliveries: (clientId: string) => void
}

/** What an owner sees and mends of their app's deliveries. The token itself is never shown. */
export function deliveryRoutes(server: Server, context: DeliveriesContext) {
  const { db, now, vault } = context

  const list = { params: Id, querystring: Listing }
  server.get('/v1/me/apps/:id/deliveries', { schema: list }, async (http) => {
    const { userId } = await signedIn(context, http)
    const { id } = await ownApp(context, userId, http.params.id)
    const { cursor = NEWEST, state } = http.query
    const found = state
      ? await deliveriesOfClientIn(db, id, state, cursor, PAGE)
      : await deliveriesOfClient(db, id, cursor, PAGE)
    const deliveries = found.map(
      (each): DeliveryCard => ({
        id: each.id,
        request_id: each.requestId,
        state: each.state,
        url: each.url,
        attempts: each.attempts,
        created_at: each.createdAt,
        settled_at: each.settledAt,
        expires_at: each.expiresAt,
      }),
    )
    return { deliveries, next: found.length === PAGE ? (found.at(-1)?.id ?? null) : null }
  })

  server.get(
    '/v1/me/apps/:id/deliveries/:delivery/attempts',
    { schema: { params: DeliveryId } },
    async (http) => {
      const { userId } = await signedIn(context, http)
      const { id } = await ownApp(context, userId, http.params.id)
      const delivery = await deliveryById(db, http.params.delivery)
      if (delivery?.clientId !== id) throw new Refusal('delivery_not_found')
      const attempts = await attemptsOf(db, delivery.id)
      return {
        attempts: attempts.map(
          (each): AttemptCard => ({
            number: each.number,
            state: each.state,
            started_at: each.startedAt,
            ended_at: each.endedAt,
            status: each.status,
            failure: each.failure,
            detail: each.failure ? explainFailure(each.failure, hostOf(delivery.url)) : null,
            sent: each.sentHeaders
              ? { headers: headersOf(each.sentHeaders), body: each.sentBody ?? '' }
              : null,
            response_headers: each.answerHeaders ? headersOf(each.answerHeaders) : null,
            response: each.response,
          }),
        ),
        next_attempt_at:
          delivery.state === 'queued' ? ((await dueAt(db, 'deliver', delivery.id)) ?? null) : null,
      }
    },
  )

  server.post(
    '/v1/me/apps/:id/deliveries/:delivery/resend',
    { schema: { params: DeliveryId } },
    async (http, reply) => {
      const { userId } = await signedIn(context, http)
      const { id } = await ownApp(context, userId, http.params.id)
      await resendDelivery(context, id, http.params.delivery)
      return reply.code(202).send({ status: 'queued' })
    },
  )

  const recover = { params: Id, body: Type.Object({ since: Type.Integer({ minimum: 0 }) }) }
  server.post('/v1/me/apps/:id/recover', { schema: recover }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const { id } = await ownApp(context, userId, http.params.id)
    return reply.code(202).send({ count: await recoverDeliveries(context, id, http.body.since) })
  })

  server.post(
    '/v1/me/apps/:id/test-delivery',
    { schema: { params: Id } },
    async (http): Promise<TrialCard> => {
      const { userId } = await signedIn(context, http)
      return tryDelivery(context, await ownApp(context, userId, http.params.id))
    },
  )

  server.post(
    '/v1/me/apps/:id/check-notifier',
    { schema: { params: Id } },
    async (http): Promise<NotifierCard> => {
      const { userId } = await signedIn(context, http)
      const proof = await checkNotifier(context, await ownApp(context, userId, http.params.id))
      if (!proof) throw new Refusal('notifier_missing')
      return { state: proof.state, note: proof.note, checked_at: proof.checkedAt }
    },
  )

  server.get('/v1/me/apps/:id/signing-secrets', { schema: { params: Id } }, async (http) => {
    const { userId } = await signedIn(context, http)
    const { id } = await ownApp(context, userId, http.params.id)
    const secrets = await signingSecretCards(db, vault, id, now())
    return {
      secrets: secrets.map(
        ({ id, scheme, shown, createdAt, expiresAt }): SigningSecretCard => ({
          id,
          scheme,
          shown,
          created_at: createdAt,
          expires_at: expiresAt,
        }),
      ),
    }
  })

  const oneSecret = Type.Object({ ...Id.properties, secret: Type.String({ maxLength: 100 }) })
  server.delete(
    '/v1/me/apps/:id/signing-secrets/:secret',
    { schema: { params: oneSecret } },
    async (http, reply) => {
      const { userId } = await signedIn(context, http)
      const { id } = await ownApp(context, userId, http.params.id)
      const ended = await db.transaction((tx) => endSigningSecret(tx, http.params.secret, id))
      if (ended === 0) throw new Refusal('signing_secret_kept')
      return reply.code(204).send()
    },
  )

  const roll = {
    params: Id,
    body: Type.Object({ scheme: Type.Union([Type.Literal('v1'), Type.Literal('v1a')]) }),
  }
  server.post('/v1/me/apps/:id/signing-secrets', { schema: roll }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const { id } = await ownApp(context, userId, http.params.id)
    const { scheme } = http.body
    const shown = await db.transaction((tx) =>
      rollSigningSecret(tx, { vault, clientId: id, scheme, now: now() }),
    )
    return reply.code(201).send(scheme === 'v1' ? { signing_secret: shown } : { public_key: shown })
  })
}

const hostOf = (url: string) => URL.parse(url)?.hostname ?? 'the host'
const headersOf = (json: string) => JSON.parse(json) as Record<string, string>
