import { createHash } from 'node:crypto'
import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Agent, buildConnector, type Dispatcher } from 'undici'
import { type Answer, callOnce } from './exchange.ts'
import { guardedConnector } from './guard.ts'
import { judgeUrl } from './judge.ts'
import type { UrlPolicy } from './policy.ts'
import { proxyDispatcher } from './proxy.ts'
import { parseOutboundUrl } from './url.ts'

export type { Answer } from './exchange.ts'
export { CallFailed } from './failures.ts'

/** TLS of one endpoint, in PEM: a client certificate with its key; what is trusted in the place of public authorities. */
export interface CallTls {
  cert?: string
  key?: string
  ca?: string
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
    options?: { tls?: CallTls },
  ): Promise<Answer>
  /**
   * GETs once, by the same rules.
   *
   * @throws CallFailed
   * @throws Refusal `notifier_refused` when the URL breaks a rule
   */
  get(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<Answer>
  /** Says in a sentence what is wrong with a URL, without calling it; undefined when nothing is. */
  judge(url: string): Promise<string | undefined>
  close(): Promise<void>
}

export interface OutboundOptions {
  policy: UrlPolicy
  /** Address of a proxy that every call goes by. It must itself refuse private addresses. */
  proxy?: string | undefined
  /** Resolver, for tests; the system's by default. */
  lookup?: LookupFunction
  /** What opens sockets, for tests; undici's by default. */
  connector?: typeof buildConnector
}

/** Sets of TLS with connections of their own that are kept at a time. */
const MOST_POOLS = 64

/**
 * Every call that leaves the server. The addresses a name resolves to are checked where the socket is opened, and the
 * socket dials exactly what was checked. With a proxy set, the look-up and the check are the proxy's.
 */
export function createOutbound(options: OutboundOptions): Outbound {
  const { policy } = options
  const pools = new Map<string, Dispatcher>()
  const closing = new Set<Promise<void>>()

  /** A socket with one client certificate never carries another's call: each set has its own connections. */
  function poolOf(tls: CallTls): Dispatcher {
    const key = keyOf(tls)
    const pool = pools.get(key) ?? openPool(options, tls)
    pools.delete(key)
    pools.set(key, pool)
    const [[oldest, first] = []] = pools
    if (pools.size > MOST_POOLS && oldest !== undefined && first) {
      pools.delete(oldest)
      // Finishes what it carries, then closes.
      const closed = first.close().finally(() => closing.delete(closed))
      closing.add(closed)
    }
    return pool
  }

  return {
    policy,
    async post(url, headers, body, signal, { tls = {} } = {}) {
      const parsed = parseOutboundUrl(url, policy)
      return callOnce(poolOf(tls), { url: parsed, headers, body: Buffer.from(body), signal })
    },
    get: async (url, headers, signal) =>
      callOnce(poolOf({}), { url: parseOutboundUrl(url, policy), headers, signal }),
    judge: (url) =>
      judgeUrl(url, policy, options.proxy ? undefined : (options.lookup ?? (systemLookup as LookupFunction))),
    async close() {
      await Promise.all([...[...pools.values()].map((pool) => pool.close()), ...closing])
    },
  }
}

/** Most calls have no TLS of their own: then there is nothing to hash, each time anew. */
const keyOf = ({ cert, key, ca }: CallTls): string =>
  cert || key || ca
    ? createHash('sha256')
        .update(JSON.stringify([cert, key, ca]))
        .digest('base64')
    : ''

function openPool(options: OutboundOptions, callTls: CallTls): Dispatcher {
  const { policy, proxy, lookup = systemLookup as LookupFunction, connector = buildConnector } = options
  const tls = {
    ...callTls,
    minVersion: 'TLSv1.2' as const,
    // Said outright, so that NODE_TLS_REJECT_UNAUTHORIZED cannot unsay it.
    rejectUnauthorized: true,
    allowH2: false,
    // Whoever names an authority between, or the very certificate of the endpoint, means that one and nothing above it.
    ...(callTls.ca ? { allowPartialTrustChain: true } : {}),
  }
  if (proxy) return proxyDispatcher(proxy, tls)
  return new Agent({
    // A socket stays on the address it was checked for; a short life lets a changed policy take hold.
    keepAliveMaxTimeout: 60_000,
    keepAliveTimeout: 10_000,
    pipelining: 1,
    connections: 128,
    allowH2: false,
    connect: guardedConnector({ policy, lookup, connector, tls }),
  })
}
