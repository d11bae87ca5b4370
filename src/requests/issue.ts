import { recordEvent } from '#audit/events.ts'
import { MINUTE, SECOND } from '#base/clock.ts'
import { clientInside } from '#clients/store.ts'
import { tellUndelivered } from '#notices/tell.ts'
import type { Handler, Outcome } from '#outbox/worker.ts'
import type { Transaction } from '#store/database.ts'
import { SourceFailed } from '#tokens/source.ts'
import { announce } from './announce.ts'
import { handOver, prepareNow } from './approve.ts'
import type { RequestContext } from './context.ts'
import { isStillWanted } from './still-wanted.ts'
import { requestInside, type TokenRequest, withheldOf } from './store.ts'

/** From one try to the next it takes twice as long, up to so long. */
const FIRST_PAUSE_MS = 2 * SECOND
const LONGEST_PAUSE_MS = MINUTE
const MOST_TRIES = 8

/**
 * Has the operator's own issuer make the tokens that are to be sent, after their approval is on disk: whatever becomes
 * of the issuer, the decision stands. When it has failed for good, asker and user are told.
 */
export const issueHandler = (context: RequestContext): Handler => ({
  slots: 50,
  laneSlots: 50,
  deadlineMs: MINUTE,
  async start(tx, job) {
    const request = await requestInside(tx, job.ref)
    if (request?.state !== 'approved') return undefined
    const withheld = JSON.parse(await withheldOf(tx, request.id)) as number[]
    return async () => {
      const made = await prepareNow(context, request, withheld).catch((fault) => {
        if (fault instanceof SourceFailed) return fault
        throw fault
      })
      return async (tx, isLate): Promise<Outcome> => {
        const now = context.now()
        if (isLate) return { done: true }
        if (made instanceof SourceFailed) {
          const again = now + Math.min(FIRST_PAUSE_MS * 2 ** (job.attempt - 1), LONGEST_PAUSE_MS)
          const isOver = made.isFinal || job.attempt >= MOST_TRIES || again >= request.tokenExpiresAt
          return isOver ? giveUp(tx, context, request, now) : { repeatAt: again }
        }
        const client = await clientInside(tx, request.clientId)
        if (!client || !(await isStillWanted(tx, request))) return { done: true }
        // Encrypted to a key that was taken away meanwhile: once more, to the one that is there now.
        if (made.encryptionKey !== client.encryptionKey) return { repeatAt: now }
        await handOver(tx, context, { request, client, prepared: made }, now)
        return { done: true }
      }
    }
  },
})

async function giveUp(tx: Transaction, context: RequestContext, request: TokenRequest, now: number) {
  const { id: requestId, clientId, userId, delivery } = request
  await noteSourceFailed(tx, request, now)
  if (delivery === 'push') await announce(tx, context, request, now, 'failed')
  await tellUndelivered(tx, { requestId, clientId, userId }, now)
  return { done: true } as const
}

export const noteSourceFailed = (tx: Transaction, request: TokenRequest, at: number) =>
  recordEvent(tx, {
    kind: 'token_source_failed',
    actor: 'system',
    requestId: request.id,
    userId: request.userId,
    clientId: request.clientId,
    at,
  })
