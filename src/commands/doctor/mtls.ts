import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { DAY } from '#base/clock.ts'
import type { Config } from '../../config.ts'
import { type Finding, sentenceOf } from './finding.ts'

const SOON_MS = 14 * DAY
const what = 'mTLS'

type Files = Pick<Config, 'mtlsPort' | 'mtlsProxies' | 'mtlsCertificate' | 'mtlsKey' | 'mtlsCa'>

/**
 * The certificate by which clients know the port that takes theirs, and the authorities of theirs: that the files are
 * there, belong together, and last a while.
 */
export async function mtlsFinding(config: Files, now = Date.now): Promise<Finding> {
  const { mtlsPort, mtlsProxies, mtlsCertificate, mtlsKey, mtlsCa } = config
  if (mtlsPort === undefined && mtlsProxies === undefined)
    return { state: 'off', what, say: 'no client comes by a certificate' }
  try {
    const own =
      mtlsPort === undefined
        ? []
        : await ownChain(
            need(mtlsCertificate, 'COUNTERSIGN_MTLS_CERTIFICATE'),
            need(mtlsKey, 'COUNTERSIGN_MTLS_KEY'),
          )
    const authorities = mtlsCa === undefined ? [] : await certificatesIn(mtlsCa)
    return judge([...own, ...authorities], now())
  } catch (fault) {
    return { state: 'bad', what, say: `${sentenceOf(fault)} Clients by certificate are not let in.` }
  }
}

interface Read {
  path: string
  x509: X509Certificate
}

const need = (path: string | undefined, setting: string): string => {
  if (path === undefined) throw new Error(`${setting} is missing.`)
  return path
}

/** The server's own certificate, and those that it shows with it. */
async function ownChain(path: string, keyPath: string): Promise<Read[]> {
  const chain = await certificatesIn(path)
  const key = createPrivateKey(await textOf(keyPath))
  if (chain[0]?.x509.checkPrivateKey(key)) return chain
  throw new Error(`${keyPath} is not the key of ${path}.`)
}

async function certificatesIn(path: string): Promise<Read[]> {
  const found = (await textOf(path)).match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  if (!found) throw new Error(`${path} holds no certificate in PEM.`)
  return found.map((pem) => ({ path, x509: new X509Certificate(pem) }))
}

const textOf = (path: string): Promise<string> =>
  readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new Error(`${path} cannot be read (${cause.code}).`, { cause })
  })

/** By the one that ends first: with any of them clients are refused. */
function judge(read: readonly Read[], now: number): Finding {
  const [first] = read
    .map(({ path, x509 }) => ({ path, endsAt: Date.parse(x509.validTo) }))
    .sort((a, b) => a.endsAt - b.endsAt)
  if (!first) return { state: 'ok', what, say: 'certificates come by way of a proxy' }
  const day = new Date(first.endsAt).toISOString().slice(0, 10)
  if (first.endsAt <= now) {
    const say = `${first.path} ended on ${day}, and clients are refused. Put a new one there; a running server reads it within a minute.`
    return { state: 'bad', what, say }
  }
  const say = `the certificate that ends first is in ${first.path}, on ${day}`
  if (first.endsAt > now + SOON_MS) return { state: 'ok', what, say }
  return { state: 'soon', what, say: `${say}. See why it was not renewed.` }
}
