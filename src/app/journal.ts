import type { Fact } from '#base/facts.ts'
import type { Log } from '#base/log.ts'

/**
 * Writes a wide line for each request that is opened and that ends, each message that was sent or was not, each attempt
 * of a delivery and each delivery that ends. docs/monitoring.md names the fields.
 */
export const journal =
  ({ info }: Log) =>
  (fact: Fact) => {
    switch (fact.what) {
      case 'request_opened':
        return info('A request was opened.', {
          ...ofRequest(fact),
          protocol: fact.protocol,
          handover: fact.handover,
          told: fact.told,
        })
      case 'request_settled':
        return info('A request ended.', {
          ...ofRequest(fact),
          protocol: fact.protocol,
          handover: fact.handover,
          state: fact.state,
          ms: fact.ms,
        })
      case 'notice':
        return info('A message went its way.', {
          notice: fact.noticeId,
          request: fact.requestId,
          user: fact.userId,
          channel: fact.channel,
          state: fact.status,
          failure: fact.failure,
        })
      case 'delivery_attempt':
        return info('A delivery was attempted.', {
          ...ofDelivery(fact),
          attempt: fact.number,
          state: fact.state,
          class: fact.class,
          status: fact.status,
          failure: fact.failure,
          ms: fact.ms === null ? null : Math.round(fact.ms),
        })
      case 'delivery_settled':
        return info('A delivery ended.', { ...ofDelivery(fact), state: fact.state, ms: fact.ms })
    }
  }

type OfRequest = Pick<Fact & { clientId: string }, 'requestId' | 'clientId' | 'userId'>

const ofRequest = ({ requestId, clientId, userId }: OfRequest) => ({
  request: requestId,
  client: clientId,
  user: userId,
})

const ofDelivery = (fact: OfRequest & { deliveryId: string; kind: string }) => ({
  delivery: fact.deliveryId,
  ...ofRequest(fact),
  kind: fact.kind,
})
