import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '#base/log.ts'
import type { authenticateInitiator, CredentialsContext } from '#clients/credentials.ts'
import type { HintTokens } from '#clients/hint-tokens.ts'
import type { Proofs } from '#clients/proofs.ts'
import type { Profile } from '#clients/store.ts'
import type { Certificates, ShownCertificate } from '#http/certificates.ts'
import type { CollectContext } from '#requests/collect.ts'
import type { Parameters } from './form.ts'

/** What the endpoints of CIBA work with. */
export interface CibaContext extends CollectContext, CredentialsContext {
  log: Log
  /** How long a poll may be held, in milliseconds. */
  holdMs: number
  /** Undefined where no issuer of them is registered. */
  hintTokens: HintTokens | undefined
  /** Which rules every client must keep; one may be registered for stricter ones. */
  profile: Profile
  /** Nothing on this server is real. */
  isDev: boolean
  proofs: Proofs
  /** How certificates of clients come here; undefined where none can. */
  certificates: Certificates | undefined
  /** Of the key by which the service that takes tokens asks about them, if it has one. */
  resourceKeyHash: Uint8Array | undefined
  /** Count one call, and refuse it when there were too many. */
  limitInitiator: (clientId: string) => void
  limitAddress: (address: string) => void
}

/** A call of an initiator that has shown who it is. */
export interface ClientCall extends Awaited<ReturnType<typeof authenticateInitiator>> {
  http: FastifyRequest
  form: Parameters
  /** What it has shown by TLS, whether or not it authenticates by it. */
  certificate: ShownCertificate | undefined
}

/** Serves a POST of a client that authenticates. */
export type ClientRoute = (
  url: string,
  respond: (call: ClientCall, reply: FastifyReply) => Promise<object>,
  /** What is told to the service that takes tokens, where it may call too (RFC 7662 §2.1). */
  toResource?: (form: Parameters) => Promise<object>,
) => void
