import { newId } from '#base/ids.ts'
import type { Vault } from '#base/seal.ts'
import { enqueue } from '#outbox/store.ts'
import type { Transaction } from '#store/database.ts'
import { type ContentType, insertDelivery, insertPayload } from './store.ts'

export interface NewDelivery {
  requestId: string
  clientId: string
  userId: string
  tokenId: string
  url: string
  /** The body, to the byte as it will be sent and signed. */
  payload: Uint8Array
  contentType: ContentType
  expiresAt: number
}

/** Where a payload lies, as bound into its seal. */
export const payloadPlace = (id: string, clientId: string) => `delivery_payload:${id}:${clientId}`

/** Owes a result to a notifier, in the transaction that decides: a crash leaves both or neither. */
export async function queueDelivery(
  tx: Transaction,
  vault: Vault,
  { payload, contentType, ...owed }: NewDelivery,
  now: number,
) {
  const id = newId('dlv')
  await insertDelivery(tx, { id, ...owed, createdAt: now })
  const sealed = vault.seal(payloadPlace(id, owed.clientId), payload)
  await insertPayload(tx, id, contentType, sealed)
  await enqueue(tx, { kind: 'deliver', ref: id, lane: owed.clientId, dueAt: now })
  return id
}
