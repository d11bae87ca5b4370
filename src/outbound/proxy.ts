import { type buildConnector, Pool, ProxyAgent } from 'undici'
import { type FailureKind, KnownFault } from './failures.ts'

/** How long the proxy may take to connect to an endpoint. */
const CONNECT_TIMEOUT_MS = 10_000

/**
 * Every call by way of the operator's proxy, in a tunnel (CONNECT): the proxy looks names up and refuses private
 * addresses, TLS is between us and the endpoint. There is no other way out: nothing here can dial an endpoint.
 */
export const proxyDispatcher = (uri: string, tls: buildConnector.BuildOptions): ProxyAgent =>
  new ProxyAgent({
    uri,
    proxyTunnel: true,
    requestTls: tls,
    allowH2: false,
    connections: 128,
    keepAliveTimeout: 10_000,
    keepAliveMaxTimeout: 60_000,
    clientFactory: proxyPool,
  })

/** Connections to the proxy. What fails here, before the tunnel stands, is the proxy's own fault or its verdict. */
function proxyPool(origin: URL, options: object): Pool {
  const pool = new Pool(origin, { ...options, allowH2: false, headersTimeout: CONNECT_TIMEOUT_MS })
  const connect = pool.connect.bind(pool)
  const tunnelled = async (options: Parameters<typeof connect>[0]) => {
    const tunnel = await connect(options).catch((cause) => {
      throw new KnownFault(isTimeout(cause) ? 'proxy_timeout' : 'proxy_unreachable', { cause })
    })
    if (tunnel.statusCode === 200) return tunnel
    tunnel.socket.on('error', () => {}).destroy()
    throw new KnownFault(verdictOf(tunnel.statusCode, 'x-smokescreen-error' in tunnel.headers))
  }
  return Object.assign(pool, { connect: tunnelled as typeof pool.connect })
}

const isTimeout = (fault: unknown): boolean =>
  fault instanceof Error && 'code' in fault && /TIMEOUT|ETIMEDOUT/.test(String(fault.code))

/**
 * What the proxy means. smokescreen answers 407 for an address it refuses, and 502 or 504 for one it cannot reach, and
 * marks both; other proxies refuse with 403.
 */
function verdictOf(status: number, isMarked: boolean): FailureKind {
  if (status === 407) return isMarked ? 'forbidden_by_proxy' : 'proxy_login'
  if (status >= 500) return isMarked && status !== 500 ? 'unreachable_by_proxy' : 'proxy_failed'
  return status >= 400 ? 'forbidden_by_proxy' : 'proxy_failed'
}
