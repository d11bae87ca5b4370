import { X509Certificate } from 'node:crypto'
import type { BlockList } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { FastifyRequest } from 'fastify'
import { Refusal } from '#base/errors.ts'

/** The certificate that a caller has shown, and holds the key of. */
export interface ShownCertificate {
  x509: X509Certificate
  /** Issued by an authority that the operator has named, and good now. */
  isTrusted: boolean
}

/** Whose word on certificates is believed, besides that of our own TLS listener. */
interface CertificateRule {
  /** Proxies that end TLS, and say in a header what they were shown. */
  proxies: BlockList
  header: string
  authorities: readonly X509Certificate[]
}

/** How certificates of clients come to us, and where they are shown. */
export interface Certificates extends CertificateRule {
  /** Where endpoints are that take them; undefined where these are the ordinary ones. */
  origin: string | undefined
}

/**
 * The certificate of a call: of its own TLS connection, or as a proxy says.
 *
 * @throws Refusal `input_invalid` for a header that is not from such a proxy, or holds no certificate
 */
export function certificateOf(
  { proxies, header, authorities }: CertificateRule,
  http: FastifyRequest,
  now: number,
): ShownCertificate | undefined {
  const { socket } = http.raw
  const text = http.headers[header]
  if (text !== undefined && !isListed(proxies, socket.remoteAddress)) {
    const detail = `The header ${header} is taken from the proxies of this server alone.`
    throw new Refusal('input_invalid', { detail })
  }
  if (socket instanceof TLSSocket) {
    const x509 = socket.getPeerX509Certificate()
    return x509 && { x509, isTrusted: socket.authorized }
  }
  if (text === undefined || text === '') return undefined
  const x509 = parse(String(text), header)
  return { x509, isTrusted: authorities.some((authority) => isIssued(x509, authority, now)) }
}

const isListed = (list: BlockList, address = ''): boolean =>
  list.check(
    address.replace(/^::ffff:/, ''),
    address.includes(':') && !address.includes('.') ? 'ipv6' : 'ipv4',
  )

/** A byte sequence of RFC 9440 §2.1, or PEM in percent-encoding as nginx and its kin have it. */
function parse(text: string, header: string): X509Certificate {
  try {
    const [, encoded] = /^:([\w+/=]+):$/.exec(text) ?? []
    return new X509Certificate(encoded ? Buffer.from(encoded, 'base64') : decodeURIComponent(text))
  } catch (cause) {
    throw new Refusal('input_invalid', { detail: `The header ${header} holds no certificate.`, cause })
  }
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

/** Issued by it directly, for a client or for whatever, and both in their time. */
const isIssued = (x509: X509Certificate, authority: X509Certificate, now: number): boolean =>
  authority.ca &&
  x509.checkIssued(authority) &&
  x509.verify(authority.publicKey) &&
  isInTime(x509, now) &&
  isInTime(authority, now) &&
  (x509.keyUsage?.includes(CLIENT_AUTH) ?? true)

export const isInTime = ({ validFrom, validTo }: X509Certificate, now: number): boolean =>
  Date.parse(validFrom) <= now && now < Date.parse(validTo)
