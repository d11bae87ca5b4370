import { recordEvent } from '#audit/events.ts'
import { type Clock, MINUTE, SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { DeliveryAttempted } from '#base/facts.ts'
import type { Vault } from '#base/seal.ts'
import { noTracer, type Tracer } from '#base/trace.ts'
import type { ReadCallKeys } from '#clients/call-keys.ts'
import { type Answer, CallFailed, type Outbound } from '#outbound/dial.ts'
import { isProxyFault } from '#outbound/failures.ts'
import { jitter } from '#outbox/backoff.ts'
import { cancel, type Job } from '#outbox/store.ts'
import type { Handler, Outcome } from '#outbox/worker.ts'
import type { Database, Transaction } from '#store/database.ts'
import { allOf } from '#store/share.ts'
import { endAccess } from '#tokens/revoke.ts'
import { unended } from './attempts.ts'
import { endSpan, sayAttempt, saySettled, spanFields } from './facts.ts'
import { isListening, postByListener } from './listen.ts'
import { isFinalRefusal, MANNERS } from './manner.ts'
import { noteGone, type ProofRule } from './proof.ts'
import { bearerPlace, payloadPlace } from './queue.ts'
import { nextAttemptAt, retryAfter } from './schedule.ts'
import { signedHeaders } from './sign.ts'
import {
  countedAttempts,
  type Delivery,
  type DeliveryAttempt,
  deletePayload,
  putAttempt,
  queuedDelivery,
  queuedDeliveryOfToken,
  settleDelivery,
} from './store.ts'

interface DeliverContext {
  db: Database
  now: Clock
  vault: Vault
  outbound: Outbound
  callKeys: ReadCallKeys
  proofRule: ProofRule
  tracer?: Tracer | undefined
  /** Tells the user, in the transaction that gives up. */
  onGivenUp: (tx: Transaction, delivery: Delivery, now: number) => Promise<void>
}

/** A whole attempt, from the look-up of the name to the end of the answer. */
const DEADLINE_MS = 15 * SECOND
/** So much of an answer is kept for its owner to see. */
const KEPT_ANSWER = 4_096

/** Hands over results: POST by POST, signed, each attempt on disk before its first byte leaves. */
export function deliverHandler(context: DeliverContext): Handler {
  const { now, vault, outbound, callKeys, proofRule, tracer = noTracer } = context
  return {
    slots: 128,
    laneSlots: 8,
    deadlineMs: DEADLINE_MS,
    breaker: { faults: 5, restMs: 30 * SECOND, longestRestMs: 5 * MINUTE },

    async start(tx, job) {
      const delivery = await queuedDelivery(tx, job.ref)
      if (!delivery) return undefined
      if (job.lostAt !== null) await noteAbandoned(tx, delivery, job, now())
      if (delivery.expiresAt <= now()) {
        await giveUp(context, tx, delivery, ENDED)
        return undefined
      }
      // An endpoint that is gone, or was changed to before the approval and is not proven yet, gets nothing until it is
      // proven; what waits for it waits until it ends.
      const state = MANNERS[delivery.kind].needsProof ? (delivery.proof ?? 'unproven') : 'proven'
      // What carries a bearer of the client's stays between us and its endpoint.
      const isListened = !delivery.sealedBearer && isListening(delivery.listenerSeenAt, now())
      const isUsable = state === 'proven' || (state === 'unproven' && proofRule === 'off')
      // Who listens in its place has nothing to prove but that they hold the secret.
      if (!isUsable && !isListened) {
        return { repeatAt: delivery.expiresAt }
      }
      const { signing, tls } = await callKeys(tx, delivery.clientId, now())

      return async (signal) => {
        const begunAt = performance.now()
        const span = tracer.begin('deliver', delivery.trace, 'client', spanFields(delivery, job.attempt))
        const payload = vault.open(payloadPlace(delivery.id, delivery.clientId), delivery.sealed)
        const bearer =
          delivery.sealedBearer &&
          vault.open(bearerPlace(delivery.id, delivery.clientId), delivery.sealedBearer).toString()
        const headers = {
          ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
          'content-type': delivery.contentType,
          'user-agent': 'Countersign',
          'countersign-request': delivery.requestId,
          ...(isListened ? { 'countersign-by': 'listen' } : {}),
          ...(span.traceparent ? { traceparent: span.traceparent } : {}),
          ...signedHeaders(delivery.id, now(), payload, signing),
        }
        const post = () =>
          isListened
            ? postByListener(context, { delivery, number: job.attempt, headers }, signal)
            : outbound.post(delivery.url, headers, payload, signal, { tls })
        const result = delivery.isFailing ? SIMULATED_FAILURE : await post().catch(asFailure)
        const plain = delivery.contentType === 'application/json' ? payload : undefined
        const secrets = [...(plain ? secretsIn(plain) : []), ...(bearer ? [bearer] : [])]
        const answer = { ...describe(result, secrets), ...sentOf(headers, plain, secrets) }
        endSpan(span, answer)
        const ms = performance.now() - begunAt
        return async (tx, isLate): Promise<Outcome> => {
          sayAttempt(tx, delivery, { number: job.attempt, ms, ...answer })
          if (isLate) return noteLate(tx, delivery, job, answer, now())
          const ended = putAttempt(tx, delivery.id, attemptOf(job, answer, now()))
          if (answer.state === 'succeeded') return succeed(tx, delivery, ended, now())
          await ended
          await noteFailed(tx, delivery, job.attempt, answer, now())
          const isStreamLost = isListened && result instanceof CallFailed && result.kind === 'connection_lost'
          // Nobody's fault but the stream's: another one may be there, or the endpoint is called.
          if (isStreamLost) return { repeatAt: now() + STREAM_PAUSE_MS }
          return tryAgain(context, tx, delivery, { attempt: job.attempt, result })
        }
      }
    },
  }
}

const STREAM_PAUSE_MS = 2 * SECOND

/** In test mode, what an endpoint in trouble would answer. */
const SIMULATED_FAILURE: Answer = { status: 503, headers: {}, body: 'Simulated in test mode.' }

/** Plans the next attempt, or gives up. */
async function tryAgain(
  context: DeliverContext,
  tx: Transaction,
  delivery: Delivery,
  { attempt, result }: { attempt: number; result: Answer | CallFailed },
): Promise<Outcome> {
  const now = context.now()
  const { id, expiresAt, clientId, url } = delivery
  if (result instanceof CallFailed && isProxyFault(result.kind)) {
    // Our own way out is shut: the endpoint is not charged for it.
    const again = now + jitter(Math.min(PROXY_PAUSE_MS * attempt, LONGEST_PROXY_PAUSE_MS))
    return again < expiresAt ? { repeatAt: again } : giveUp(context, tx, delivery, ENDED)
  }
  const isAnswered = !(result instanceof CallFailed)
  const manner = MANNERS[delivery.kind]
  if (isAnswered && isFinalRefusal(manner, result.status)) {
    return giveUp(context, tx, delivery, `the endpoint answered ${result.status}`)
  }
  if (isAnswered && result.status === GONE && manner.needsProof) {
    await noteGone(tx, clientId, url, now)
    return { repeatAt: expiresAt }
  }
  const isLaneFault = !isAnswered || result.status >= 500 || result.status === TOO_MANY
  const retryAfterMs = isAnswered ? retryAfter(result.headers['retry-after'], now) : undefined
  const again = nextAttemptAt(await countedAttempts(tx, id), { now, expiresAt, retryAfterMs })
  if (again) return { repeatAt: again, isLaneFault }
  return { ...(await giveUp(context, tx, delivery, 'the notifier endpoint did not take it')), isLaneFault }
}

const GONE = 410
const TOO_MANY = 429
const PROXY_PAUSE_MS = 30 * SECOND
const LONGEST_PROXY_PAUSE_MS = 5 * MINUTE

/** The payload leaves in the very transaction that records the 2xx. */
function succeed(tx: Transaction, delivery: Delivery, ended: Promise<unknown>, now: number): Outcome {
  const writing = allOf([
    ended,
    settleDelivery(tx, delivery.id, 'delivered', now),
    deletePayload(tx, delivery.id),
    recordEvent(tx, {
      kind: `${MANNERS[delivery.kind].event}_delivered`,
      actor: 'system',
      requestId: delivery.requestId,
      userId: delivery.userId,
      clientId: delivery.clientId,
      at: now,
    }),
  ])
  saySettled(tx, delivery, 'delivered', now)
  return { done: true, writing }
}

/** A try that did not succeed is told as it happens: an owner who watches sees it before the delivery is over. */
const noteFailed = (tx: Transaction, delivery: Delivery, attempt: number, answer: Ended, now: number) =>
  recordEvent(tx, {
    kind: 'delivery_failed',
    actor: 'system',
    requestId: delivery.requestId,
    userId: delivery.userId,
    clientId: delivery.clientId,
    detail: `${attempt}: ${answer.status ?? answer.failure}`,
    at: now,
  })

const ENDED = 'its time was over'

/** A token that was never received must not live on. */
async function giveUp(
  context: DeliverContext,
  tx: Transaction,
  delivery: Delivery,
  why: string,
): Promise<Outcome> {
  const now = context.now()
  await settleDelivery(tx, delivery.id, 'undeliverable', now)
  await deletePayload(tx, delivery.id)
  saySettled(tx, delivery, 'undeliverable', now)
  await recordEvent(tx, {
    kind: `${MANNERS[delivery.kind].event}_undeliverable`,
    actor: 'system',
    requestId: delivery.requestId,
    userId: delivery.userId,
    clientId: delivery.clientId,
    detail: why,
    at: now,
  })
  if (delivery.tokenId !== null) {
    await endAccess(tx, delivery.requestId, 'system', now, 'not delivered')
    await context.onGivenUp(tx, delivery, now)
  }
  return { done: true }
}

/** The attempt has ended and is told as it ended, unless a later one has called it unknown; the delivery stays as it is. */
async function noteLate(tx: Transaction, delivery: Delivery, job: Job, answer: Ended, now: number) {
  await putAttempt(tx, delivery.id, attemptOf(job, answer, now))
  await recordEvent(tx, {
    kind: 'delivery_late',
    actor: 'system',
    requestId: delivery.requestId,
    userId: delivery.userId,
    clientId: delivery.clientId,
    detail: `attempt ${job.attempt}: ${answer.status ?? answer.failure}`,
    at: now,
  })
  return { done: true } as const
}

/** Takes back a delivery that is still on its way, because its token was revoked. */
export async function stopDelivery(tx: Transaction, requestId: string, now: number): Promise<void> {
  const delivery = await queuedDeliveryOfToken(tx, requestId)
  if (!delivery) return
  await settleDelivery(tx, delivery.id, 'undeliverable', now)
  await deletePayload(tx, delivery.id)
  const underWay = await cancel(tx, 'deliver', delivery.id)
  // Its job is gone, so that it has begun must be said here until it ends.
  if (underWay) await putAttempt(tx, delivery.id, unended('started', underWay.attempt, underWay.leasedAt))
  saySettled(tx, delivery, 'recalled', now)
}

/** What a server that vanished had begun: whether it arrived nobody knows. */
async function noteAbandoned(tx: Transaction, delivery: Delivery, { attempt, lostAt }: Job, now: number) {
  const number = attempt - 1
  const lost = unended('unknown', number, lostAt ?? now)
  await putAttempt(tx, delivery.id, { ...lost, endedAt: now, failure: 'server_stopped' })
  sayAttempt(tx, delivery, { number, state: 'unknown', status: null, failure: 'stopped', ms: null })
}

const attemptOf = ({ attempt, leasedAt }: Job, answer: Ended, now: number): DeliveryAttempt => ({
  number: attempt,
  startedAt: leasedAt,
  endedAt: now,
  ...answer,
})

type Ended = Omit<DeliveryAttempt, 'number' | 'startedAt' | 'endedAt'>
type Described = Pick<Ended, 'status' | 'failure' | 'response' | 'answerHeaders'> & {
  state: DeliveryAttempted['state']
}

/** Only 2xx is success; a redirect is a failure like any other. What was sent but not answered is unknown. */
function describe(result: Answer | CallFailed, secrets: string[]): Described {
  if (result instanceof CallFailed) {
    const state = result.phase === 'before_sending' ? 'failed' : 'unknown'
    return { state, status: null, failure: result.kind, response: null, answerHeaders: null }
  }
  const isTaken = result.status >= 200 && result.status < 300
  return {
    state: isTaken ? 'succeeded' : 'failed',
    status: result.status,
    failure: isTaken ? null : 'status',
    response: scrub(result.body, secrets).slice(0, KEPT_ANSWER),
    answerHeaders: scrub(JSON.stringify(headersToKeep(result.headers)), secrets),
  }
}

/** What was sent, for its owner to see later: the token itself is not kept with it. */
const sentOf = (headers: Record<string, string>, payload: Uint8Array | undefined, secrets: string[]) => ({
  sentHeaders: scrub(JSON.stringify(headers), secrets),
  sentBody: payload
    ? scrub(Buffer.from(payload).toString('utf8'), secrets).slice(0, KEPT_ANSWER)
    : '[encrypted to the key of the app]',
})

const MOST_HEADERS = 40
const LONGEST_HEADER = 200

/** Cookies are the endpoint's own secrets. */
const headersToKeep = (headers: Answer['headers']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => name !== 'set-cookie')
      .slice(0, MOST_HEADERS)
      .map(([name, value]) => [name.slice(0, LONGEST_HEADER), String(value).slice(0, LONGEST_HEADER)]),
  )

/**
 * A receiver may echo what it got: no token is kept with its answer, whole or cut short. Of an encrypted payload we do
 * not know the token; a receiver that opened it and echoes it is known by the form.
 */
function scrub(text: string, secrets: string[]): string {
  const known = secrets.reduce((left, secret) => left.replaceAll(secret, '[access token]'), text)
  // PostgreSQL keeps no NUL in a text.
  return known.replace(LOOKS_LIKE_TOKEN, '[access token]').replaceAll('\0', '')
}

/** What of a payload in clear nobody else may see. */
function secretsIn(payload: Uint8Array): string[] {
  const sent = JSON.parse(Buffer.from(payload).toString('utf8')) as Record<string, unknown>
  return SECRET_FIELDS.flatMap((name) => (typeof sent[name] === 'string' && sent[name] ? [sent[name]] : []))
}

const SECRET_FIELDS = ['access_token', 'refresh_token', 'id_token', 'auth_req_id']

/** A JWT, a JWE (both begin with `{"` in base64url), or an opaque token of ours. */
const LOOKS_LIKE_TOKEN = /eyJ[\w-]{8,}(?:\.[\w-]*)*|cs_(?:token|refresh)_[0-9A-Za-z]+/g

/** An answer whose status came and whose body broke off counts by its status: the receiver has said what it did. */
function asFailure(fault: unknown): Answer | CallFailed {
  if (fault instanceof CallFailed) {
    return fault.status === undefined ? fault : { status: fault.status, headers: {}, body: '' }
  }
  if (fault instanceof Refusal)
    return new CallFailed('before_sending', 'forbidden_url', fault.message, { cause: fault })
  throw fault
}
