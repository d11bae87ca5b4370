import { SECOND } from '#base/clock.ts'
import { ACR, signIdToken } from '#tokens/id-token.ts'
import { type Issuer, type NewToken, signToken, testClaims } from '#tokens/issue.ts'
import type { TokenRequest } from './store.ts'
import { termsOf } from './terms.ts'

/** What an approval by an initiator's wish brings. */
export interface Granted {
  token: NewToken
  idToken: string
  scopes: string[]
}

interface GrantTimes {
  /** When the user signed, in epoch milliseconds. */
  authTime: number
  issuedAt: number
  /** The approval was simulated. */
  isTest?: boolean
}

/**
 * Signs the tokens of an approved request: the access token is good from when it is made, and never past what the
 * user was shown.
 *
 * @param claimsOf further claims of the ID Token, from the text of the access token
 */
export function grantTokens(
  issuer: Issuer,
  request: TokenRequest,
  { authTime, issuedAt, isTest = false }: GrantTimes,
  claimsOf?: (accessToken: string) => Record<string, string>,
): Granted {
  const { id: requestId, clientId, userId } = request
  const { scopes } = termsOf(request)
  // What the user was shown is the end of a token that is fetched at the last moment.
  const lifeMs = request.tokenExpiresAt - request.expiresAt
  const expiresAt = Math.min(issuedAt + lifeMs, request.tokenExpiresAt)
  const token = signToken(issuer, {
    requestId,
    clientId,
    userId,
    issuedAt,
    expiresAt,
    claims: {
      ...(isTest ? testClaims(issuer) : {}),
      scope: scopes.join(' '),
      auth_time: Math.floor(authTime / SECOND),
      acr: ACR,
    },
  })
  const idToken = signIdToken(
    issuer,
    { userId, clientId, authTime, issuedAt, expiresAt },
    claimsOf?.(token.text),
  )
  return { token, idToken, scopes }
}
