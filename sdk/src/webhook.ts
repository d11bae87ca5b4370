import { fromBase64, utf8 } from './bytes.ts'
import { badDelivery, type Incoming, type Message, readMessage } from './incoming.ts'

/** No sender has more keys at a time; what lists more wants to keep us busy. */
const MOST_SIGNATURES = 16
const TOLERANCE_MS = 300_000

/**
 * Checks that a POST was signed with one of these keys (Standard Webhooks 1.0.0, v1 and v1a), and is no replay.
 *
 * @param keys `whsec_…` (v1) and `whpk_…` (v1a); while a key is changed the old and the new one
 * @param toleranceMs how old it may be, or ahead; 300,000 if not said
 * @returns the message, with an id that is the same each time that it comes
 * @throws CountersignError `bad_delivery`, with the status to answer
 */
export async function verifyWebhook(
  incoming: Incoming,
  keys: readonly string[],
  { toleranceMs = TOLERANCE_MS }: { toleranceMs?: number | undefined } = {},
): Promise<Message & { id: string }> {
  const message = await readMessage(incoming)
  const { header, body } = message
  const id = header('webhook-id')
  const time = header('webhook-timestamp')
  // What is no number is not near.
  const isNear = Math.abs(Date.now() - Number(time || NaN) * 1_000) <= toleranceMs
  const signed = new Uint8Array([...utf8(`${id}.${time}.`), ...body])
  if (id && isNear) {
    for (const entry of header('webhook-signature').split(' ').slice(0, MOST_SIGNATURES)) {
      for (const key of keys) if (await isSigned(key, entry, signed)) return { ...message, id }
    }
  }
  return badDelivery(isNear ? 'not signed by any of the keys' : 'too old, or from the future')
}

async function isSigned(key: string, entry: string, signed: Uint8Array<ArrayBuffer>) {
  const [scheme, signature = ''] = entry.split(',')
  const isPublic = key.startsWith('whpk_')
  if (scheme !== (isPublic ? 'v1a' : 'v1')) return false
  try {
    const alg = isPublic ? { name: 'Ed25519' } : { name: 'HMAC', hash: 'SHA-256' }
    const bytes = fromBase64(key.replace(/^wh\w+?_/, ''))
    const imported = await crypto.subtle.importKey('raw', bytes, alg, false, ['verify'])
    return await crypto.subtle.verify(alg.name, imported, fromBase64(signature), signed)
  } catch {
    return false
  }
}
