import { lookup as systemLookup } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Agent, buildConnector, errors, request } from 'undici'
import { isForbiddenAddress } from './addresses.ts'
import { parseOutboundUrl, type UrlPolicy } from './url.ts'

/** When a call failed. Only what failed before sending is surely safe to repeat. */
export type FailurePhase = 'before_sending' | 'while_waiting' | 'after_answer'

/** A call that brought no usable answer. `kind` is a short stable word for logs and pages. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed'
  readonly phase: FailurePhase
  readonly kind: string

  constructor(phase: FailurePhase, kind: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.phase = phase
    this.kind = kind
  }
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  /** At most 64 KiB; what is longer is cut. */
  body: string
}

export interface Outbound {
  readonly policy: UrlPolicy
  /**
   * POSTs once: no redirect is followed, nothing is repeated.
   *
   * @throws CallFailed
   * @throws Refusal `notifier_refused` when the URL breaks a rule
   */
  post(
    url: string,
    headers: Record<string, string>,
    body: Uint8Array | string,
    signal: AbortSignal,
  ): Promise<Answer>
  close(): Promise<void>
}

interface OutboundOptions {
  policy: UrlPolicy
  /** Resolver, for tests; the system's by default. */
  lookup?: LookupFunction
}

const LARGEST_ANSWER = 65_536

/**
 * Every call that leaves the server. The addresses a name resolves to are checked where the socket is opened, and the
 * socket dials exactly what was checked, so a name that changes its mind between look-up and connection gains nothing.
 */
export function createOutbound({
  policy,
  lookup = systemLookup as LookupFunction,
}: OutboundOptions): Outbound {
  const connect = buildConnector({ lookup: policy.isOpen ? lookup : guardedLookup(lookup), allowH2: false })
  const agent = new Agent({
    // A socket stays on the address it was checked for; a short life lets a changed policy take hold.
    keepAliveMaxTimeout: 60_000,
    keepAliveTimeout: 10_000,
    pipelining: 1,
    connections: 32,
    allowH2: false,
    connect: policy.isOpen ? connect : guardedConnector(connect),
  })

  return {
    policy,
    async post(url, headers, body, signal) {
      const { href } = parseOutboundUrl(url, policy)
      let isSent = false
      try {
        const answer = await request(href, {
          method: 'POST',
          dispatcher: agent,
          headers,
          body: Buffer.from(body),
          signal,
        })
        isSent = true
        return { status: answer.statusCode, headers: answer.headers, body: await readCut(answer.body) }
      } catch (cause) {
        throw asCallFailed(cause, isSent)
      }
    },
    close: () => agent.close(),
  }
}

/** Fails the whole answer of the resolver if one address in it may not be dialled. */
const guardedLookup =
  (lookup: LookupFunction): LookupFunction =>
  (hostname, options, callback) =>
    lookup(hostname, { ...options, all: true }, (fault, addresses) => {
      if (fault) return callback(fault, [])
      const all = Array.isArray(addresses) ? addresses : [{ address: addresses, family: isIP(addresses) }]
      const bad = all.find(({ address }) => isForbiddenAddress(address))
      if (bad || all.length === 0) return callback(new ForbiddenAddress(hostname), [])
      callback(null, all)
    })

/** A URL with a literal never reaches the resolver, so it is refused here; and what was dialled is looked at once more. */
const guardedConnector =
  (connect: buildConnector.connector): buildConnector.connector =>
  (options, callback) => {
    if (isIP(options.hostname.replace(/^\[|\]$/g, '')))
      return callback(new ForbiddenAddress(options.hostname), null)
    connect(options, (...[fault, socket]) => {
      if (fault) return callback(fault, null)
      if (isForbiddenAddress(socket.remoteAddress ?? '')) {
        socket.destroy()
        return callback(new ForbiddenAddress(options.hostname), null)
      }
      callback(null, socket)
    })
  }

class ForbiddenAddress extends Error {
  override readonly name = 'ForbiddenAddress'
  constructor(host: string) {
    super(`${host} is not an address on the public Internet.`)
  }
}

/** Reads to the end, but keeps and waits for no more than `LARGEST_ANSWER`. */
async function readCut(body: AsyncIterable<Buffer> & { destroy(): unknown }): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of body) {
    parts.push(part)
    size += part.length
    if (size >= LARGEST_ANSWER) {
      body.destroy()
      break
    }
  }
  return Buffer.concat(parts).subarray(0, LARGEST_ANSWER).toString('utf8')
}

/** Faults that show that no byte of the body left. */
const beforeSending: Record<string, string> = {
  ENOTFOUND: 'The host name was not found.',
  EAI_AGAIN: 'The host name could not be looked up now.',
  ECONNREFUSED: 'The connection was refused.',
  EHOSTUNREACH: 'The host cannot be reached.',
  ENETUNREACH: 'The network cannot be reached.',
  UND_ERR_CONNECT_TIMEOUT: 'The connection took too long.',
  CERT_HAS_EXPIRED: 'The certificate of the host has expired.',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'The certificate of the host is signed by itself.',
  SELF_SIGNED_CERT_IN_CHAIN: 'The certificate of the host is not of a known authority.',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'The certificate of the host cannot be verified.',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'The certificate of the host is not of a known authority.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'The certificate is for another host name.',
  EPROTO: 'The host does not speak TLS as it should.',
}

function asCallFailed(cause: unknown, isAnswered: boolean): Error {
  if (!(cause instanceof Error))
    return new CallFailed('while_waiting', 'unknown', 'The call failed.', { cause })
  if (cause.name === 'Refusal') return cause
  if (cause instanceof ForbiddenAddress)
    return new CallFailed('before_sending', 'forbidden_address', cause.message)
  const code = 'code' in cause ? String(cause.code) : ''
  const known = beforeSending[code]
  if (known) return new CallFailed('before_sending', code.toLowerCase(), known, { cause })
  const phase = isAnswered ? 'after_answer' : 'while_waiting'
  if (cause.name === 'TimeoutError' || cause.name === 'AbortError') {
    return new CallFailed(phase, 'timeout', 'The answer took too long.', { cause })
  }
  if (cause instanceof errors.SocketError) {
    return new CallFailed(phase, 'connection_lost', 'The connection was lost before the answer came.', {
      cause,
    })
  }
  return new CallFailed(phase, code.toLowerCase() || 'failed', 'The answer could not be read.', { cause })
}
