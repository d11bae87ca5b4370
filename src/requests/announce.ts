import { HOUR, MINUTE } from '#base/clock.ts'
import { initiatorInside } from '#clients/store.ts'
import { queueDelivery } from '#deliveries/queue.ts'
import { enqueue } from '#outbox/store.ts'
import type { Handler } from '#outbox/worker.ts'
import type { Transaction } from '#store/database.ts'
import type { RequestContext, Settling } from './context.ts'
import { bearerPlace, handleOf } from './handle.ts'
import { handleInside, requestInside, type TokenRequest, traceOf } from './store.ts'

/** What was approved in the last moment of a request may still be fetched after it. */
export const FETCH_GRACE_MS = MINUTE
/** A client that gets pushes cannot come and see, so the news that there are no tokens waits for it a while. */
const PUSH_ERROR_LIFE_MS = HOUR

/** Promises to tell a waiting client how its request ended without a token, in the transaction that ends it. */
export async function promiseAnnouncement(
  tx: Transaction,
  { id, clientId, delivery }: Pick<TokenRequest, 'id' | 'clientId' | 'delivery'>,
  now: number,
): Promise<void> {
  if (delivery !== 'ping' && delivery !== 'push') return
  await enqueue(tx, { kind: 'announce', ref: id, lane: clientId, dueAt: now })
}

/** Keeps these promises. All of it is one transaction: what goes over the network is a delivery from then on. */
export const announceHandler = (context: AnnounceContext): Handler => ({
  slots: 200,
  laneSlots: 200,
  deadlineMs: 5_000,
  async start(tx, job) {
    const request = await requestInside(tx, job.ref)
    if (request) await announce(tx, context, request, context.now())
    return undefined
  },
})

export type AnnounceContext = Pick<RequestContext, 'now' | 'vault' | 'settlings' | 'tracer' | 'takeDelivery'>

/** Owes a client the news that its request is settled: a ping, or a push of the error (CIBA Core 1.0 §10.2, §12). */
export async function announce(
  tx: Transaction,
  { vault, settlings, tracer, takeDelivery }: AnnounceContext,
  { id, clientId, userId, protocol, delivery, state, expiresAt }: TokenRequest,
  now: number,
  outcome: Settling['outcome'] | 'pending' = state,
): Promise<void> {
  if (outcome === 'pending') return
  const write = settlings?.[protocol]
  const initiator = await initiatorInside(tx, clientId)
  // Registered for another mode meanwhile: there is nowhere to tell it.
  if (!write || !initiator?.notificationUrl) return
  const kind: Settling['kind'] = delivery === 'push' ? 'push_error' : 'ping'
  const owed = {
    requestId: id,
    clientId,
    userId,
    kind,
    tokenId: null,
    url: initiator.notificationUrl,
    payload: write({ handle: handleOf(vault, id), kind, outcome }),
    contentType: 'application/json' as const,
    bearer: await bearerOf(tx, { vault }, id),
    trace: tracer ? await traceOf(tx, id) : null,
    expiresAt: kind === 'ping' ? Math.max(expiresAt, now) + FETCH_GRACE_MS : now + PUSH_ERROR_LIFE_MS,
  }
  await queueDelivery(tx, { vault, takeDelivery }, owed, now)
}

/** The token by which a client wants to know a ping or push of a request as ours. */
export async function bearerOf(tx: Transaction, { vault }: Pick<RequestContext, 'vault'>, requestId: string) {
  const handle = await handleInside(tx, requestId)
  return handle?.sealedBearer ? vault.open(bearerPlace(requestId), handle.sealedBearer).toString() : undefined
}
