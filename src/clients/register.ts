import { recordEvent } from '#audit/events.ts'
import type { Clock } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { newId, uuidv7 } from '#base/ids.ts'
import type { Vault } from '#base/seal.ts'
import { hashSecret, newSecret } from '#base/secrets.ts'
import { parseOutboundUrl, type UrlPolicy } from '#outbound/url.ts'
import type { Database, Transaction } from '#store/database.ts'
import type { Catalogue } from './catalogue.ts'
import { readEncryptionKey } from './encryption.ts'
import { addSigningSecret } from './signing.ts'
import { type Client, insertClient, insertSecret, type Outcome, type Profile } from './store.ts'

export interface ClientsContext {
  db: Database
  now: Clock
  vault: Vault
  urlPolicy: UrlPolicy
  /** Which rules all initiators must keep. */
  profile: Profile
  /** What the operator gave words to. */
  catalogue: Catalogue
}

/** What an owner may say of an app. */
export interface ClientForm {
  name: string
  purpose?: string | null | undefined
  redirectUrl?: string | null | undefined
  postbackUrl?: string | null | undefined
  notifierUrl?: string | null | undefined
  /** JSON text of a public JWK. */
  encryptionKey?: string | null | undefined
  /** How requests of a test app are answered by themselves. */
  simulate?: Outcome | null | undefined
  /** 60 to 86,400; null for the server's rule alone. */
  tokenLifeSeconds?: number | null | undefined
}

export interface NewClient extends ClientForm {
  kind: Client['kind']
  mode?: Client['mode'] | undefined
  userId?: string | undefined
  /** Who registers it: its owner, or the operator. */
  actor: 'user' | 'operator'
  /** Which operator. */
  actorId?: string
  /** Whether it gets a secret to authenticate by; it does if not said. */
  hasSecret?: boolean
}

/**
 * Registers a client. Its secrets are answered this once: the one by which it authenticates is kept as a hash, the one
 * that signs its deliveries is kept sealed.
 *
 * @param also what else must be noted of it, or there is no client
 * @throws Refusal `app_name_missing`, `notifier_refused`, `encryption_key_refused`
 */
export async function registerClient(
  { db, now, vault, urlPolicy }: ClientsContext,
  form: NewClient,
  also?: (tx: Transaction, clientId: string) => Promise<void>,
) {
  const isTest = form.mode === 'test'
  if (form.simulate && !isTest) throw new Refusal('client_not_test')
  const client: Client = {
    id: uuidv7(),
    kind: form.kind,
    userId: form.userId ?? null,
    // An app of one user asks nobody else, and one in test mode asks nobody; one that asks many is looked at first,
    // unless the operator made it.
    state: form.kind === 'initiator' && form.actor === 'user' && !isTest ? 'under_review' : 'active',
    mode: isTest ? 'test' : 'live',
    notifierChangedAt: null,
    deletesAt: null,
    createdAt: now(),
    ...checkForm(form, urlPolicy),
  }
  return db.transaction(async (tx) => {
    await insertClient(tx, client)
    const clientSecret = form.hasSecret === false ? undefined : await addSecret(tx, client, now())
    const signingSecret = await addSigningSecret(tx, {
      vault,
      clientId: client.id,
      scheme: 'v1',
      now: now(),
    })
    await recordEvent(tx, {
      kind: 'app_registered',
      actor: form.actor,
      ...(form.actorId ? { actorId: form.actorId } : {}),
      clientId: client.id,
      ...(client.userId ? { userId: client.userId } : {}),
      detail: client.name,
      at: now(),
    })
    await also?.(tx, client.id)
    return { client, clientSecret, signingSecret }
  })
}

/** Makes a secret by which the client authenticates. Only its hash is kept. */
export async function addSecret(
  tx: Transaction,
  { id: clientId, mode }: Pick<Client, 'id' | 'mode'>,
  now: number,
): Promise<string> {
  const secret = newSecret(mode === 'test' ? 'cs_test' : 'cs_secret')
  await insertSecret(tx, {
    id: newId('sec'),
    clientId,
    hash: hashSecret(secret),
    prefix: secret.slice(0, 14),
    createdAt: now,
  })
  return secret
}

/** @throws Refusal `app_name_missing`, `notifier_refused`, `redirect_wrong`, `encryption_key_refused` */
export function checkForm(form: ClientForm, policy: UrlPolicy) {
  const name = form.name.trim()
  if (name === '' || name.length > 80 || /\p{C}/u.test(name)) throw new Refusal('app_name_missing')
  const url = (text: string | null | undefined) => (text?.trim() ? outboundText(text.trim(), policy) : null)
  return {
    name,
    purpose: form.purpose?.trim() || null,
    redirectUrl: redirectTarget(form.redirectUrl),
    postbackUrl: url(form.postbackUrl),
    notifierUrl: url(form.notifierUrl),
    encryptionKey: form.encryptionKey?.trim() ? readEncryptionKey(form.encryptionKey) : null,
    simulate: form.simulate ?? null,
    tokenLifeSeconds: form.tokenLifeSeconds ?? null,
  }
}

/** As it is dialled; a bare origin is left without the slash that nobody wrote. */
function outboundText(text: string, policy: UrlPolicy): string {
  const { href } = parseOutboundUrl(text, policy)
  return href === `${text}/` ? text : href
}

/** A redirect is followed by the user's own browser, which may well be on the same machine as the app. */
export function redirectTarget(text: string | null | undefined): string | null {
  if (!text?.trim()) return null
  const url = URL.parse(text.trim())
  const isLoopback =
    url?.hostname === '127.0.0.1' || url?.hostname === 'localhost' || url?.hostname === '[::1]'
  if (url && !url.hash && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback)))
    return text.trim()
  throw new Refusal('redirect_wrong', {
    detail: 'The Redirect URL must be a whole https:// address (http:// on this machine only) without a #.',
  })
}
