import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import {
  changeInitiator,
  type InitiatorTerms,
  notificationSubject,
  planInitiator,
} from '#clients/initiators.ts'
import type { ClientsContext } from '#clients/register.ts'
import { initiatorOf } from '#clients/store.ts'
import type { Server } from '#http/server.ts'
import { confirmOptions, requireConfirmation } from '#users/confirm.ts'
import type { UsersContext } from '#users/users.ts'
import type { InitiatorCard } from './contract.ts'
import { signedIn } from './guard.ts'
import { ownApp } from './own-app.ts'
import { initiatorCard, Registration, termsOf } from './registration.ts'
import { Credential, Id } from './shapes.ts'

const Terms = Type.Object({
  ...Registration,
  /** Needed when results begin to go elsewhere. */
  credential: Type.Optional(Credential),
})

/** How an app that asks many users makes itself known, gets its results, and what it may ask for: its developer's to say. */
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
