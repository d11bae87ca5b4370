import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import { noTracer } from '#base/trace.ts'
import type { Client } from '#clients/store.ts'
import { type Told, tellUser } from '#notices/tell.ts'
import { enqueue } from '#outbox/store.ts'
import type { Transaction } from '#store/database.ts'
import type { RequestContext } from './context.ts'
import { expireInside } from './expire.ts'
import { requireWelcome } from './standing.ts'
import { type Handover, insertRequest, openRequestOf, type TokenRequest } from './store.ts'
import type { Terms } from './terms.ts'

export interface Ask {
  client: Client
  userId: string
  protocol: string
  delivery: Handover
  /** What makes two asks of a client the same one; null if each stands alone. */
  fold: string | null
  /** The client's own words, already cleaned; shown as a quotation. */
  reason: string | null
  /** Network address of whoever asks. */
  address: string | null
  /** `traceparent` that came with it. */
  trace?: string | undefined
  redirect?: { url: string; state: string | null }
  /** What is asked for; everything, if not said. */
  terms?: Terms
  expiresAt: number
  tokenExpiresAt: number
}

export interface Opened {
  request: TokenRequest
  isNew: boolean
  told: Told
}

/**
 * Opens a request and promises to tell the user, in one transaction. A repeat of an open one returns that one, and
 * nobody is told again.
 *
 * @param also what else must hold of it or be noted of it, or there is no request
 * @throws Refusal `asks_paused` when the user has had enough of this client
 */
export async function openRequest(
  context: OpenContext,
  ask: Ask,
  also?: (tx: Transaction, requestId: string) => Promise<void>,
): Promise<Opened> {
  const fields = { 'countersign.protocol': ask.protocol, 'countersign.client': ask.client.id }
  const span = (context.tracer ?? noTracer).begin('open request', ask.trace, 'server', fields)
  try {
    const opened = await open(context, ask, span.traceparent, also)
    span.end({ 'countersign.request': opened.request.id, 'countersign.is_new': opened.isNew })
    return opened
  } catch (fault) {
    span.end({}, fault instanceof Refusal ? fault.code : 'fault')
    throw fault
  }
}

type OpenContext = Pick<RequestContext, 'db' | 'now' | 'tracer'>

async function open(
  { db, now }: OpenContext,
  ask: Ask,
  trace: string | null,
  also?: (tx: Transaction, requestId: string) => Promise<void>,
): Promise<Opened> {
  const at = now()
  const isTest = ask.client.mode === 'test'
  const asked = {
    id: newId('req'),
    clientId: ask.client.id,
    userId: ask.userId,
    protocol: ask.protocol,
    delivery: ask.delivery,
    reason: ask.reason,
    address: ask.address,
    redirectUrl: ask.redirect?.url ?? null,
    redirectState: ask.redirect?.state ?? null,
    fold: ask.fold,
    terms: ask.terms ? JSON.stringify(ask.terms) : null,
    requestedAt: at,
    expiresAt: ask.expiresAt,
    tokenExpiresAt: ask.tokenExpiresAt,
  }
  return db.together(async (tx): Promise<Opened> => {
    while (!(await insertRequest(tx, { ...asked, trace }))) {
      const open =
        ask.fold === null ? undefined : await openRequestOf(tx, asked.clientId, asked.userId, ask.fold)
      if (open && open.expiresAt > at) return { request: open, isNew: false, told: 'queued' }
      // Its time is over, but nobody has cleared it away yet.
      if (open) await expireInside(tx, open.id, at)
    }
    const { id, clientId, userId, expiresAt } = asked
    if (!isBegunByUser(asked)) await requireWelcome(tx, asked, at)
    await also?.(tx, id)
    await recordEvent(tx, {
      kind: 'asked',
      actor: 'client',
      requestId: id,
      ...(isTest ? {} : { userId }),
      clientId,
      address: ask.address,
      at,
    })
    await enqueue(tx, { kind: 'expire', ref: id, lane: 'expire', dueAt: expiresAt })
    if (isTest) await answerByItself(tx, ask.client, id, at)
    // Whoever stands before the page already need not be told.
    const told =
      isTest || ask.delivery === 'code'
        ? ('queued' as const)
        : await tellUser(tx, { requestId: id, clientId, userId, expiresAt, trace }, at)
    tx.happened({
      what: 'request_opened',
      requestId: id,
      clientId,
      userId,
      protocol: ask.protocol,
      handover: ask.delivery,
      told,
    })
    return { request: { ...asked, state: 'pending', settledAt: null }, isNew: true, told }
  })
}

/** By a redirect of their own browser, or to see how a request looks: nobody pesters them then. */
export const isBegunByUser = ({ delivery }: Pick<TokenRequest, 'delivery'>): boolean =>
  delivery === 'code' || delivery === 'none'

/** In test mode nobody is told. If its owner has said how, the request is answered a moment later, as a person would. */
async function answerByItself(tx: Transaction, { simulate, id }: Client, requestId: string, now: number) {
  if (simulate)
    await enqueue(tx, {
      kind: 'simulate',
      ref: requestId,
      lane: id,
      dueAt: now + A_MOMENT_MS,
      plannedAt: now,
    })
}

const A_MOMENT_MS = 500
