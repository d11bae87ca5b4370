import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { BlockList } from 'node:net'
import type { Log } from '#base/log.ts'
import type { Certificates } from '#http/certificates.ts'
import { listenForCertificates } from '#http/mtls.ts'
import type { Server } from '#http/server.ts'
import { type Config, SettingError } from '../config.ts'

/**
 * Reads whose word on certificates is believed.
 *
 * @returns undefined when no way is set on which one could come
 * @throws SettingError
 */
export async function openCertificates(config: Config): Promise<Certificates | undefined> {
  const { mtlsPort, mtlsProxies, mtlsHeader: header, mtlsCa, mtlsUrl } = config
  if (mtlsPort === undefined && mtlsProxies === undefined) return undefined
  if (mtlsPort !== undefined && !(config.mtlsCertificate && config.mtlsKey)) {
    throw new SettingError(
      'COUNTERSIGN_MTLS_PORT needs COUNTERSIGN_MTLS_CERTIFICATE and COUNTERSIGN_MTLS_KEY. Example: /etc/countersign/mtls.pem',
    )
  }
  const proxies = mtlsProxies ?? new BlockList()
  return { proxies, header, authorities: mtlsCa ? await readAuthorities(mtlsCa) : [], origin: mtlsUrl }
}

/** Opens the port on which certificates are shown, if there is one, and says where it is. */
export async function startMtls(
  server: Server,
  config: Config,
  { certificates, site, log }: { certificates: Certificates | undefined; site: { origin: string }; log: Log },
): Promise<{ stop(): Promise<void> }> {
  const { mtlsPort: port, mtlsCertificate: certificate, mtlsKey: key, mtlsCa: ca, host } = config
  if (!certificates || port === undefined || !certificate || !key) return { async stop() {} }
  const listener = await listenForCertificates(server, {
    host,
    port,
    files: { certificate, key, ca },
    isServed: (path) => SERVED.test(path),
    log,
  }).catch((cause) => {
    throw new SettingError(`The mTLS port cannot be opened: ${(cause as Error).message}`, { cause })
  })
  certificates.origin ??= `https://${new URL(site.origin).hostname}:${listener.port}`
  return listener
}

/** What clients call; the pages are not among it, for passkeys belong to their own address. */
const SERVED =
  /^\/(?:bc-authorize|token|oauth\/token|introspect|revoke|jwks|\.well-known\/[\w-]+|v1\/(?:requests|links|listen)(?:\/[\w-]+)*)$/

async function readAuthorities(path: string): Promise<X509Certificate[]> {
  const pem = await readFile(path, 'utf8').catch((cause) => {
    throw new SettingError(`COUNTERSIGN_MTLS_CA names a file that cannot be read: ${path}`, { cause })
  })
  const found = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  try {
    if (found.length > 0) return found.map((each) => new X509Certificate(each))
  } catch {}
  throw new SettingError(`COUNTERSIGN_MTLS_CA must name a file of certificates in PEM: ${path}`)
}
