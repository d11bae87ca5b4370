import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import type { Static } from 'typebox'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import {
  changeInitiator,
  type InitiatorTerms,
  notificationSubject,
  planInitiator,
} from '#clients/initiators.ts'
import type { ClientsContext } from '#clients/register.ts'
import { scopeList } from '#clients/scopes.ts'
import { type Initiator, initiatorOf } from '#clients/store.ts'
import type { Server } from '#http/server.ts'
import { confirmOptions, requireConfirmation } from '#users/confirm.ts'
import type { UsersContext } from '#users/users.ts'
import type { InitiatorCard } from './contract.ts'
import { signedIn } from './guard.ts'
import { ownApp } from './own-app.ts'
import { Credential, DetailTypes, Id } from './shapes.ts'

/** Names of CIBA Core 1.0 §4 and RFC 7591 §2. */
const Terms = Type.Object({
  backchannel_token_delivery_mode: Type.String({ maxLength: 10 }),
  backchannel_client_notification_endpoint: Type.Optional(
    Type.Union([Type.String({ maxLength: 2_048 }), Type.Null()]),
  ),
  scope: Type.String({ minLength: 1, maxLength: 2_000 }),
  authorization_details_types: Type.Optional(DetailTypes),
  require_match_code: Type.Optional(Type.Boolean()),
  backchannel_user_code_parameter: Type.Optional(Type.Boolean()),
  /** Needed when results begin to go elsewhere. */
  credential: Type.Optional(Credential),
})

/** How an app that asks many users gets its results, and what it may ask for: its developer's to say. */
export function initiatorRoutes(server: Server, context: UsersContext & ClientsContext) {
  const { db } = context
  const schema = { params: Id, body: Terms }

  async function planned(userId: string, id: string, terms: InitiatorTerms) {
    const client = await ownApp(context, userId, id)
    if (client.kind !== 'initiator') throw new Refusal('client_not_initiator')
    const known = await initiatorOf(db, id)
    const plan = planInitiator(context, known, terms)
    const isSentElsewhere =
      plan.notificationUrl !== null && plan.notificationUrl !== (known?.notificationUrl ?? null)
    return { client, known, plan, isSentElsewhere }
  }

  server.post('/v1/me/apps/:id/ciba/confirm', { schema }, async (http) => {
    const { userId } = await signedIn(context, http)
    const { client, plan, isSentElsewhere } = await planned(userId, http.params.id, termsOf(http.body))
    const subject = notificationSubject(client.id, plan.notificationUrl)
    return { options: isSentElsewhere ? await confirmOptions(context, userId, subject) : null }
  })

  server.put('/v1/me/apps/:id/ciba', { schema }, async (http): Promise<InitiatorCard> => {
    const { userId } = await signedIn(context, http)
    const { client, known, plan, isSentElsewhere } = await planned(userId, http.params.id, termsOf(http.body))
    const credential = http.body.credential as unknown as AuthenticationResponseJSON | undefined
    const confirm = isSentElsewhere
      ? await requireConfirmation(
          context,
          userId,
          notificationSubject(client.id, plan.notificationUrl),
          credential,
        )
      : undefined
    await changeInitiator(context, client, known, plan, confirm)
    return initiatorCard(plan)
  })
}

const termsOf = (body: Static<typeof Terms>): InitiatorTerms => ({
  deliveryMode: body.backchannel_token_delivery_mode,
  notificationUrl: body.backchannel_client_notification_endpoint || undefined,
  scope: body.scope,
  ...(body.authorization_details_types ? { detailTypes: body.authorization_details_types } : {}),
  ...(body.require_match_code === undefined ? {} : { requiresMatchCode: body.require_match_code }),
  ...(body.backchannel_user_code_parameter === undefined
    ? {}
    : { takesUserCode: body.backchannel_user_code_parameter }),
})

export const initiatorCard = (initiator: Omit<Initiator, 'clientId'>): InitiatorCard => ({
  backchannel_token_delivery_mode: initiator.deliveryMode,
  backchannel_client_notification_endpoint: initiator.notificationUrl,
  token_endpoint_auth_method: initiator.authMethod,
  scope: initiator.scopes,
  authorization_details_types: scopeList(initiator.detailTypes),
  require_match_code: initiator.requiresMatchCode === 1,
  backchannel_user_code_parameter: initiator.takesUserCode === 1,
  profile: initiator.profile,
})
