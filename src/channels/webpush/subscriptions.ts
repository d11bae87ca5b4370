import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import type { Vault } from '#base/seal.ts'
import { contactPlace } from '#notices/sealed.ts'
import {
  type Contact,
  contactByAddress,
  contactsInside,
  deleteContact,
  insertContact,
} from '#notices/store.ts'
import type { UrlPolicy } from '#outbound/policy.ts'
import { parseOutboundUrl } from '#outbound/url.ts'
import type { Transaction } from '#store/database.ts'
import type { PushKeys } from './encrypt.ts'

export const CHANNEL = 'webpush'

/** Devices of one user at a time; the one that was added first gives way. */
const MOST_DEVICES = 20

/** What a browser gives us (`PushSubscription.toJSON()`, Push API §8). */
export interface Subscription {
  endpoint: string
  keys: PushKeys
}

interface Subscriber {
  userId: string
  sessionId: string
  /** What the user knows the device by. */
  label: string | null
  language: string | null
}

/**
 * Notes that a browser wants to be told. The same browser may come again, also under another account: it is then told
 * for that one alone.
 */
export async function subscribe(
  tx: Transaction,
  vault: Vault,
  { endpoint, keys }: Subscription,
  { userId, sessionId, label, language }: Subscriber,
  now: number,
): Promise<{ id: string; isNew: boolean }> {
  const known = await contactByAddress(tx, CHANNEL, endpoint)
  if (known) await deleteContact(tx, known.id, known.userId)
  const isNew = known?.userId !== userId
  const id = known && !isNew ? known.id : newId('con')
  await insertContact(tx, {
    id,
    userId,
    channel: CHANNEL,
    address: endpoint,
    sealed: vault.seal(contactPlace(id, userId), Buffer.concat([keys.p256dh, keys.auth])),
    label,
    language,
    sessionId,
    createdAt: known && !isNew ? known.createdAt : now,
  })
  if (isNew) {
    await recordEvent(tx, { kind: 'contact_added', actor: 'user', userId, detail: CHANNEL, at: now })
    await makeRoom(tx, userId)
  }
  return { id, isNew }
}

async function makeRoom(tx: Transaction, userId: string) {
  const devices = (await contactsInside(tx, userId)).filter(({ channel }) => channel === CHANNEL)
  for (const { id } of devices.slice(0, -MOST_DEVICES)) await deleteContact(tx, id, userId)
}

/** The keys of a browser, as they were kept. */
export function keysOf(vault: Vault, { id, userId, sealed }: Contact): PushKeys {
  const bytes = vault.open(contactPlace(id, userId), sealed ?? new Uint8Array())
  return { p256dh: bytes.subarray(0, POINT), auth: bytes.subarray(POINT) }
}

const POINT = 65
const AUTH = 16

/**
 * Reads the endpoint and keys that a page sends. The endpoint is a stranger's text that we shall POST to: only the push
 * services of browsers are let through.
 *
 * @param hosts that may be pushed to; `*.example.com` stands for every name under it
 * @throws Refusal `push_refused`
 */
export function readSubscription(
  { endpoint, p256dh, auth }: { endpoint: string; p256dh: string; auth: string },
  policy: UrlPolicy,
  hosts: readonly string[],
): Subscription {
  const keys = { p256dh: Buffer.from(p256dh, 'base64url'), auth: Buffer.from(auth, 'base64url') }
  if (keys.p256dh.length !== POINT || keys.p256dh[0] !== 4 || keys.auth.length !== AUTH)
    throw new Refusal('push_refused', { detail: 'The keys of the subscription are not those of a browser.' })
  return { endpoint: requirePushHost(endpoint, policy, hosts).href, keys }
}

/** @throws Refusal `push_refused` */
export function requirePushHost(endpoint: string, policy: UrlPolicy, hosts: readonly string[]): URL {
  const url = URL.parse(endpoint)
  const isKnown = hosts.some((host) =>
    host.startsWith('*.') ? url?.hostname.endsWith(host.slice(1)) : url?.hostname === host,
  )
  if (!url || !(isKnown || policy.isOpen)) throw new Refusal('push_refused')
  try {
    return parseOutboundUrl(endpoint, policy)
  } catch (cause) {
    throw new Refusal('push_refused', { cause })
  }
}
