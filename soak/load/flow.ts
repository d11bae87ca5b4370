import { setTimeout as pause } from 'node:timers/promises'
import type { Account } from '../../test/support/crowd.ts'
import { basic } from '../../test/support/server.ts'
import type { Answer, Calls } from './calls.ts'
import type { Latencies, Promised } from './orders.ts'

/** Somebody who is asked by an app of their own, and by an agent that they have linked. */
export interface Asked extends Account {
  handle: string
  agent: { client_id: string; client_secret: string }
  /** Whose app's last word was a no: after two of them, with no approval between, it would be made to wait. */
  rejected: Set<Promised['protocol']>
}

interface FlowContext {
  calls: Calls
  random: () => number
  /** Whether people take a moment to decide. */
  isHurried: boolean
  promised: Promised[]
  note: (what: keyof Latencies, ms: number) => void
  /** An ask that was shed, or that nobody answered. */
  refused: (answer: Answer | undefined) => void
  /** An ask that went well. */
  welcomed: (ms: number) => void
  surprise: (what: string) => void
}

const ASK_PATIENCE_MS = 15_000
const PATIENCE_MS = 30_000
const CIBA_SHARE = 0.2
/** Of requests by CIBA; the life of those by Upstox is a day. */
const EXPIRING_SHARE = 0.1
const SHORT_LIFE_SECONDS = 10
const [REJECT_SHARE, WITHDRAW_SHARE] = [0.06, 0.04]
/** By CIBA, between two polls. */
const INTERVAL_MS = 1_100
const GRANT = 'urn:openid:params:grant-type:ciba'

/**
 * One ask and all that comes of it.
 *
 * @param intendedAt when it was to begin, by `performance.now()`: a driver that is late, or a server that is away, is part
 *   of what the caller waits
 */
export async function flow(context: FlowContext, asked: Asked, intendedAt: number): Promise<boolean> {
  const isCiba = context.random() < CIBA_SHARE
  const isExpiring = isCiba && !context.isHurried && context.random() < EXPIRING_SHARE
  const answer = await ask(context, asked, isCiba, isExpiring)
  if (answer?.status !== 200) {
    context.refused(answer)
    return false
  }
  const ms = performance.now() - intendedAt
  context.note('ask', ms)
  context.welcomed(ms)
  const request: Promised = {
    id: String(answer.header('location')).replace('/v1/requests/', ''),
    protocol: isCiba ? 'ciba' : 'upstox',
    fate: 'pending',
  }
  context.promised.push(request)
  const handle = String(answer.body.auth_req_id)
  if (isExpiring) {
    await pause((SHORT_LIFE_SECONDS + 1) * 1_000)
    await expectExpired(context, asked, request, handle)
    return true
  }
  const decideAt = performance.now() + (context.isHurried ? 0 : 50 + context.random() * 400)
  await pause(decideAt - performance.now())
  await decide(context, asked, request, decideAt)
  if (isCiba && request.fate === 'approved') await fetchResult(context, asked, request, handle)
  return true
}

/** Asks until somebody answers. A repeat is the same ask: by Upstox by its nature, by CIBA by its key. */
async function ask({ calls, random }: FlowContext, asked: Asked, isCiba: boolean, isExpiring: boolean) {
  const { app, agent, handle } = asked
  const form = new URLSearchParams({ scope: 'openid', login_hint: handle })
  if (isExpiring) form.set('requested_expiry', String(SHORT_LIFE_SECONDS))
  const call = isCiba
    ? {
        method: 'POST' as const,
        path: '/bc-authorize',
        headers: { ...FORM, ...basic(agent), 'idempotency-key': `${random()}` },
        body: form.toString(),
      }
    : {
        method: 'POST' as const,
        path: `/v3/login/auth/token/request/${app.client_id}`,
        headers: JSON_BODY,
        body: JSON.stringify({ client_secret: app.client_secret }),
      }
  const { answer } = await calls.persist(call, ASK_PATIENCE_MS, () => true)
  return answer
}

/** Approves, rejects or withdraws; what was decided holds, also where the answer was lost. */
async function decide(context: FlowContext, asked: Asked, request: Promised, decideAt: number) {
  const { calls, random, note, surprise } = context
  const { app, agent, person } = asked
  const chance = random()
  const page = {
    ...JSON_BODY,
    origin: calls.origin,
    cookie: person.cookie(),
  }
  const post = (what: string, body: object) =>
    calls.persist(
      {
        method: 'POST',
        path: `/v1/me/requests/${request.id}/${what}`,
        headers: page,
        body: JSON.stringify(body),
      },
      PATIENCE_MS,
    )
  const settle = (
    fate: Promised['fate'],
    { answer, broke }: Awaited<ReturnType<typeof post>>,
    good = 200,
  ) => {
    if (answer?.status === good) {
      request.fate = fate
      note('decide', performance.now() - decideAt)
    } else {
      request.fate = 'unknown'
      // It was done by a server that was killed before it could say so.
      const isExplained = !answer || (broke > 0 && answer.status === 409)
      if (!isExplained) surprise(`${fate}: ${answer?.status} ${answer?.body.code ?? answer?.body.error}`)
    }
  }

  if (chance < REJECT_SHARE && !asked.rejected.has(request.protocol)) {
    asked.rejected.add(request.protocol)
    return settle('rejected', await post('reject', {}))
  }
  if (chance > 1 - WITHDRAW_SHARE) {
    const headers = basic(request.protocol === 'ciba' ? agent : app)
    const path = `/v1/requests/${request.id}`
    return settle('withdrawn', await calls.persist({ method: 'DELETE', path, headers }, PATIENCE_MS), 204)
  }
  const review = await post('review', {})
  if (review.answer?.status !== 200) return settle('approved', review)
  const credential = person.passkey.assert(review.answer.body.options as Record<string, unknown>)
  settle('approved', await post('approve', { credential }))
  if (request.fate === 'approved') asked.rejected.delete(request.protocol)
}

async function fetchResult(context: FlowContext, asked: Asked, request: Promised, handle: string) {
  const from = performance.now()
  const { answer, broke } = await poll(context, asked, handle)
  if (answer?.status === 200 && typeof answer.body.access_token === 'string') {
    request.result = 'fetched'
    context.note('result', performance.now() - from)
  } else if (broke > 0) request.result = 'cut_off'
  else context.surprise(`result: ${answer?.status} ${answer?.body.error}`)
}

async function expectExpired(context: FlowContext, asked: Asked, request: Promised, handle: string) {
  const { answer } = await poll(context, asked, handle)
  if (answer?.body.error === 'expired_token') request.fate = 'expired'
  else if (answer) context.surprise(`expired: ${answer?.status} ${answer?.body.error}`)
}

async function poll({ calls }: FlowContext, { agent }: Asked, handle: string) {
  const call = {
    method: 'POST' as const,
    path: '/token',
    headers: { ...FORM, ...basic(agent) },
    body: new URLSearchParams({ grant_type: GRANT, auth_req_id: handle }).toString(),
  }
  const found = await calls.persist(call, PATIENCE_MS)
  if (found.answer?.body.error !== 'slow_down') return found
  await pause(INTERVAL_MS * 6)
  const again = await calls.persist(call, PATIENCE_MS)
  return { ...again, broke: again.broke + found.broke }
}

const JSON_BODY = { 'content-type': 'application/json' }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
