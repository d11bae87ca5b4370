import {
  createLocalJWKSet,
  decodeJwt,
  errors,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import { CLOCK_SKEW_MS, type Clock, SECOND } from '#base/clock.ts'
import type { Outbound } from '#outbound/dial.ts'
import { remoteKeys } from './client-keys.ts'

/** Where the public keys of an issuer lie, or the keys themselves. */
export type HintIssuer = { jwksUrl: string } | { jwks: JSONWebKeySet }

/** Whom the operator believes when they say who a user is, by issuer (`iss`). */
export type HintIssuers = ReadonlyMap<string, HintIssuer>

/** Of whom a hint token speaks: by the issuer's own name for them, or by our id. */
export type HintSubject = { issuer: string; subject: string } | { userId: string }

export interface HintTokens {
  /**
   * Reads a `login_hint_token` (CIBA Core 1.0 §7.1): a JWT of a registered issuer, meant for us.
   *
   * @throws HintTokenRefused
   */
  read(token: string): Promise<HintSubject>
}

/** A `login_hint_token` that is not taken. */
export class HintTokenRefused extends Error {
  override readonly name = 'HintTokenRefused'
  readonly isExpired: boolean

  constructor(
    message: string,
    { isExpired = false, ...options }: ErrorOptions & { isExpired?: boolean } = {},
  ) {
    super(message, options)
    this.isExpired = isExpired
  }
}

/** By what issuers sign. */
const ALGS = ['ES256', 'PS256', 'RS256']

export function openHintTokens(
  context: { now: Clock; outbound: Outbound; site: { origin: string } },
  issuers: HintIssuers,
): HintTokens {
  const keys = new Map<string, JWTVerifyGetKey>()
  for (const [issuer, at] of issuers) {
    keys.set(issuer, 'jwks' in at ? createLocalJWKSet(at.jwks) : remoteKeys(context, at.jwksUrl))
  }
  return {
    async read(token) {
      const self = context.site.origin
      const issuer = issuerOf(token)
      const key = issuer === undefined ? undefined : keys.get(issuer)
      if (issuer === undefined || !key)
        throw new HintTokenRefused('Its iss is no issuer that is registered here.')
      const { payload } = await jwtVerify(token, key, {
        algorithms: ALGS,
        issuer,
        audience: [self, `${self}/`],
        requiredClaims: ['aud', 'exp'],
        clockTolerance: CLOCK_SKEW_MS / SECOND,
        currentDate: new Date(context.now()),
      }).catch((fault) => {
        throw refusedFor(fault)
      })
      return subjectOf(issuer, payload, self)
    },
  }
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss
  } catch {
    return undefined
  }
}

/** By `sub_id` (RFC 9493 §4.1), where it names us as the one who knows them; else by `sub`. */
function subjectOf(issuer: string, { sub, sub_id }: Record<string, unknown>, self: string): HintSubject {
  const named = sub_id as { format?: unknown; iss?: unknown; sub?: unknown } | null | undefined
  if (named?.format === 'iss_sub' && named.iss === self && typeof named.sub === 'string')
    return { userId: named.sub }
  if (typeof sub === 'string' && sub !== '') return { issuer, subject: sub }
  throw new HintTokenRefused('It names nobody; say who by its sub.')
}

function refusedFor(fault: unknown): HintTokenRefused {
  if (fault instanceof errors.JWTExpired)
    return new HintTokenRefused('It has expired; fetch a new one.', { isExpired: true })
  if (fault instanceof errors.JWSSignatureVerificationFailed || fault instanceof errors.JWKSNoMatchingKey)
    return new HintTokenRefused('It is signed by no key of its issuer.', { cause: fault })
  if (fault instanceof errors.JWKSTimeout)
    return new HintTokenRefused('The keys of its issuer could not be read.', { cause: fault })
  if (fault instanceof errors.JOSEError) return new HintTokenRefused(`${fault.message}.`, { cause: fault })
  return new HintTokenRefused('The keys of its issuer could not be read.', { cause: fault })
}

/**
 * Reads which issuers are believed: a JSON object, by issuer the address of its keys or the keys.
 *
 * @throws Error whose message says what is wrong with it
 */
export function readHintIssuers(json: string): HintIssuers {
  let said: unknown
  try {
    said = JSON.parse(json)
  } catch {
    throw new Error('must be JSON')
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said))
    throw new Error('must be a JSON object')
  return new Map(Object.entries(said).map(([issuer, at]) => [issuer, readIssuer(issuer, at)]))
}

function readIssuer(issuer: string, at: unknown): HintIssuer {
  const { jwks_uri, jwks } = (at ?? {}) as Record<string, unknown>
  if (
    typeof jwks_uri === 'string' &&
    jwks === undefined &&
    /^https?:$/.test(URL.parse(jwks_uri)?.protocol ?? '')
  )
    return { jwksUrl: jwks_uri }
  if (jwks_uri === undefined && Array.isArray((jwks as JSONWebKeySet | undefined)?.keys))
    return { jwks: jwks as JSONWebKeySet }
  throw new Error(`must say of “${issuer}” either {"jwks_uri": "https://…"} or {"jwks": {"keys": […]}}`)
}
