import { readFileSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { createServer as createHttpsServer, type ServerOptions } from 'node:https'
import {
  type AddressInfo,
  connect as connectTcp,
  type LookupFunction,
  type Server,
  type Socket,
} from 'node:net'
import { buildConnector } from 'undici'

const pem = (name: string) => readFileSync(new URL(`tls/${name}`, import.meta.url), 'utf8')

/** Certificates that nothing but the tests trusts. */
export const testTls = {
  ca: pem('ca.pem'),
  server: { cert: pem('server.pem'), key: pem('server.key') },
  expired: { cert: pem('expired.pem'), key: pem('expired.key') },
  client: { cert: pem('client.pem'), key: pem('client.key') },
}

/** Listens on loopback, on any free port, and ends every connection when it is disposed of. */
export async function listen<T extends Server>(server: T) {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  })
  server.on('tlsClientError', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Answering {
  status?: number
  headers?: Record<string, string>
  tls?: ServerOptions
}

/** An endpoint over TLS that notes what is posted to it. */
export async function startEndpoint({ status = 200, headers = {}, tls = {} }: Answering = {}) {
  const posts: { host: string | undefined; body: string; client: string | undefined; servername: unknown }[] =
    []
  const server = createHttpsServer({ ...testTls.server, ...tls }, async (http, response) => {
    let body = ''
    for await (const part of http) body += part
    const socket = http.socket as Socket & {
      servername?: unknown
      getPeerCertificate(): { subject?: { CN?: string } }
    }
    const client = socket.getPeerCertificate().subject?.CN
    posts.push({ host: http.headers.host, body, client, servername: socket.servername })
    response.writeHead(status, headers).end('ok')
  })
  return { posts, ...(await listen(server)) }
}

/** A resolver that knows these names and no other. */
export const resolving = (names: Record<string, string[]>): LookupFunction =>
  ((host, _options, callback) => {
    const addresses = names[host] ?? names[host.replace(/\.$/, '')]
    if (!addresses) return callback(Object.assign(new Error(host), { code: 'ENOTFOUND' }), [])
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
  }) as LookupFunction

/**
 * The Internet, on loopback: a socket for whatever address is dialled ends at one local port, and says that it is at the
 * address that was dialled. Everything before (rules, look-up, check) and after (TLS, HTTP) is real.
 *
 * @param saysAt what the socket says in the place of the truth
 */
export function loopbackInternet(port: number, saysAt?: string) {
  const dialled: string[] = []
  const connector: typeof buildConnector = (options) => {
    const connect = buildConnector({
      ...options,
      lookup: resolving({ 'endpoint.test': ['127.0.0.1'] }),
    } as object)
    const { lookup } = options as { lookup: LookupFunction }
    return (target, callback) =>
      lookup(target.hostname, { all: true }, (fault, addresses) => {
        if (fault) return callback(fault, null)
        const [first] = addresses as { address: string }[]
        const address = first?.address ?? ''
        dialled.push(address)
        connect({ ...target, hostname: 'endpoint.test', port: String(port) }, (...[fault, socket]) => {
          if (fault) return callback(fault, null)
          Object.defineProperty(socket, 'remoteAddress', { value: saysAt ?? address })
          callback(null, socket)
        })
      })
  }
  return { connector, dialled }
}

/** A proxy that knows CONNECT alone: it answers as told, or opens the tunnel to one local port. */
export async function startProxy(
  target: number,
  judge: (http: IncomingMessage) => string | undefined = () => undefined,
) {
  const asked: { to: string | undefined; login: string | undefined }[] = []
  const server = createHttpServer((_http, response) => response.writeHead(405).end())
  server.on('connect', (http: IncomingMessage, socket: Socket) => {
    socket.on('error', () => {})
    asked.push({ to: http.url, login: http.headers['proxy-authorization'] })
    const refusal = judge(http)
    if (refusal === 'hang') return
    if (refusal === 'reset') return socket.resetAndDestroy()
    if (refusal) return socket.end(`HTTP/1.1 ${refusal}\r\ncontent-length: 0\r\n\r\n`)
    const onward = connectTcp(target, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      onward.pipe(socket).pipe(onward)
    })
    onward.on('error', () => socket.destroy())
    socket.on('close', () => onward.destroy())
  })
  return { asked, ...(await listen(server)) }
}
