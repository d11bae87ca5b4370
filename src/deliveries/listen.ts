import { recordEvent } from '#audit/events.ts'
import { type Clock, SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import type { Vault } from '#base/seal.ts'
import type { Client } from '#clients/store.ts'
import { type Answer, CallFailed } from '#outbound/dial.ts'
import { explainFailure } from '#outbound/failures.ts'
import { hurry } from '#outbox/store.ts'
import type { Database } from '#store/database.ts'
import { payloadPlace } from './queue.ts'
import {
  answerListenPost,
  type Delivery,
  deleteListener,
  deleteListenPosts,
  insertListenPost,
  listenerSeenAt,
  listenPost,
  noteListener,
  openListenPosts,
  putListener,
  waitingDeliveries,
} from './store.ts'

/**
 * Whose deliveries may be taken by who holds the client secret, in the place of the endpoint. A stolen secret must not be
 * enough to send a real token elsewhere, so it is `test` if nothing is said.
 */
export type ListenRule = 'off' | 'test' | 'individual' | 'any'

interface ListenContext {
  db: Database
  now: Clock
  vault: Vault
}

/** A stream tells that it is there so often; one not heard of for three times as long is gone. */
export const LISTENER_BEAT_MS = 5 * SECOND
const LISTENER_LIFE_MS = 3 * LISTENER_BEAT_MS

export const isListening = (seenAt: number | null, now: number): boolean =>
  seenAt !== null && seenAt > now - LISTENER_LIFE_MS

/** @throws Refusal `client_not_listenable` */
export function requireListenable({ mode, kind }: Client, rule: ListenRule): void {
  const isAllowed =
    rule === 'any' || (rule !== 'off' && mode === 'test') || (rule === 'individual' && kind === 'individual')
  if (!isAllowed) throw new Refusal('client_not_listenable')
}

/** From now on deliveries of a client go to this listener; whoever listened before hears no more. What waits goes at once. */
export async function beginListening({ db, now }: Pick<ListenContext, 'db' | 'now'>, clientId: string) {
  const id = newId('lst')
  await db.transaction(async (tx) => {
    await putListener(tx, clientId, id, now())
    for (const waiting of await waitingDeliveries(tx, clientId, 0))
      await hurry(tx, 'deliver', waiting.id, now())
    await recordEvent(tx, { kind: 'listen_started', actor: 'client', clientId, at: now() })
  })
  return id
}

/** @returns false when somebody else listens now */
export const goOnListening = ({ db, now }: Pick<ListenContext, 'db' | 'now'>, clientId: string, id: string) =>
  db.transaction(async (tx) => (await noteListener(tx, clientId, id, now())) === 1)

export const endListening = ({ db }: Pick<ListenContext, 'db'>, clientId: string, id: string) =>
  db.transaction((tx) => deleteListener(tx, clientId, id))

/** What waits for a listener's answer. Sent again to one that comes back: the ids are the same, so nothing counts twice. */
export async function postsForListener({ db, vault }: Pick<ListenContext, 'db' | 'vault'>, clientId: string) {
  const posts = await openListenPosts(db, clientId)
  return posts.map(({ deliveryId, number, headers, sealed }) => ({
    id: deliveryId,
    attempt: number,
    headers: JSON.parse(headers) as Record<string, string>,
    body: vault.open(payloadPlace(deliveryId, clientId), sealed).toString('base64'),
  }))
}

/** What the machine of the listener answered; `status` null when it could not be reached. */
export interface ListenAnswer {
  status: number | null
  response: string | null
}

/** @throws Refusal `delivery_over` when nothing waits for this answer (any more) */
export async function answerByListener(
  { db }: Pick<ListenContext, 'db'>,
  clientId: string,
  { id: deliveryId, attempt: number }: { id: string; attempt: number },
  { status, response }: ListenAnswer,
) {
  const failure = status === null ? 'connection_refused' : null
  const taken = await db.transaction(async (tx) => {
    tx.hint('listen')
    return answerListenPost(tx, clientId, { deliveryId, number, status, failure, response })
  })
  if (taken === 0) throw new Refusal('delivery_over')
}

interface ListenedPost {
  delivery: Pick<Delivery, 'id' | 'clientId'>
  number: number
  headers: Record<string, string>
}

/** Hints make it early; this look is what it rests on. */
const LOOK_MS = 500

/**
 * One attempt, by way of whoever listens: on whichever node their stream is, and by whichever node their answer comes.
 *
 * @throws CallFailed as a POST would
 */
export async function postByListener(
  { db, now }: Pick<ListenContext, 'db' | 'now'>,
  { delivery, number, headers }: ListenedPost,
  signal: AbortSignal,
): Promise<Answer> {
  const { id: deliveryId, clientId } = delivery
  await db.transaction(async (tx) => {
    await deleteListenPosts(tx, deliveryId)
    await insertListenPost(tx, { deliveryId, number, clientId, headers: JSON.stringify(headers) })
    tx.hint('listen')
  })
  try {
    for (;;) {
      const post = await listenPost(db, deliveryId, number)
      if (post?.status) return { status: post.status, headers: {}, body: post.response ?? '' }
      if (post?.failure) throw failed('before_sending', 'connection_refused')
      if (!post || signal.aborted) throw failed('while_waiting', 'timeout')
      if (!isListening(await listenerSeenAt(db, clientId), now()))
        throw failed('while_waiting', 'connection_lost')
      await news(db, signal)
    }
  } finally {
    await db.transaction((tx) => deleteListenPosts(tx, deliveryId))
  }
}

const failed = (
  phase: 'before_sending' | 'while_waiting',
  kind: 'connection_refused' | 'timeout' | 'connection_lost',
) => new CallFailed(phase, kind, explainFailure(kind))

/** Until something may have come. */
async function news(db: Database, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const forget = db.onHint('listen', resolve)
  const timer = setTimeout(resolve, LOOK_MS)
  const end = () => resolve()
  signal.addEventListener('abort', end, { once: true })
  await promise
  forget()
  clearTimeout(timer)
  signal.removeEventListener('abort', end)
}
