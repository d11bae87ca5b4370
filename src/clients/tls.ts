import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import type { Vault } from '#base/seal.ts'
import type { CallTls } from '#outbound/dial.ts'
import type { ClientsContext } from './register.ts'
import { type ClientTls, clientInside, deleteClientTls, putClientTls } from './store.ts'

/** What an owner gives, all of it PEM; what is left out is taken away. */
export interface TlsForm {
  /** Its own first, then those between it and its authority. */
  certificate?: string | null | undefined
  privateKey?: string | null | undefined
  /** The only authorities, or certificates, that are trusted at the endpoint. */
  ca?: string | null | undefined
}

/** What of a certificate is shown. */
export interface CertificateCard {
  subject: string
  /** SHA-256 over its DER form, in pairs of hex digits. */
  fingerprint: string
  expiresAt: number
}

/** Where a private key lies, as bound into its seal. */
export const tlsKeyPlace = (id: string, clientId: string) => `client_tls:${id}:${clientId}`

/**
 * Sets the certificate that we show to a client's endpoint (RFC 8446 §4.3.2), the authorities that we trust there, or
 * both. Holds from the next call on. The private key is kept sealed and never shown.
 *
 * @throws Refusal `client_not_found`, `tls_refused` with what is wrong
 */
export async function setClientTls(
  { db, now, vault }: Pick<ClientsContext, 'db' | 'now' | 'vault'>,
  clientId: string,
  form: TlsForm,
  actor: 'user' | 'operator',
  actorId?: string,
): Promise<ClientTls> {
  const { key, ...read } = readTls(form, now())
  const id = newId('tls')
  const sealedKey = key === null ? null : vault.seal(tlsKeyPlace(id, clientId), Buffer.from(key))
  const tls = { ...read, id, clientId, sealedKey, setAt: now() }
  await db.transaction(async (tx) => {
    if (!(await clientInside(tx, clientId))) throw new Refusal('client_not_found')
    await putClientTls(tx, tls)
    const { certificate, authorities } = tlsCards(tls)
    const detail = [certificate, ...authorities].flatMap((each) => each?.subject ?? []).join('; ')
    await recordEvent(tx, {
      kind: 'app_tls_set',
      actor,
      ...(actorId ? { actorId } : {}),
      clientId,
      detail: detail.slice(0, 300),
      at: now(),
    })
  })
  return tls
}

/** From the next call on the endpoint is shown no certificate, and public authorities are trusted there. */
export const removeClientTls = (
  { db, now }: Pick<ClientsContext, 'db' | 'now'>,
  clientId: string,
  actor: 'user' | 'operator',
  actorId?: string,
) =>
  db.transaction(async (tx) => {
    if (!(await clientInside(tx, clientId))) throw new Refusal('client_not_found')
    if ((await deleteClientTls(tx, clientId)) === 0) return
    await recordEvent(tx, {
      kind: 'app_tls_removed',
      actor,
      ...(actorId ? { actorId } : {}),
      clientId,
      at: now(),
    })
  })

/** What of a client's TLS is shown. */
export const tlsCards = ({ certificate, ca }: Pick<ClientTls, 'certificate' | 'ca'>) => ({
  certificate: certificate ? (parse(certificate, 'certificate').map(card)[0] ?? null) : null,
  authorities: ca ? parse(ca, 'ca').map(card) : [],
})

/** As a call takes it. */
export const openTls = (vault: Vault, { id, clientId, certificate, sealedKey, ca }: ClientTls): CallTls => ({
  ...(certificate ? { cert: certificate } : {}),
  ...(sealedKey ? { key: vault.open(tlsKeyPlace(id, clientId), sealedKey).toString() } : {}),
  ...(ca ? { ca } : {}),
})

/** Judges what an owner gave; kept are the certificates alone, without what stood around them. */
function readTls({ certificate, privateKey, ca }: TlsForm, now: number) {
  const chain = certificate?.trim() ? parse(certificate, 'certificate') : []
  const authorities = ca?.trim() ? parse(ca, 'ca') : []
  const [own] = chain
  if (!own && authorities.length === 0)
    refuse('Give “certificate” with “private_key”, or “ca”, or all three.')
  if (!own && privateKey) refuse('The private key is there, but its “certificate” is missing.')
  if (own && !privateKey?.trim()) refuse('The “private_key” of the certificate is missing.')

  for (const each of [...chain, ...authorities]) checkTime(each, now)
  const key = own && privateKey ? readKey(own, privateKey) : null
  const kept = {
    certificate: own ? pemOf(chain) : null,
    key: key?.export({ type: 'pkcs8', format: 'pem' }).toString() ?? null,
    ca: authorities.length > 0 ? pemOf(authorities) : null,
  }
  checkUse(kept)
  // Of a chain every link is needed; of several authorities one is enough.
  const ends = [...chain.map(endOf), ...(authorities.length > 0 ? [Math.max(...authorities.map(endOf))] : [])]
  return { ...kept, endsAt: Math.min(...ends) }
}

const MOST_CERTIFICATES = 20
const BLOCK =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[^-]+-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g

function parse(text: string, field: 'certificate' | 'ca'): X509Certificate[] {
  const blocks = text.match(BLOCK) ?? []
  if (blocks.length === 0) refuse(`“${field}” must be PEM: text that holds -----BEGIN CERTIFICATE-----.`)
  if (blocks.length > MOST_CERTIFICATES)
    refuse(`“${field}” holds more than ${MOST_CERTIFICATES} certificates.`)
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block)
    } catch {
      return refuse(`Certificate ${index + 1} in “${field}” is damaged.`)
    }
  })
}

function checkTime(certificate: X509Certificate, now: number) {
  const { subject, expiresAt } = card(certificate)
  if (expiresAt <= now) refuse(`The certificate of ${subject} ended on ${day(expiresAt)}.`)
  const from = Date.parse(certificate.validFrom)
  if (from > now) refuse(`The certificate of ${subject} is not valid before ${day(from)}.`)
}

function readKey(own: X509Certificate, text: string): KeyObject {
  if (/ENCRYPTED/.test(text)) {
    refuse('The private key is locked by a passphrase. Give it without; it is kept encrypted here.')
  }
  const key = toPrivateKey(text)
  if (!own.checkPrivateKey(key)) refuse('The private key is not that of the first certificate.')
  return key
}

function toPrivateKey(text: string): KeyObject {
  try {
    return createPrivateKey(text)
  } catch {
    return refuse('“private_key” must be one private key as PEM.')
  }
}

/** What the TLS library itself will not take, for instance a key that is too short. */
function checkUse({
  certificate,
  key,
  ca,
}: {
  certificate: string | null
  key: string | null
  ca: string | null
}) {
  try {
    createSecureContext({
      ...(certificate && key ? { cert: certificate, key } : {}),
      ...(ca ? { ca } : {}),
      minVersion: 'TLSv1.2',
    })
  } catch {
    refuse(
      'TLS cannot be spoken with it; perhaps its key is too short (RSA needs 2048 bits), or of an unusual kind.',
    )
  }
}

const pemOf = (certificates: X509Certificate[]): string => certificates.map(String).join('')
const endOf = ({ validTo }: X509Certificate): number => Date.parse(validTo)
const day = (at: number): string => new Date(at).toISOString().slice(0, 10)

const card = (certificate: X509Certificate): CertificateCard => ({
  subject: certificate.subject.split('\n').join(', ').slice(0, 200),
  fingerprint: certificate.fingerprint256,
  expiresAt: endOf(certificate),
})

function refuse(detail: string): never {
  throw new Refusal('tls_refused', { detail })
}
