import { createHmac, type KeyObject, sign } from 'node:crypto'

/**
 * Headers by which a receiver knows that a POST is ours and is no replay (Standard Webhooks 1.0.0): the id stays the
 * same over all attempts, the time is that of the attempt. Signed are the bytes as sent.
 *
 * @param keys all keys that are valid now, secret ones for `v1` (HMAC-SHA256), private ones for `v1a` (Ed25519); during a
 *   change of key there are two of a kind
 * @param now epoch milliseconds; the header holds seconds
 */
export function signedHeaders(
  id: string,
  now: number,
  body: Uint8Array,
  keys: KeyObject[],
): Record<string, string> {
  const timestamp = String(Math.floor(now / 1_000))
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body])
  const signatures = keys.map((key) =>
    key.type === 'secret'
      ? `v1,${createHmac('sha256', key).update(signed).digest('base64')}`
      : `v1a,${sign(null, signed, key).toString('base64')}`,
  )
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}
