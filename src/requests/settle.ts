import type { Transaction } from '#store/database.ts'
import type { Settled } from './state.ts'
import { settleRequest, type TokenRequest } from './store.ts'

/** Settles a pending request, and says so. False if somebody was faster, or its time is over. */
export async function settle(tx: Transaction, id: string, to: Exclude<Settled, 'expired'>, now: number) {
  const request = await settleRequest(tx, id, to, now)
  if (request) saySettled(tx, request, to, now)
  return request !== undefined
}

type Ended = Pick<TokenRequest, 'id' | 'clientId' | 'userId' | 'protocol' | 'delivery' | 'requestedAt'>

/** Says how a request ended, to whoever counts or writes it down. */
export const saySettled = (tx: Transaction, request: Ended, state: Settled, at: number) =>
  tx.happened({
    what: 'request_settled',
    requestId: request.id,
    clientId: request.clientId,
    userId: request.userId,
    protocol: request.protocol,
    handover: request.delivery,
    state,
    ms: Math.max(0, at - request.requestedAt),
  })
