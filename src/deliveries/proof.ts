import { randomBytes } from 'node:crypto'
import { recordEvent } from '#audit/events.ts'
import { type Clock, HOUR, MINUTE, SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { ReadCallKeys } from '#clients/call-keys.ts'
import { type Client, clientInside } from '#clients/store.ts'
import { type Answer, CallFailed, type Outbound } from '#outbound/dial.ts'
import { enqueue, hurry } from '#outbox/store.ts'
import type { Handler, Outcome } from '#outbox/worker.ts'
import type { Database, Transaction } from '#store/database.ts'
import { isListening } from './listen.ts'
import { sendMessage } from './message.ts'
import {
  listenerSeenAt,
  type NotifierProof,
  notifierProof,
  proofInside,
  putProof,
  waitingDeliveries,
} from './store.ts'

/**
 * What an endpoint must show before it may receive a token. `reachable`: it answers a check message with 2xx.
 * `challenge`: it also sends back the challenge in it. `off`: nothing; for development.
 */
export type ProofRule = 'reachable' | 'challenge' | 'off'

export interface ProofContext {
  db: Database
  now: Clock
  callKeys: ReadCallKeys
  outbound: Outbound
  proofRule: ProofRule
}

type Notifier = Pick<Client, 'id' | 'notifierUrl'>

const DEADLINE_MS = 5 * SECOND
/** Wait after each failed check; then the last one, until the owner changes the URL or asks for a check. */
const WAITS = [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR] as const
const MOST_CHECKS = 30

/** @throws Refusal `notifier_unproven` with what was wrong at the last check */
export async function requireProven({ db, now, proofRule }: ProofContext, client: Notifier): Promise<void> {
  if (proofRule === 'off' || !client.notifierUrl) return
  const proof = await notifierProof(db, client.id, client.notifierUrl)
  if (proof?.state === 'proven') return
  // Somebody who holds its secret listens in the place of the endpoint.
  if (isListening(await listenerSeenAt(db, client.id), now())) return
  if (!proof) await promiseCheck({ db, now }, client)
  throw new Refusal('notifier_unproven', proof?.note ? { detail: proof.note } : {})
}

/** What is known of a client's endpoint; undefined when it has none. */
export async function proofOf(
  { db, now, proofRule }: ProofContext,
  client: Notifier,
): Promise<NotifierProof | undefined> {
  const { id: clientId, notifierUrl: url } = client
  if (!url) return undefined
  const proof = await notifierProof(db, clientId, url)
  if (proofRule === 'off' && proof?.state !== 'gone') {
    return { clientId, url, state: 'proven', note: null, tries: 0, checkedAt: now() }
  }
  return proof ?? { clientId, url, state: 'unproven', note: null, tries: 0, checkedAt: 0 }
}

/** Has a client's endpoint checked soon, by whichever node is free. */
export async function promiseCheck(
  { db, now }: Pick<ProofContext, 'db' | 'now'>,
  client: Notifier,
): Promise<void> {
  if (!client.notifierUrl) return
  await db.transaction(async (tx) => {
    await enqueueCheck(tx, client.id, now())
    // One that waits for hours need wait no longer.
    await hurry(tx, 'prove', client.id, now())
  })
}

/**
 * Checks a client's endpoint now: a signed POST that holds no secret. What cannot be proven is kept as unproven, says
 * why, and is checked again by itself.
 */
export async function checkNotifier(
  context: ProofContext,
  client: Notifier,
): Promise<NotifierProof | undefined> {
  const { db, now, proofRule } = context
  if (!client.notifierUrl) return undefined
  const isOff = proofRule === 'off'
  const fault = isOff ? undefined : await call(context, client.id, client.notifierUrl)
  return db.transaction((tx) => noteCheck(tx, client.id, client.notifierUrl ?? '', fault, now()))
}

/** Checks again in the background what could not be proven. */
export function proveHandler(context: ProofContext): Handler {
  const { now } = context
  return {
    slots: 8,
    laneSlots: 1,
    deadlineMs: DEADLINE_MS,
    async start(tx, job) {
      if (context.proofRule === 'off') return undefined
      const client = await clientInside(tx, job.ref)
      const url = client?.notifierUrl
      if (!client || !url || (await proofInside(tx, client.id, url))?.state === 'proven') return undefined
      return async () => {
        const fault = await call(context, client.id, url)
        return async (tx, isLate): Promise<Outcome> => {
          if (isLate) return { done: true }
          const proof = await noteCheck(tx, client.id, url, fault, now())
          const again = WAITS[Math.min(proof.tries, WAITS.length) - 1]
          return again && proof.tries < MOST_CHECKS ? { repeatAt: now() + again } : { done: true }
        }
      }
    },
  }
}

/** An endpoint said that it is gone for good (410): nothing more is sent there until it is proven anew. */
export async function noteGone(tx: Transaction, clientId: string, url: string, now: number): Promise<void> {
  const note =
    'The Notifier Webhook Endpoint answered 410: it is gone. Check it, then let it be proven again.'
  await putProof(tx, { clientId, url, state: 'gone', note, tries: 0, checkedAt: now })
  await recordEvent(tx, { kind: 'notifier_gone', actor: 'system', clientId, at: now })
}

/** Notes what a check brought; an endpoint that is proven gets at once what waited for it. */
async function noteCheck(
  tx: Transaction,
  clientId: string,
  url: string,
  fault: string | undefined,
  now: number,
) {
  const before = await proofInside(tx, clientId, url)
  const proof: NotifierProof = {
    clientId,
    url,
    state: fault ? 'unproven' : 'proven',
    note: fault ?? null,
    tries: fault ? (before?.tries ?? 0) + 1 : 0,
    checkedAt: now,
  }
  await putProof(tx, proof)
  if (before?.state !== proof.state) {
    await recordEvent(tx, { kind: `notifier_${proof.state}`, actor: 'system', clientId, at: now })
  }
  if (fault) await enqueueCheck(tx, clientId, now, WAITS[0])
  else for (const { id } of await waitingDeliveries(tx, clientId, 0)) await hurry(tx, 'deliver', id, now)
  return proof
}

const enqueueCheck = (tx: Transaction, clientId: string, now: number, waitMs = 0) =>
  enqueue(tx, { kind: 'prove', ref: clientId, lane: clientId, dueAt: now + waitMs, plannedAt: now })

/** @returns what was wrong, in a sentence; undefined when the endpoint is proven */
async function call(context: ProofContext, clientId: string, url: string): Promise<string | undefined> {
  const challenge = randomBytes(24).toString('base64url')
  const body = Buffer.from(JSON.stringify({ client_id: clientId, message_type: 'check', challenge }))
  const message = { clientId, url, contentType: 'application/json', body }
  try {
    const answer = await sendMessage(context, message, DEADLINE_MS)
    return faultOf(answer, context.proofRule === 'challenge' ? challenge : undefined)
  } catch (fault) {
    if (fault instanceof CallFailed)
      return `The Notifier Webhook Endpoint could not be checked. ${fault.message}`
    if (fault instanceof Refusal) return fault.message
    throw fault
  }
}

function faultOf({ status, body }: Answer, challenge: string | undefined): string | undefined {
  if (status < 200 || status >= 300) {
    return `The Notifier Webhook Endpoint answered our check with ${status}; it must answer 2xx.`
  }
  if (challenge === undefined || echoes(body, challenge)) return undefined
  return 'The Notifier Webhook Endpoint did not send back the challenge of our check.'
}

/** The challenge as plain text, or as JSON with the field `challenge`. */
function echoes(body: string, challenge: string): boolean {
  if (body.trim() === challenge) return true
  try {
    const answer: unknown = JSON.parse(body)
    return answer === challenge || (answer as { challenge?: unknown } | null)?.challenge === challenge
  } catch {
    return false
  }
}
