import { newId } from '#base/ids.ts'
import type { Vault } from '#base/seal.ts'
import { enqueue, type NewJob } from '#outbox/store.ts'
import type { Transaction } from '#store/database.ts'
import { type ContentType, type DeliveryKind, insertDelivery, insertPayload } from './store.ts'

export interface NewDelivery {
  requestId: string
  clientId: string
  userId: string
  kind: DeliveryKind
  /** Of a `token` or `push`. */
  tokenId: string | null
  url: string
  /** The body, to the byte as it will be sent and signed. */
  payload: Uint8Array
  contentType: ContentType
  /** By which the client wants to know the call as ours. */
  bearer?: string | undefined
  expiresAt: number
  /** `traceparent` of the ask. */
  trace?: string | null
}

/** Where a payload lies, as bound into its seal. */
export const payloadPlace = (id: string, clientId: string) => `delivery_payload:${id}:${clientId}`

/** Where the bearer token of a call lies. */
export const bearerPlace = (id: string, clientId: string) => `delivery_bearer:${id}:${clientId}`

export interface QueueContext {
  vault: Vault
  /** Promises the work; by a worker of this process it is begun in the same transaction. */
  takeDelivery?: ((tx: Transaction, job: NewJob) => Promise<void>) | undefined
}

/** Owes a result to a notifier, in the transaction that decides: a crash leaves both or neither. */
export async function queueDelivery(
  tx: Transaction,
  { vault, takeDelivery = enqueue }: QueueContext,
  { payload, contentType, bearer, ...owed }: NewDelivery,
  now: number,
) {
  const id = newId('dlv')
  await insertDelivery(tx, { id, ...owed, createdAt: now })
  const sealed = vault.seal(payloadPlace(id, owed.clientId), payload)
  const place = bearerPlace(id, owed.clientId)
  const sealedBearer = bearer === undefined ? null : vault.seal(place, Buffer.from(bearer))
  await insertPayload(tx, id, { contentType, sealed, sealedBearer })
  await takeDelivery(tx, { kind: 'deliver', ref: id, lane: owed.clientId, dueAt: now })
  return id
}
