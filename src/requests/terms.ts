import type { TokenRequest } from './store.ts'

/** What a client asks for, where it does not ask for everything. Kept as JSON with the request, and never changed. */
export interface Terms {
  scopes: string[]
  /** Shown by the client too, so that a person can see that both mean the same (CIBA Core 1.0 §7.1). */
  bindingMessage: string | null
  /** Where the tokens are pushed to; null where the client comes for them. */
  pushUrl: string | null
}

const EVERYTHING: Terms = { scopes: [], bindingMessage: null, pushUrl: null }

export const termsOf = ({ terms }: Pick<TokenRequest, 'terms'>): Terms =>
  terms === null ? EVERYTHING : { ...EVERYTHING, ...(JSON.parse(terms) as Partial<Terms>) }
