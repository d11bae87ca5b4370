import { Refusal } from '#base/errors.ts'
import type { Granted } from './grant.ts'
import { requestOfHandle } from './handle.ts'
import { type Poll, type RedeemContext, redeemRequest } from './redeem.ts'
import { stateAt } from './state.ts'
import { requestById, type TokenRequest } from './store.ts'

export interface CollectContext extends RedeemContext {
  /** Tells of each event of a user's requests, on whichever node it happens. @returns how to stop listening */
  listen: (userId: string, listener: (event: { requestId: string | null }) => void) => () => void
  /** Fires when this server is being stopped: nobody is kept waiting then. */
  stopping: AbortSignal
}

/** Events make it early; this look is what it rests on. */
const LOOK_MS = 1_000
/** Calls of this process that may be held at a time; one more is answered at once. */
const MOST_HELD = 5_000
let held = 0

/**
 * Gives out the result of a request. While the user decides the call is held: it is answered the moment they have, or
 * after a while that it is still pending (CIBA Core 1.0 §10.1, long polling).
 *
 * @param holdMs how long it may be held
 * @param whenGone makes a signal that fires when the caller has hung up
 * @throws Refusal as `redeemRequest`
 */
export async function collectResult(
  context: CollectContext,
  poll: Poll,
  { holdMs, whenGone }: { holdMs: number; whenGone: () => AbortSignal },
): Promise<Granted> {
  try {
    return await redeemRequest(context, poll)
  } catch (fault) {
    const isPending = fault instanceof Refusal && fault.code === 'request_pending'
    if (!isPending || holdMs <= 0 || held >= MOST_HELD) throw fault
    const gone = whenGone()
    const request = await requestById(context.db, requestOfHandle(context.vault, poll.handle) ?? '')
    if (request) await decisionOn(context, request, { holdMs, gone })
    // Who has hung up would never hear of it, and there is no second time.
    if (gone.aborted) throw fault
    return redeemRequest(context, { ...poll, isSecondLook: true })
  }
}

/** What it takes to hold a call. */
export type HoldContext = Pick<CollectContext, 'db' | 'now' | 'listen' | 'stopping'>

/** Waits until a request is settled, for so long and no longer; where too many are held already it does not wait. */
export async function decisionOn(
  context: HoldContext,
  request: Pick<TokenRequest, 'id' | 'userId'>,
  { holdMs, gone }: { holdMs: number; gone: AbortSignal },
): Promise<void> {
  if (holdMs <= 0 || held >= MOST_HELD) return
  const until = AbortSignal.any([AbortSignal.timeout(holdMs), gone, context.stopping])
  held += 1
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = async () => {
    const found = await requestById(context.db, request.id)
    if (!found || stateAt(found, context.now()) !== 'pending') resolve()
  }
  // A look that fails is made up for by the next one.
  const lookQuietly = () => void look().catch(() => {})
  const forget = context.listen(request.userId, (event) => {
    if (event.requestId === request.id) lookQuietly()
  })
  const timer = setInterval(lookQuietly, LOOK_MS)
  const end = () => resolve()
  until.addEventListener('abort', end, { once: true })
  try {
    if (until.aborted) return
    lookQuietly()
    await promise
  } finally {
    held -= 1
    clearInterval(timer)
    forget()
    until.removeEventListener('abort', end)
  }
}
