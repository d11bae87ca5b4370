import type { TokenRequest } from './store.ts'

/** The client's redirect address with the answer of RFC 6749 §4.1.2 in its query; null if the request had none. */
export function redirectWith(
  { redirectUrl, redirectState }: Pick<TokenRequest, 'redirectUrl' | 'redirectState'>,
  answer: Record<string, string>,
): string | null {
  if (!redirectUrl) return null
  const url = new URL(redirectUrl)
  for (const [name, value] of Object.entries(answer)) url.searchParams.set(name, value)
  if (redirectState !== null) url.searchParams.set('state', redirectState)
  return url.href
}
