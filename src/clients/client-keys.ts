import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
} from 'jose'
import { CLOCK_SKEW_MS, type Clock, MINUTE, SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { hashSecret } from '#base/secrets.ts'
import { CallFailed, type Outbound } from '#outbound/dial.ts'
import type { Database } from '#store/database.ts'
import { CLIENT_ALGS } from './jwks.ts'
import { type Initiator, type JwtUse, spendJwt } from './store.ts'

/** What a JWT of a client must be. */
export interface JwtRule {
  use: JwtUse
  /** Any of these, and nothing beside them. */
  audiences: readonly string[]
  /** Claims that must be there beside `iss`, `aud`, `exp` and `jti`. */
  required?: string[]
  /** The one algorithm, where the client is registered for one. */
  alg?: string | undefined
  /** How far ahead it may end. */
  longestMs: number
}

/** The public keys of clients, registered or fetched. */
export interface ClientKeys {
  /**
   * Verifies a JWT that a client signed, and takes it this once, on whichever node (RFC 7523 §3).
   *
   * @throws JwtRefused with a sentence on what is wrong
   */
  take(initiator: Initiator, jwt: string, rule: JwtRule): Promise<JWTPayload>
  /** Whether a certificate, in its DER form, is one that the client registered (RFC 8705 §2.2). @throws JwtRefused */
  holds(initiator: Initiator, certificate: Buffer): Promise<boolean>
}

/** A signed JWT that is not taken. */
export class JwtRefused extends Error {
  override readonly name = 'JwtRefused'
}

const SKEW_S = CLOCK_SKEW_MS / SECOND

export function openClientKeys(context: { db: Database; now: Clock; outbound: Outbound }): ClientKeys {
  const { db, now } = context
  const sets = new Map<string, KeySet>()

  function keysOf({ jwks, jwksUrl }: Initiator): KeySet {
    const where = jwks ?? jwksUrl
    if (where === null) throw new JwtRefused('The client has registered no keys.')
    const known = sets.get(where)
    if (known) return known
    const set = jwks === null ? remoteKeys(context, where) : createLocalJWKSet(JSON.parse(jwks))
    if (sets.size >= MOST_SETS) sets.clear()
    sets.set(where, set)
    return set
  }

  return {
    async take(initiator, jwt, { use, audiences, required = [], alg, longestMs }) {
      const { clientId } = initiator
      const { payload } = await jwtVerify(jwt, keysOf(initiator), {
        algorithms: alg === undefined ? [...CLIENT_ALGS] : [alg],
        issuer: clientId,
        requiredClaims: ['aud', 'exp', 'jti', ...required],
        clockTolerance: SKEW_S,
        currentDate: new Date(now()),
      }).catch((fault) => {
        throw refusedFor(fault)
      })
      const { aud, exp = 0, nbf, jti } = payload
      // An audience beside ours could show the same JWT to us as its own.
      const meantFor = [aud].flat()
      if (meantFor.length === 0 || meantFor.some((each) => !audiences.includes(String(each)))) {
        throw new JwtRefused(`Its aud must be ${audiences[0]}.`)
      }
      if ((exp - SKEW_S) * SECOND > now() + longestMs) throw new JwtRefused('It ends too late.')
      if (nbf !== undefined && (exp - nbf) * SECOND > longestMs)
        throw new JwtRefused('It is good for too long.')
      if (typeof jti !== 'string' || jti === '') throw new JwtRefused('Its jti must be a text.')

      const spent = { clientId, use, hash: hashSecret(jti), endsAt: (exp + 2 * SKEW_S) * SECOND }
      const isNew = await db.transaction((tx) => spendJwt(tx, spent))
      if (!isNew) throw new JwtRefused('Its jti was used before; sign a new one for each call.')
      return payload
    },
    async holds(initiator, certificate) {
      const set = keysOf(initiator)
      const hasIt = () => certificatesIn(set.jwks()).some((each) => each.equals(certificate))
      if (!('reload' in set)) return hasIt()
      const look = async () => {
        if (!set.coolingDown) {
          await set.reload().catch((fault) => {
            throw refusedFor(fault)
          })
        }
        return hasIt()
      }
      return (set.fresh && hasIt()) || look()
    },
  }
}

type KeySet = ReturnType<typeof createLocalJWKSet> | ReturnType<typeof createRemoteJWKSet>

const certificatesIn = (set: JSONWebKeySet | undefined): Buffer[] =>
  (set?.keys ?? []).flatMap(({ x5c }) =>
    Array.isArray(x5c) && typeof x5c[0] === 'string' ? [Buffer.from(x5c[0], 'base64')] : [],
  )

const MOST_SETS = 1_000
const FETCH_MS = 5 * SECOND
/** After a fetch, good or bad, the same address is let alone for so long, whatever key is named. */
const COOLDOWN_MS = 30 * SECOND

/** Keys that lie at an address of whoever signs: fetched through the guard, kept, and looked for again when one is new. */
export function remoteKeys({ outbound, now }: { outbound: Outbound; now: Clock }, url: string) {
  let failedAt = Number.NEGATIVE_INFINITY
  const fetchKeys: FetchImplementation = async (_url, { signal }) => {
    if (now() - failedAt < COOLDOWN_MS)
      throw new JwtRefused('The keys of the client could not be read just now.')
    try {
      const { status, body } = await outbound.get(url, { accept: 'application/json' }, signal)
      if (status !== 200) throw new JwtRefused(`The keys of the client could not be read: status ${status}.`)
      // Read here, so that what is no JSON counts as a failure too.
      return Response.json(JSON.parse(body))
    } catch (fault) {
      failedAt = now()
      throw fault
    }
  }
  return createRemoteJWKSet(new URL(url), {
    timeoutDuration: FETCH_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: 15 * MINUTE,
    [customFetch]: fetchKeys,
  })
}

/** What a client may be told of its own JWT. */
function refusedFor(fault: unknown): JwtRefused {
  if (fault instanceof JwtRefused) return fault
  if (fault instanceof CallFailed || fault instanceof Refusal || fault instanceof SyntaxError) {
    return new JwtRefused('The keys of the client could not be read from its jwks_uri.', { cause: fault })
  }
  if (fault instanceof errors.JWSSignatureVerificationFailed || fault instanceof errors.JWKSNoMatchingKey) {
    return new JwtRefused('It is signed by no key of this client.', { cause: fault })
  }
  if (fault instanceof errors.JOSEError) return new JwtRefused(`${fault.message}.`, { cause: fault })
  // What `jose` makes of a key that is none, or too short.
  return new JwtRefused('One of the keys of the client cannot be used.', { cause: fault })
}
