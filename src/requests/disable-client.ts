import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { whose } from '#clients/edit.ts'
import { clientInside, reviewInside, setClientState } from '#clients/store.ts'
import { stopDelivery } from '#deliveries/deliver.ts'
import { waitingDeliveries } from '#deliveries/store.ts'
import { endAccess } from '#tokens/revoke.ts'
import { requireOperator } from '#users/roles.ts'
import type { RequestContext } from './context.ts'
import { pendingOfClient } from './store.ts'
import { withdrawInside } from './withdraw.ts'

type Context = Pick<RequestContext, 'db' | 'now'>

/**
 * Switches an app off. At once it can ask no more, its open requests are withdrawn, and what is on its way to it is taken
 * back and revoked. Access that it has received stays until it ends or its user revokes it.
 *
 * @throws Refusal `client_not_found`, `not_operator`
 */
export async function disableClient({ db, now }: Context, id: string, by: string): Promise<void> {
  await db.transaction(async (tx) => {
    const at = now()
    await requireOperator(tx, by)
    const client = await clientInside(tx, id)
    if (!client) throw new Refusal('client_not_found')
    if (client.state === 'disabled') return
    const who = { actor: 'operator', actorId: by }
    const detail = 'the app is switched off'
    await setClientState(tx, id, 'disabled', at)
    await recordEvent(tx, { ...whose(client), ...who, kind: 'app_disabled', detail: client.name, at })
    for (const each of await pendingOfClient(tx, client))
      await withdrawInside(tx, each, at, { ...who, detail })
    for (const { requestId, tokenId } of await waitingDeliveries(tx, id, 0)) {
      await stopDelivery(tx, requestId, at)
      if (tokenId !== null) await endAccess(tx, requestId, 'operator', at, detail)
    }
  })
}

/**
 * Switches an app on again. One that asks many users and that nobody has accepted yet goes to the review.
 *
 * @throws Refusal `client_not_found`, `not_operator`
 */
export async function enableClient({ db, now }: Context, id: string, by: string): Promise<void> {
  await db.transaction(async (tx) => {
    await requireOperator(tx, by)
    const client = await clientInside(tx, id)
    if (!client) throw new Refusal('client_not_found')
    if (client.state !== 'disabled') return
    const isUnread = client.kind === 'initiator' && client.userId !== null && !(await reviewInside(tx, id))
    await setClientState(tx, id, isUnread ? 'under_review' : 'active', now())
    const who = { actor: 'operator', actorId: by }
    await recordEvent(tx, {
      ...whose(client),
      ...who,
      kind: 'app_enabled',
      detail: client.name,
      at: now(),
    })
  })
}
