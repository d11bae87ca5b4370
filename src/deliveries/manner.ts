import type { DeliveryKind } from './store.ts'

/** How a kind of delivery is handed over, beyond what is the same for all. */
interface Manner {
  /** Whether the endpoint must have shown that it is there. One of CIBA knows us by a token of its own instead. */
  needsProof: boolean
  /** Whether a 4xx ends it: the endpoint does not want this call, and the client finds out by polling. */
  endsOnRefusal: boolean
  /** Begins the events of it: `…_delivered`, `…_undeliverable`. */
  event: 'token' | 'push_error' | 'ping'
}

export const MANNERS: Record<DeliveryKind, Manner> = {
  token: { needsProof: true, endsOnRefusal: false, event: 'token' },
  push: { needsProof: false, endsOnRefusal: false, event: 'token' },
  push_error: { needsProof: false, endsOnRefusal: false, event: 'push_error' },
  ping: { needsProof: false, endsOnRefusal: true, event: 'ping' },
}

/** Statuses of 4xx that ask for another try (RFC 9110 §15.5.9, RFC 6585 §4). */
const TRY_AGAIN = [408, 429]

/** Whether this answer says that no other try is wanted. */
export const isFinalRefusal = ({ endsOnRefusal }: Manner, status: number): boolean =>
  endsOnRefusal && status >= 400 && status < 500 && !TRY_AGAIN.includes(status)
