import { hash, type X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { Refusal } from '#base/errors.ts'

/** By what in a certificate a client is known (RFC 8705 §2.1.2). */
export const TLS_SUBJECT_KINDS = ['subject_dn', 'san_dns', 'san_uri', 'san_ip', 'san_email'] as const
type Kind = (typeof TLS_SUBJECT_KINDS)[number]

/**
 * Reads by what a client will be known, `KIND:VALUE`.
 *
 * @throws Refusal `client_metadata_refused` with what is wrong
 */
export function readTlsSubject(text: string): string {
  const { kind, value } = parse(text)
  const isFit = kind !== undefined && value.length <= 500 && !/\p{C}/u.test(value) && FORMS[kind](value)
  if (isFit) return text
  throw new Refusal('client_metadata_refused', {
    detail: `The subject of its certificate must be one of ${TLS_SUBJECT_KINDS.join(', ')}, a colon, and a value of that kind.`,
  })
}

/** Whether a certificate says that it is the client's. Who issued it is for the caller to have looked at. */
export function isSubject(registered: string, x509: X509Certificate): boolean {
  const { kind, value } = parse(registered)
  switch (kind) {
    case 'subject_dn':
      return sameName(nameOf(value), subjectOf(x509))
    case 'san_dns':
      return x509.checkHost(value, { subject: 'never', wildcards: false }) !== undefined
    case 'san_ip':
      return x509.checkIP(value) !== undefined
    case 'san_email':
      return x509.checkEmail(value, { subject: 'never' }) !== undefined
    case 'san_uri':
      return urisOf(x509).includes(value)
    default:
      return false
  }
}

/** SHA-256 of the DER form: what a token is bound to (RFC 8705 §3.1). */
export const certificateThumbprint = ({ raw }: X509Certificate): string => hash('sha256', raw, 'base64url')

const FORMS: Record<Kind, (value: string) => boolean> = {
  subject_dn: (value) => nameOf(value).length > 0,
  // One that begins with a dot would stand for all names below it.
  san_dns: (value) => /^[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(value),
  san_uri: (value) => URL.canParse(value),
  san_ip: (value) => isIP(value) !== 0,
  san_email: (value) => /^[^\s@]+@[^\s@]+$/.test(value),
}

function parse(text: string): { kind: Kind | undefined; value: string } {
  const at = text.indexOf(':')
  const word = text.slice(0, Math.max(at, 0))
  return { kind: TLS_SUBJECT_KINDS.find((each) => each === word), value: text.slice(at + 1) }
}

/** A distinguished name as a list, in the order of the certificate. Each part is `TYPE=value`, or several in one. */
type Name = string[]

const sameName = (a: Name, b: Name) =>
  a.length > 0 && a.length === b.length && a.every((part, i) => part === b[i])

/** RFC 4514 writes the last part first. */
const nameOf = (text: string): Name => split(text, ',').map(partOf).reverse()

/** Node writes a part a line, in the order of the certificate, with the escapes of RFC 2253. */
const subjectOf = ({ subject }: X509Certificate): Name => (subject ?? '').split('\n').map(partOf)

const partOf = (text: string): string =>
  split(text, '+')
    .map((each) => {
      const at = each.indexOf('=')
      return `${each.slice(0, at).trim().toUpperCase()}=${plain(each.slice(at + 1).trim())}`
    })
    .sort()
    .join('+')

/** At a sign that no backslash stands before. */
const split = (text: string, sign: string): string[] =>
  (text.match(new RegExp(`(?:\\\\.|[^\\\\${sign}])+`, 'gs')) ?? []).map((each) => each.trim())

/** RFC 4514 §3: pairs of hex digits are bytes of UTF-8, any other sign stands for itself. */
const plain = (text: string): string =>
  Buffer.concat(
    (text.match(/\\[0-9a-f]{2}|\\.|[^\\]+/gis) ?? []).map((piece) =>
      /^\\[0-9a-f]{2}$/i.test(piece)
        ? Buffer.from(piece.slice(1), 'hex')
        : Buffer.from(piece.replace(/^\\/, '')),
    ),
  ).toString('utf8')

/** Node quotes what could be taken for more than one name. */
const urisOf = ({ subjectAltName = '' }: X509Certificate): string[] =>
  [...subjectAltName.matchAll(/(?:^|, )([\w ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)].flatMap(
    ([, kind, value = '']) =>
      kind === 'URI' ? [value.startsWith('"') ? (JSON.parse(value) as string) : value] : [],
  )
