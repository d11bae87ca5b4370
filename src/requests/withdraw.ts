import { type NewEvent, recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import type { Transaction } from '#store/database.ts'
import { tidy } from './approve.ts'
import type { RequestContext } from './context.ts'
import { requirePending } from './review.ts'
import { settle } from './settle.ts'
import { requestInside, type TokenRequest } from './store.ts'

/**
 * Takes back a request on the asker's own wish.
 *
 * @throws Refusal `request_not_found` (also for another client's), `request_settled`
 */
export async function withdrawRequest(
  { db, now }: Pick<RequestContext, 'db' | 'now'>,
  clientId: string,
  id: string,
) {
  return db.transaction(async (tx) => {
    const at = now()
    const request = await requestInside(tx, id)
    if (request?.clientId !== clientId) throw new Refusal('request_not_found')
    requirePending(request, at)
    if (!(await withdrawInside(tx, request, at))) throw new Refusal('request_settled')
  })
}

/** Whose wish it is, if not the asker's. */
export type WithdrawnBy = Pick<NewEvent, 'actor' | 'actorId' | 'detail'>

/** The same, as part of a larger transaction. False if somebody was faster. */
export async function withdrawInside(
  tx: Transaction,
  { id, userId, clientId }: Pick<TokenRequest, 'id' | 'userId' | 'clientId'>,
  at: number,
  who: WithdrawnBy = { actor: 'client' },
): Promise<boolean> {
  if (!(await settle(tx, id, 'withdrawn', at))) return false
  await recordEvent(tx, { ...who, kind: 'withdrawn', requestId: id, userId, clientId, at })
  await tidy(tx, id, 'withdrawn', at)
  return true
}
