import { createHmac, type KeyObject } from 'node:crypto'

/**
 * Headers by which a receiver knows that a POST is ours and is no replay (Standard Webhooks 1.0.0): the id stays the
 * same over all attempts, the time is that of the attempt. Signed are the bytes as sent.
 *
 * @param keys all keys that are valid now; during a change of key there are two
 * @param now epoch milliseconds; the header holds seconds
 */
export function signedHeaders(
  id: string,
  now: number,
  body: Uint8Array,
  keys: KeyObject[],
): Record<string, string> {
  const timestamp = String(Math.floor(now / 1_000))
  const signatures = keys.map((key) => {
    const mac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body)
    return `v1,${mac.digest('base64')}`
  })
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
