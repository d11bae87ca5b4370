import type { Detail } from './details.ts'
import type { AskedIn } from './request-context.ts'
import type { TokenRequest } from './store.ts'

/** What a client asks for, where it does not ask for everything. Kept as JSON with the request, and never changed. */
export interface Terms {
  scopes: string[]
  /** What the token is for; none, for what all tokens are for (RFC 8707). */
  resources: string[]
  /** What is asked for beyond them, each in words of its own (RFC 9396). */
  details: Detail[]
  /** Shown by the client too, so that a person can see that both mean the same (CIBA Core 1.0 §7.1). */
  bindingMessage: string | null
  /** Whether the user types a code that the client shows. */
  isMatched: boolean
  /** What the client says of how it came about. */
  requestContext: AskedIn | null
  /** Where the tokens are pushed to; null where the client comes for them. */
  pushUrl: string | null
  /** How long access can be renewed without asking again, in milliseconds; null where it cannot. */
  renewableMs: number | null
  /** Thumbprint of the key that the tokens are for; null where whoever fetches them may say (RFC 9449 §10). */
  dpopJkt: string | null
}

const EVERYTHING: Terms = {
  scopes: [],
  resources: [],
  details: [],
  isMatched: false,
  bindingMessage: null,
  requestContext: null,
  pushUrl: null,
  renewableMs: null,
  dpopJkt: null,
}

export const termsOf = ({ terms }: Pick<TokenRequest, 'terms'>): Terms =>
  terms === null ? EVERYTHING : { ...EVERYTHING, ...(JSON.parse(terms) as Partial<Terms>) }

/** The latest that access can be renewed, in epoch milliseconds; null where it cannot. */
export function renewableUntil(request: Pick<TokenRequest, 'terms' | 'expiresAt'>): number | null {
  const { renewableMs } = termsOf(request)
  return renewableMs === null ? null : request.expiresAt + renewableMs
}
export const hasDetails = (request: Pick<TokenRequest, 'terms'>): boolean =>
  termsOf(request).details.length > 0
