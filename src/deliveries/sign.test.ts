import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { Webhook, WebhookVerificationError } from 'standardwebhooks'
import { MINUTE } from '#base/clock.ts'
import { signedHeaders } from './sign.ts'

const newKey = () => {
  const bytes = randomBytes(32)
  return { key: createSecretKey(bytes), webhook: new Webhook(`whsec_${bytes.toString('base64')}`) }
}
const asSent = { jsonParse: false }

test('the official library verifies what we sign, byte for byte, whatever the body holds', () => {
  const { key, webhook } = newKey()
  const id = fc.stringMatching(/^dlv_[0-9a-f]{32}$/)
  fc.assert(
    fc.property(id, fc.string({ unit: 'binary' }), (id, text) => {
      const body = Buffer.from(text)
      webhook.verify(body, signedHeaders(id, Date.now(), body, [key]), asSent)
    }),
  )
})

test('a change of one byte of the body, of the id or of the time is found', () => {
  const { key, webhook } = newKey()
  const body = Buffer.from('{"access_token":"ey.ey.sig","token_type":"Bearer"}')
  const headers = signedHeaders('dlv_1', Date.now(), body, [key])
  const refuses = (bytes: Buffer, sent: Record<string, string>) =>
    assert.throws(() => webhook.verify(bytes, sent, asSent), WebhookVerificationError)

  fc.assert(
    fc.property(fc.nat({ max: body.length - 1 }), fc.integer({ min: 1, max: 127 }), (at, flip) => {
      const changed = Buffer.from(body)
      changed[at] = (changed[at] ?? 0) ^ flip
      refuses(changed, headers)
    }),
  )
  refuses(body, { ...headers, 'webhook-id': 'dlv_2' })
  refuses(body, { ...headers, 'webhook-timestamp': String(Number(headers['webhook-timestamp']) + 1) })
  refuses(body, signedHeaders('dlv_1', Date.now() - 6 * MINUTE, body, [key]))
  refuses(body, signedHeaders('dlv_1', Date.now(), body, [newKey().key]))
})

test('while a key is changed, receivers that know either one are content', () => {
  const [next, last, stranger] = [newKey(), newKey(), newKey()]
  const body = Buffer.from('{"a":1}')
  const headers = signedHeaders('dlv_1', Date.now(), body, [next.key, last.key])

  assert.equal(headers['webhook-signature']?.split(' ').length, 2)
  assert.deepEqual(next.webhook.verify(body, headers), { a: 1 })
  assert.deepEqual(last.webhook.verify(body, headers), { a: 1 })
  assert.throws(() => stranger.webhook.verify(body, headers), WebhookVerificationError)
})

test('the time is in whole seconds, rounded down', () => {
  const { key } = newKey()
  const headers = signedHeaders('dlv_1', 1_732_226_400_999, Buffer.from('{}'), [key])
  assert.equal(headers['webhook-timestamp'], '1732226400')
})
