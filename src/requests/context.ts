import type { Clock } from '#base/clock.ts'
import type { Vault } from '#base/seal.ts'
import type { Tracer } from '#base/trace.ts'
import type { Catalogue } from '#clients/catalogue.ts'
import type { QueueContext } from '#deliveries/queue.ts'
import type { Database } from '#store/database.ts'
import type { Issuer, TokenClaims } from '#tokens/issue.ts'
import type { Site } from '#users/users.ts'

/** What a protocol hands over at an approval; the words are the protocol's own. */
export interface IssuedToken {
  clientId: string
  userId: string
  accessToken: string
  issuedAt: number
  expiresAt: number
  claims?: TokenClaims
  /** What a push of CIBA holds beyond the token. */
  push?: {
    handle: string
    idToken: string
    scopes: string[]
    details: readonly object[] | undefined
    refreshToken: string | undefined
  }
}

/** That a request of an initiator is settled, without a token in it. */
export interface Settling {
  /** The `auth_req_id`. */
  handle: string
  kind: 'ping' | 'push_error'
  outcome: 'approved' | 'rejected' | 'expired' | 'withdrawn' | 'failed'
}

/** Writes the body of a delivery in a protocol's shape. */
export type PayloadWriter = (token: IssuedToken) => Uint8Array
export type SettlingWriter = (settling: Settling) => Uint8Array

/** What the operations on requests need. */
export interface RequestContext {
  db: Database
  now: Clock
  vault: Vault
  site: Site
  /** Undefined when nobody follows. */
  tracer?: Tracer | undefined
  issuer: Issuer
  /** Words for what is asked. */
  catalogue: Catalogue
  /** By name of the protocol. */
  payloads: Readonly<Record<string, PayloadWriter>>
  /** By name of the protocol, of those that tell a client so. */
  settlings?: Readonly<Record<string, SettlingWriter>>
  /** Has a delivery go ahead with the commit that owes it; without it, a worker finds it. */
  takeDelivery?: QueueContext['takeDelivery']
}
