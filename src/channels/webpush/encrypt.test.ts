import assert from 'node:assert/strict'
import { createECDH, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import ece from 'http_ece'
import { encryptPush } from './encrypt.ts'

const base64url = (text: string) => Buffer.from(text, 'base64url')

test('the example of RFC 8291, Appendix A, comes out byte for byte', () => {
  const body = encryptPush(
    {
      p256dh: base64url(
        'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
      ),
      auth: base64url('BTBZMqHH6r4Tts7J_aSIgg'),
    },
    'When I grow up, I want to be a watermelon',
    {
      salt: base64url('DGv6ra1nlYgDCS1FRnbzlw'),
      privateKey: base64url('yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw'),
      // The example is not padded.
      size: 42,
    },
  )
  assert.equal(
    body.toString('base64url'),
    'DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN',
  )
})

test('every message has one length, whatever it says, and http_ece reads it', () => {
  const browser = createECDH('prime256v1')
  browser.generateKeys()
  const auth = randomBytes(16)
  const keys = { p256dh: browser.getPublicKey(), auth }
  for (const text of ['', 'a', 'अनुरोध '.repeat(80)]) {
    const body = encryptPush(keys, text)
    assert.equal(body.length, 2_150)
    const plain = ece.decrypt(body, {
      version: 'aes128gcm',
      privateKey: browser,
      authSecret: auth.toString('base64url'),
    })
    assert.equal(plain.toString(), text)
  }
  assert.throws(() => encryptPush(keys, 'x'.repeat(2_048)), RangeError)
})

test('a key that lies on no curve is refused', () => {
  const p256dh = Buffer.alloc(65, 1)
  p256dh[0] = 4
  assert.throws(() => encryptPush({ p256dh, auth: randomBytes(16) }, 'hello'))
})
