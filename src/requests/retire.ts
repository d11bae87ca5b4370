import { recordEvent } from '#audit/events.ts'
import { DAY } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { whose } from '#clients/edit.ts'
import {
  type Client,
  clientInside,
  clientsToDelete,
  deleteClientTls,
  deleteIcon,
  deleteSecrets,
  deleteSigningSecrets,
  setClientDeletion,
} from '#clients/store.ts'
import { stopDelivery } from '#deliveries/deliver.ts'
import { waitingDeliveries } from '#deliveries/store.ts'
import type { Transaction } from '#store/database.ts'
import { endAccess } from '#tokens/revoke.ts'
import type { RequestContext } from './context.ts'
import { pendingOfClient } from './store.ts'
import { withdrawInside } from './withdraw.ts'

/** So long an owner may change their mind. */
const UNDO_MS = 7 * DAY

/**
 * Begins to delete an app. At once it can ask no more, its open requests are withdrawn, and what is on its way to it is
 * taken back and revoked. Access that it has already received stays until it ends or its user revokes it. After seven
 * days its secrets and its icon are gone for good.
 *
 * @returns when that will be
 * @throws Refusal `client_deleted`
 */
export async function retireClient(
  { db, now }: Pick<RequestContext, 'db' | 'now'>,
  { id }: Pick<Client, 'id'>,
): Promise<number> {
  const at = now()
  const deletesAt = at + UNDO_MS
  await db.transaction(async (tx) => {
    const client = await clientInside(tx, id)
    if (!client || client.deletesAt !== null) throw new Refusal('client_deleted')
    await setClientDeletion(tx, id, deletesAt, at)
    for (const each of await pendingOfClient(tx, client)) await withdrawInside(tx, each, at)
    for (const { requestId, tokenId } of await waitingDeliveries(tx, id, 0)) {
      await stopDelivery(tx, requestId, at)
      if (tokenId !== null) await endAccess(tx, requestId, 'user', at, 'the app is being deleted')
    }
    await recordEvent(tx, { ...whose(client), kind: 'app_deleted', actor: 'user', detail: client.name, at })
  })
  return deletesAt
}

/**
 * Takes back an app that is being deleted, as it was. What was withdrawn or taken back meanwhile stays so.
 *
 * @throws Refusal `client_not_found` when it is too late
 */
export async function restoreClient(
  { db, now }: Pick<RequestContext, 'db' | 'now'>,
  { id }: Pick<Client, 'id'>,
): Promise<void> {
  await db.transaction(async (tx) => {
    const client = await clientInside(tx, id)
    const isGone = client?.deletesAt != null && client.deletesAt <= now()
    if (!client || isGone) throw new Refusal('client_not_found')
    if (client.deletesAt === null) return
    await setClientDeletion(tx, id, null, now())
    await recordEvent(tx, {
      ...whose(client),
      kind: 'app_restored',
      actor: 'user',
      detail: client.name,
      at: now(),
    })
  })
}

/** Apps at a time, so that a long list holds up nobody. */
const CHUNK = 100

/** Deletes for good what nobody has taken back. The row itself stays: what it asked for is history, and has its name. */
export async function sweepClients(tx: Transaction, now: number): Promise<void> {
  for (const { id } of await clientsToDelete(tx, now, CHUNK)) {
    await deleteSecrets(tx, id)
    await deleteSigningSecrets(tx, id)
    await deleteClientTls(tx, id)
    await deleteIcon(tx, id)
  }
}
