import { createPublicKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Agent } from 'undici'

export const pathOf = (name: string) => fileURLToPath(new URL(`tls/${name}`, import.meta.url))
const read = (name: string) => readFileSync(pathOf(name), 'utf8')

export type ClientName = 'agent' | 'other' | 'server-only' | 'self-signed'

export const certificateOf = (name: ClientName) => new X509Certificate(read(`${name}.pem`))

/** Calls by TLS, showing this certificate, or none. */
export const callerWith = (name?: ClientName) =>
  new Agent({
    connect: {
      ca: read('ca.pem'),
      ...(name ? { cert: read(`${name}.pem`), key: read(`${name}.key`) } : {}),
    },
  })

/** As a client registers it (RFC 7517 §4.7). */
export const certificateJwks = (name: ClientName) => {
  const { publicKey, raw } = certificateOf(name)
  return {
    keys: [
      {
        ...createPublicKey(publicKey.export({ format: 'pem', type: 'spki' })).export({ format: 'jwk' }),
        x5c: [raw.toString('base64')],
      },
    ],
  }
}

/** Settings of a server that takes certificates on a port of its own. */
export const MTLS_ENV = {
  COUNTERSIGN_MTLS_PORT: '0',
  COUNTERSIGN_MTLS_CERTIFICATE: pathOf('server.pem'),
  COUNTERSIGN_MTLS_KEY: pathOf('server.key'),
  COUNTERSIGN_MTLS_CA: pathOf('clients-ca.pem'),
}
