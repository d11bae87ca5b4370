import { recordEvent } from '#audit/events.ts'
import { SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { type Client, clientInside, type Outcome } from '#clients/store.ts'
import { letDeliveryFail } from '#deliveries/store.ts'
import type { Handler } from '#outbox/worker.ts'
import type { Transaction } from '#store/database.ts'
import { promiseAnnouncement } from './announce.ts'
import { handOver, type Prepared, prepare, tidy } from './approve.ts'
import type { RequestContext } from './context.ts'
import { simulatedEvidence } from './evidence.ts'
import { expireInside } from './expire.ts'
import { requestOfHandle } from './handle.ts'
import { redirectWith } from './redirect.ts'
import { requirePending } from './review.ts'
import { settle } from './settle.ts'
import { blockInTest } from './standing.ts'
import { type RequestState, stateAt } from './state.ts'
import { endRequestNow, insertDecision, requestById, requestInside, type TokenRequest } from './store.ts'
import { approvalText } from './summary.ts'

export interface Simulated {
  status: RequestState
  /** Where the user's browser would go now, for a request that began with a redirect. */
  redirectTo: string | null
}

/**
 * Plays the person, for an app in test mode: the one thing that is not real. What comes of it (token, delivery, retries,
 * signatures, expiry) is done by the same code as ever, and marked as a test. Ignoring changes nothing: the request runs
 * to its own end.
 *
 * @throws Refusal `client_not_test`, `request_not_found` (also for another client's), `request_settled`
 */
export async function simulateOutcome(
  context: RequestContext,
  client: Pick<Client, 'id' | 'mode'>,
  id: string,
  outcome: Outcome,
): Promise<Simulated> {
  if (client.mode !== 'test') throw new Refusal('client_not_test')
  return playOutcome(context, client.id, id, outcome)
}

/**
 * Plays the person by the `auth_req_id` alone, for apps of any mode. Only a server in development may let that happen.
 *
 * @throws Refusal `handle_unknown`, `request_settled`
 */
export async function playByHandle(
  context: RequestContext,
  handle: string,
  outcome: 'approve' | 'reject',
): Promise<Simulated> {
  const asked = await requestById(context.db, requestOfHandle(context.vault, handle) ?? '')
  if (!asked) throw new Refusal('handle_unknown')
  return playOutcome(context, asked.clientId, asked.id, outcome)
}

async function playOutcome(
  context: RequestContext,
  clientId: string,
  id: string,
  outcome: Outcome,
): Promise<Simulated> {
  const asked = await requestById(context.db, id)
  if (asked?.clientId !== clientId) throw new Refusal('request_not_found')
  requirePending(asked, context.now())
  const isApproval = outcome === 'approve' || outcome === 'notifier_fails'
  const prepared = isApproval ? await prepare(context, asked) : undefined

  return context.db.transaction(async (tx) => {
    const at = context.now()
    const found = await requestInside(tx, id)
    const asker = await clientInside(tx, clientId)
    if (!found || !asker) throw new Refusal('request_not_found')
    requirePending(found, at)
    const play = { tx, context, request: found, client: asker, at }
    if (isApproval) return approve(play, prepared, outcome)
    if (outcome === 'expire') return expire(play)
    if (outcome === 'ignore') {
      await note(play, 'simulated_ignored')
      return { status: 'pending', redirectTo: null }
    }
    return reject(play, outcome)
  })
}

/** Answers requests of apps whose owner has said how. */
export function simulateHandler(context: RequestContext): Handler {
  return {
    slots: 16,
    laneSlots: 4,
    deadlineMs: 5 * SECOND,
    async start(tx, job) {
      const request = await requestInside(tx, job.ref)
      const client = request && (await clientInside(tx, request.clientId))
      if (!request || !client?.simulate || stateAt(request, context.now()) !== 'pending') return undefined
      const { simulate } = client
      return async () => {
        await simulateOutcome(context, client, job.ref, simulate).catch((fault) => {
          // Somebody was faster.
          if (!(fault instanceof Refusal)) throw fault
        })
        return async () => ({ done: true })
      }
    },
  }
}

interface Play {
  tx: Transaction
  context: RequestContext
  request: TokenRequest
  client: Client
  at: number
}

async function approve(play: Play, prepared: Prepared | undefined, outcome: Outcome): Promise<Simulated> {
  const { tx, context, request, client, at } = play
  if (prepared && prepared.encryptionKey !== client.encryptionKey) throw new Refusal('approval_changed')
  if (!(await settle(tx, request.id, 'approved', at))) throw new Refusal('request_settled')
  await decide(play, 'approved', simulatedEvidence(await approvalText(tx, context, play), at))
  const fails = outcome === 'notifier_fails'
  // An attempt that begins with the commit is begun before its delivery is marked: this one waits for its worker.
  const way = fails ? { ...context, takeDelivery: undefined } : context
  const redirectTo = await handOver(tx, way, { request, client, prepared }, at)
  if (fails) await letDeliveryFail(tx, request.id)
  return { status: 'approved', redirectTo }
}

async function reject(play: Play, outcome: Outcome): Promise<Simulated> {
  const { tx, request, at } = play
  if (!(await settle(tx, request.id, 'rejected', at))) throw new Refusal('request_settled')
  await decide(play, 'rejected', null, outcome === 'block' ? 'blocked' : undefined)
  await promiseAnnouncement(tx, request, at)
  // An app is not told that it was blocked: it sees a rejection like any other, and that it may not ask for a while.
  if (outcome === 'block') await blockInTest(tx, request, at)
  return { status: 'rejected', redirectTo: redirectWith(request, { error: 'access_denied' }) }
}

async function expire({ tx, request, at }: Play): Promise<Simulated> {
  const end = Math.max(at, request.requestedAt + 1)
  await endRequestNow(tx, request.id, end)
  await tidy(tx, request.id, 'expired', at)
  await expireInside(tx, request.id, end)
  return { status: 'expired', redirectTo: null }
}

async function decide(
  play: Play,
  decision: 'approved' | 'rejected',
  evidence: string | null,
  detail?: string,
) {
  const { tx, request, at } = play
  const { id: requestId, userId } = request
  await insertDecision(tx, { requestId, userId, decision, channel: 'simulated', evidence, decidedAt: at })
  await note(play, decision, detail)
  await tidy(tx, requestId, decision, at)
}

const note = ({ tx, request, at }: Play, kind: string, detail?: string) =>
  recordEvent(tx, {
    kind,
    actor: 'simulated',
    requestId: request.id,
    userId: request.userId,
    clientId: request.clientId,
    ...(detail ? { detail } : {}),
    at,
  })
