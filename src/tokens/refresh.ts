import { recordEvent } from '#audit/events.ts'
import type { Clock } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { canonicalJson, type Json } from '#base/json.ts'
import { hashSecret } from '#base/secrets.ts'
import type { Database, Transaction } from '#store/database.ts'
import {
  type Grant,
  type Issuer,
  keepToken,
  makeToken,
  type NewToken,
  newRefreshToken,
  type TokenClaims,
  type TokenForm,
} from './issue.ts'
import { endAccess } from './revoke.ts'
import {
  deleteEndedRounds,
  type Family,
  insertRefreshToken,
  lockFamily,
  noteRenewal,
  refreshTokenInside,
} from './store.ts'

export interface RefreshContext {
  db: Database
  now: Clock
  issuer: Issuer
}

export interface Refresh {
  clientId: string
  /** As the client sent it. */
  refreshToken: string
  /** Less than was granted; all of it, if not given. */
  scopes: string[] | undefined
  /** What it is for; all that was granted, if empty. */
  resources: readonly string[]
  /** The same of `authorization_details`, as the client sent them. */
  details?: string | undefined
  form: TokenForm
}

export interface Refreshed {
  token: NewToken
  refreshToken: string
}

/**
 * Renews an access: a new token and a new refresh token for the one that is used up (RFC 6749 §6, RFC 9700 §4.14.2). Of
 * many who come with it at the same moment one gets them. Who comes with one that was used before ends the whole family,
 * since nobody can tell which of the two was the client.
 *
 * @throws Refusal `refresh_token_wrong` (also for another client's), `scope_refused`, `details_refused`, `target_refused`,
 *   `proof_key_wrong`
 */
export async function refreshAccess(context: RefreshContext, refresh: Refresh): Promise<Refreshed> {
  // Thrown behind the commit: that a family has ended stays so.
  const refreshed = await context.db.transaction((tx) => renew(tx, context, refresh))
  if (!refreshed) throw new Refusal('refresh_token_wrong')
  if ('token' in refreshed) return refreshed
  const sourced = await context.issuer.source?.fetch(refreshed.owed, refresh.form.cnf, refreshed.round)
  return refreshAccess(context, { ...refresh, form: { ...refresh.form, sourced } })
}

async function renew(
  tx: Transaction,
  { now, issuer }: RefreshContext,
  { clientId, refreshToken, scopes, details, resources, form }: Refresh,
): Promise<Refreshed | { owed: Grant; round: number } | undefined> {
  const at = now()
  const known = await refreshTokenInside(tx, hashSecret(refreshToken))
  const family = known && (await lockFamily(tx, known.requestId))
  if (family?.clientId !== clientId || family.state !== 'active' || family.expiresAt <= at) return undefined
  if (known?.round !== family.round) {
    await endAccess(tx, family.requestId, 'system', at, 'its refresh token was used again')
    return undefined
  }
  const round = family.round + 1
  const { cnf, ...granted } = claimsOf(family, { scopes, details })
  const aud = granted.test ? {} : narrowed(granted.aud ?? issuer.audience, resources)
  const claims = { ...granted, ...aud }
  // Whoever began bound stays bound; to which key is the client's to say each time, for it has shown who it is.
  if (cnf && !form.cnf) throw new Refusal('proof_key_wrong')
  const grant = {
    requestId: family.requestId,
    clientId,
    userId: family.userId,
    issuedAt: at,
    expiresAt: Math.min(at + family.tokenLifeMs, family.expiresAt),
    claims,
  }
  // The operator's own issuer is asked outside of the transaction; nothing is used up by then.
  if (issuer.source && !claims.test && !form.sourced) return { owed: grant, round }
  const token = makeToken(issuer, grant, form)
  await keepToken(tx, token, round)
  const next = newRefreshToken()
  const { requestId, expiresAt } = family
  await insertRefreshToken(tx, { hash: hashSecret(next), requestId, round, expiresAt })
  await noteRenewal(tx, requestId, round, at)
  await deleteEndedRounds(tx, requestId, round, at)
  await recordEvent(tx, {
    kind: 'token_refreshed',
    actor: 'client',
    requestId,
    userId: family.userId,
    clientId,
    at,
  })
  return { token, refreshToken: next }
}

/** Of what the access is for, as much as is wanted now (RFC 8707 §2.2). */
function narrowed(audience: string | string[], resources: readonly string[]): Pick<TokenClaims, 'aud'> {
  const granted = [audience].flat()
  if (resources.some((each) => !granted.includes(each))) throw new Refusal('target_refused')
  const [first, ...more] = resources
  return first === undefined ? {} : { aud: more.length > 0 ? [first, ...more] : first }
}

function claimsOf({ claims }: Family, { scopes, details }: Pick<Refresh, 'scopes' | 'details'>): TokenClaims {
  const granted = JSON.parse(claims) as TokenClaims
  return {
    ...granted,
    ...(scopes === undefined ? {} : { scope: narrowScopes(granted, scopes) }),
    ...(details === undefined ? {} : { authorization_details: narrowDetails(granted, details) }),
  }
}

function narrowScopes({ scope }: TokenClaims, wanted: readonly string[]): string {
  const known = scope?.split(' ') ?? []
  if (wanted.length > 0 && wanted.every((each) => known.includes(each))) return wanted.join(' ')
  throw new Refusal('scope_refused', { detail: NARROW })
}

/** Some of those that were granted, each as it was (RFC 9396 §6.1). */
function narrowDetails({ authorization_details: granted = [] }: TokenClaims, text: string): object[] {
  const known = new Set(granted.map((each) => canonicalJson(each as Json)))
  try {
    const wanted: unknown = JSON.parse(text)
    const isPart = (each: unknown) => known.has(canonicalJson(each as Json))
    if (Array.isArray(wanted) && wanted.length > 0 && wanted.every(isPart)) return wanted as object[]
  } catch {}
  throw new Refusal('details_refused', { detail: NARROW })
}

const NARROW = 'A refresh may ask for less than was granted, never for more.'
