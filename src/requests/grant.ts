import { SECOND } from '#base/clock.ts'
import type { Transaction } from '#store/database.ts'
import { ACR, signIdToken } from '#tokens/id-token.ts'
import {
  type Grant,
  type Issuer,
  keepFamily,
  keepToken,
  makeToken,
  type NewFamily,
  type NewToken,
  newRefreshToken,
  type TokenForm,
  testClaims,
} from '#tokens/issue.ts'
import { grantedDetails } from './details.ts'
import type { TokenRequest } from './store.ts'
import { renewableUntil, termsOf } from './terms.ts'

/** What an approval by an initiator's wish brings. */
export interface Granted {
  token: NewToken
  idToken: string
  scopes: string[]
  /** Where offline access was approved. */
  family: NewFamily | undefined
}

export interface Approved {
  /** When the user signed, in epoch milliseconds. */
  authTime: number
  issuedAt: number
  /** The approval was simulated. */
  isTest?: boolean
  /** Numbers of the details that the user kept back. */
  withheld?: readonly number[]
  /** What it is fetched for; all that was asked for, if not said. */
  resources?: readonly string[]
}

/** What the access token of an approved request says: it is good from when it is made, never past what was shown. */
export function planGrant(
  issuer: Issuer,
  request: TokenRequest,
  { authTime, issuedAt, isTest = false, withheld = [], resources = [] }: Approved,
): Grant {
  const { id: requestId, clientId, userId } = request
  const { scopes, details, resources: asked } = termsOf(request)
  // What the user was shown is the end of a token that is fetched at the last moment.
  const expiresAt = Math.min(issuedAt + lifeOf(request), request.tokenExpiresAt)
  return {
    requestId,
    clientId,
    userId,
    issuedAt,
    expiresAt,
    claims: {
      ...audienceClaim(resources.length > 0 ? resources : asked),
      ...(isTest ? testClaims(issuer) : {}),
      scope: scopes.join(' '),
      ...(details.length > 0 ? { authorization_details: grantedDetails(details, withheld) } : {}),
      auth_time: Math.floor(authTime / SECOND),
      acr: ACR,
    },
  }
}

const lifeOf = ({ tokenExpiresAt, expiresAt }: TokenRequest): number => tokenExpiresAt - expiresAt

/**
 * Signs the tokens of an approved request: the access token is good from when it is made, and never past what the
 * user was shown.
 *
 * @param claimsOf further claims of the ID Token, from the texts of the access token and the refresh token
 */
export function grantTokens(
  issuer: Issuer,
  request: TokenRequest,
  approved: Approved,
  form: TokenForm,
  claimsOf?: (accessToken: string, refreshToken: string | undefined) => Record<string, string>,
): Granted {
  const { userId, clientId } = request
  const { authTime, issuedAt } = approved
  const { scopes, renewableMs } = termsOf(request)
  const token = makeToken(issuer, planGrant(issuer, request, approved), form)
  const family =
    renewableMs === null
      ? undefined
      : {
          refreshToken: newRefreshToken(),
          tokenLifeMs: lifeOf(request),
          expiresAt: Math.min(issuedAt + renewableMs, renewableUntil(request) ?? 0),
        }
  const idToken = signIdToken(
    issuer,
    { userId, clientId, authTime, issuedAt, expiresAt: token.grant.expiresAt },
    claimsOf?.(token.text, family?.refreshToken),
  )
  return { token, idToken, scopes, family }
}

/** A token that is for nothing in particular has the audience of all. */
const audienceClaim = ([first, ...more]: readonly string[]) =>
  first === undefined ? {} : { aud: more.length > 0 ? [first, ...more] : first }

/** Issues the tokens of an approved request. */
export async function keepGranted(tx: Transaction, { token, family }: Pick<Granted, 'token' | 'family'>) {
  await keepToken(tx, token)
  if (family) await keepFamily(tx, family, token.grant)
}
