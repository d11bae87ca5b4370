import { errors } from 'undici'
import { Refusal } from '#base/errors.ts'
import type { AttemptClass } from '#base/facts.ts'

/** When a call failed. Only what failed before sending is surely safe to repeat. */
export type FailurePhase = 'before_sending' | 'while_waiting' | 'after_answer'

const UNNAMED = 'the host'

/** Why a call failed, as a sentence for the owner of the endpoint. The words on the left are stable across releases. */
const sentences = {
  forbidden_url: () => 'The address breaks a rule of this server on which addresses may be named.',
  forbidden_address: (host: string) => `${host} leads to an address that is not on the public Internet.`,
  forbidden_by_proxy: (host: string) => `The proxy of this server may not connect to ${host}.`,
  unreachable_by_proxy: (host: string) => `The proxy of this server could not reach ${host}.`,
  proxy_unreachable: () => 'The proxy of this server could not be reached; this is no fault of the endpoint.',
  proxy_login: () => 'The proxy of this server wants a login; this is no fault of the endpoint.',
  proxy_failed: () => 'The proxy of this server failed; this is no fault of the endpoint.',
  proxy_timeout: () => 'The proxy of this server took too long; this is no fault of the endpoint.',
  name_not_found: (host: string) => `The name ${host === UNNAMED ? 'of the host' : host} was not found.`,
  name_lookup_failed: (host: string) =>
    `The name ${host === UNNAMED ? 'of the host' : host} could not be looked up just then.`,
  connection_refused: () => 'The connection was refused.',
  unreachable: (host: string) => `There is no way to ${host} over the network.`,
  certificate_expired: (host: string) => `The certificate of ${host} has expired, or is not valid yet.`,
  certificate_wrong_name: (host: string) => `The certificate that was shown is not for ${host}.`,
  certificate_not_trusted: (host: string) =>
    `The certificate of ${host} is not of a known authority; perhaps an intermediate one is left out.`,
  client_certificate_refused: (host: string) =>
    `${host} asks for a client certificate, and did not take the one that was shown, or none was.`,
  tls_failed: (host: string) => `${host} does not speak TLS 1.2 or newer as it should.`,
  timeout: () => 'It took too long.',
  connection_lost: () => 'The connection was lost before the answer came.',
  answer_malformed: () => 'The answer is not HTTP as it should be.',
  answer_cut: () => 'The answer broke off, or is not of the length that it says.',
  status: () => 'The answer was not a 2xx.',
  stopped: () => 'This server was being stopped.',
  failed: () => 'The call failed.',
} as const

export type FailureKind = keyof typeof sentences

/**
 * Says in a sentence for the endpoint's owner what a kind of failure means.
 *
 * @param kind as it stands in `CallFailed` and with an attempt; one of another release is let pass
 * @param host name of the host that was called, where it is known
 */
export function explainFailure(kind: string, host = UNNAMED): string {
  const sentence = Object.hasOwn(sentences, kind) ? sentences[kind as FailureKind] : sentences.failed
  return sentence(host).replace(/^the /, 'The ')
}

/** Kinds of failure in a handful of words, for whoever counts them. */
const CLASSES: Record<FailureKind, AttemptClass> = {
  forbidden_url: 'forbidden',
  forbidden_address: 'forbidden',
  forbidden_by_proxy: 'forbidden',
  unreachable_by_proxy: 'connect',
  proxy_unreachable: 'proxy',
  proxy_login: 'proxy',
  proxy_failed: 'proxy',
  proxy_timeout: 'proxy',
  name_not_found: 'dns',
  name_lookup_failed: 'dns',
  connection_refused: 'connect',
  unreachable: 'connect',
  certificate_expired: 'tls',
  certificate_wrong_name: 'tls',
  certificate_not_trusted: 'tls',
  client_certificate_refused: 'tls',
  tls_failed: 'tls',
  timeout: 'timeout',
  connection_lost: 'broken',
  answer_malformed: 'broken',
  answer_cut: 'broken',
  status: 'other',
  stopped: 'stopped',
  failed: 'other',
}

/** @param status of the answer, if one came */
export function classOf(status: number | null, kind: string | null): AttemptClass {
  if (status !== null) return STATUS_CLASSES[Math.floor(status / 100)] ?? 'other'
  return kind !== null && Object.hasOwn(CLASSES, kind) ? CLASSES[kind as FailureKind] : 'other'
}

const STATUS_CLASSES: Record<number, AttemptClass> = { 2: '2xx', 3: '3xx', 4: '4xx', 5: '5xx' }

/** Whether it was our own proxy, so that the endpoint is not to be charged with an attempt. */
export const isProxyFault = (kind: string): boolean => kind.startsWith('proxy_')

/** A call that brought no usable answer. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed'
  readonly phase: FailurePhase
  /** A short stable word for logs and pages: a `FailureKind`. */
  readonly kind: string
  /** The status that came, if it broke after the answer had begun. */
  readonly status: number | undefined

  constructor(
    phase: FailurePhase,
    kind: string,
    message: string,
    { status, ...options }: ErrorOptions & { status?: number | undefined } = {},
  ) {
    super(message, options)
    this.phase = phase
    this.kind = kind
    this.status = status
  }
}

/** A fault whose kind is known where it is thrown. */
export class KnownFault extends Error {
  override readonly name = 'KnownFault'
  readonly kind: FailureKind
  constructor(kind: FailureKind, options?: ErrorOptions) {
    super(kind, options)
    this.kind = kind
  }
}

/** The phase is the caller's to know; from the fault comes only the kind. */
export function asCallFailed(
  cause: unknown,
  phase: FailurePhase,
  { host, status }: { host: string; status?: number | undefined },
): Error {
  if (cause instanceof CallFailed || cause instanceof Refusal) return cause
  const kind = kindOf(cause, phase)
  return new CallFailed(phase, kind, explainFailure(kind, host), { cause, status })
}

function kindOf(cause: unknown, phase: FailurePhase): FailureKind {
  if (!(cause instanceof Error)) return 'failed'
  if (cause instanceof KnownFault) return cause.kind
  const code = 'code' in cause ? String(cause.code) : ''
  const known = kinds[code]
  if (known === 'connection_lost' && phase === 'after_answer') return 'answer_cut'
  if (known) return known
  if (cause instanceof errors.HTTPParserError) return 'answer_malformed'
  if (CLIENT_CERTIFICATE_ALERT.test(code)) return 'client_certificate_refused'
  if (code.startsWith('ERR_SSL_')) return 'tls_failed'
  return 'failed'
}

/** Alerts of the other side about what we showed (RFC 8446 §6.2). */
const CLIENT_CERTIFICATE_ALERT = /_ALERT_(?:.*CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED)/

/** Codes of Node, OpenSSL and undici. */
const kinds: Record<string, FailureKind> = {
  ENOTFOUND: 'name_not_found',
  ENODATA: 'name_not_found',
  EAI_AGAIN: 'name_lookup_failed',
  EAI_FAIL: 'name_lookup_failed',
  ECONNREFUSED: 'connection_refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  ETIMEDOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  CERT_HAS_EXPIRED: 'certificate_expired',
  CERT_NOT_YET_VALID: 'certificate_expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate_wrong_name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate_not_trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate_not_trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate_not_trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate_not_trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate_not_trusted',
  CERT_SIGNATURE_FAILURE: 'certificate_not_trusted',
  CERT_UNTRUSTED: 'certificate_not_trusted',
  CERT_REVOKED: 'certificate_not_trusted',
  INVALID_CA: 'certificate_not_trusted',
  INVALID_PURPOSE: 'certificate_not_trusted',
  EPROTO: 'tls_failed',
  ECONNRESET: 'connection_lost',
  EPIPE: 'connection_lost',
  UND_ERR_SOCKET: 'connection_lost',
  UND_ERR_HEADERS_OVERFLOW: 'answer_malformed',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'answer_cut',
  UND_ERR_CLOSED: 'stopped',
  UND_ERR_DESTROYED: 'stopped',
}
