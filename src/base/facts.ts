/**
 * What happened, said by the room in which it did, in the transaction that made it so. Whoever counts it, or writes it
 * down, hears of it once that transaction is on disk, and then once: no room knows who that is. Never a secret, never a
 * token, no address.
 */
export type Fact = RequestOpened | RequestSettled | NoticeFact | DeliveryAttempted | DeliverySettled

interface OfRequest {
  requestId: string
  clientId: string
  userId: string
}

export interface RequestOpened extends OfRequest {
  what: 'request_opened'
  protocol: string
  /** How its result goes back. */
  handover: string
  /** Whether its user will be told. */
  told: string
}

export interface RequestSettled extends OfRequest {
  what: 'request_settled'
  protocol: string
  handover: string
  state: 'approved' | 'rejected' | 'expired' | 'withdrawn'
  /** Since it was opened. */
  ms: number
}

export interface NoticeFact {
  what: 'notice'
  noticeId: string
  /** Undefined for news of an account. */
  requestId?: string
  userId: string
  channel: string
  status: 'sent' | 'delivered' | 'shown' | 'failed'
  /** A short stable word, of a failure. */
  failure: string | null
}

interface OfDelivery extends OfRequest {
  deliveryId: string
  kind: 'token' | 'push' | 'push_error' | 'ping'
}

export interface DeliveryAttempted extends OfDelivery {
  what: 'delivery_attempt'
  /** From 1. */
  number: number
  state: 'succeeded' | 'failed' | 'unknown'
  class: AttemptClass
  /** Of the answer. */
  status: number | null
  failure: string | null
  /** From opening the payload to the end of the answer; null where the server was stopped meanwhile. */
  ms: number | null
}

/** How an attempt ended, in a handful of words: the answer's status, or where the call broke. */
export const ATTEMPT_CLASSES = [
  '2xx',
  '3xx',
  '4xx',
  '5xx',
  'dns',
  'connect',
  'tls',
  'timeout',
  'broken',
  'proxy',
  'forbidden',
  'stopped',
  'other',
] as const
export type AttemptClass = (typeof ATTEMPT_CLASSES)[number]

export interface DeliverySettled extends OfDelivery {
  what: 'delivery_settled'
  /** `recalled`: taken back, because its token was revoked. */
  state: 'delivered' | 'undeliverable' | 'recalled'
  /** Since it was owed: for a token, since the approval. */
  ms: number
}
