import { createServer } from 'node:https'
import { connect } from 'node:net'
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls'
import { listen, testTls } from './outside.ts'

/** From here on this process trusts the authority of the tests, as a program would that is given NODE_EXTRA_CA_CERTS. */
export const trustTestAuthority = () =>
  setDefaultCACertificates([...getCACertificates('default'), testTls.ca])

/** What ends TLS in front of a server, for clients that speak https alone. */
export async function startHttpsFront() {
  let inner = 0
  const server = createServer(testTls.server)
  // What comes out of TLS goes on as it is.
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (outer: TLSSocket) => {
    const way = connect(inner, '127.0.0.1')
    way.on('error', () => outer.destroy()).on('close', () => outer.destroy())
    outer.on('error', () => way.destroy()).on('close', () => way.destroy())
    outer.pipe(way).pipe(outer)
  })
  const { port, [Symbol.asyncDispose]: end } = await listen(server)
  return {
    domain: `localhost:${port}`,
    origin: `https://localhost:${port}`,
    /** The port of the server behind it. */
    leadTo: (port: number) => {
      inner = port
    },
    [Symbol.asyncDispose]: end,
  }
}
