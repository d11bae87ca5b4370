import type { DeliveryAttempted, DeliverySettled } from '#base/facts.ts'
import type { Span } from '#base/trace.ts'
import { classOf } from '#outbound/failures.ts'
import type { Transaction } from '#store/database.ts'
import type { Delivery } from './store.ts'

type Attempted = Pick<DeliveryAttempted, 'number' | 'state' | 'class' | 'status' | 'failure' | 'ms'>
type Told = Pick<Delivery, 'id' | 'requestId' | 'clientId' | 'userId' | 'kind' | 'createdAt'>

/** Says how an attempt ended, to whoever counts or writes it down. */
export const sayAttempt = (
  tx: Transaction,
  { id: deliveryId, requestId, clientId, userId, kind }: Told,
  { number, state, status, failure, ms }: Omit<Attempted, 'class'>,
) =>
  tx.happened({
    what: 'delivery_attempt',
    deliveryId,
    requestId,
    clientId,
    userId,
    kind,
    number,
    state,
    class: classOf(status, failure),
    status,
    failure,
    ms,
  })

/** Says how a delivery ended. */
export const saySettled = (
  tx: Transaction,
  { id: deliveryId, requestId, clientId, userId, kind, createdAt }: Told,
  state: DeliverySettled['state'],
  now: number,
) =>
  tx.happened({
    what: 'delivery_settled',
    deliveryId,
    requestId,
    clientId,
    userId,
    kind,
    state,
    ms: Math.max(0, now - createdAt),
  })

/** What a span of an attempt says. */
export const spanFields = ({ id, requestId, clientId, kind }: Told, number: number) => ({
  'http.request.method': 'POST',
  'countersign.delivery': id,
  'countersign.request': requestId,
  'countersign.client': clientId,
  'countersign.kind': kind,
  'countersign.attempt': number,
})

export function endSpan(
  span: Span,
  { state, status, failure }: Pick<Attempted, 'state' | 'status' | 'failure'>,
) {
  const isTaken = state === 'succeeded'
  span.end(
    status === null ? {} : { 'http.response.status_code': status },
    isTaken ? undefined : String(status ?? failure),
  )
}
