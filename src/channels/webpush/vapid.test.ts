import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { test } from 'node:test'
import webPush from 'web-push'
import { HOUR } from '#base/clock.ts'
import { heldClock } from '../../../test/support/server.ts'
import { createVapid } from './vapid.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

test('the header says what web-push says with the same key, and its signature holds', () => {
  const now = heldClock(Date.now()).now
  const vapid = createVapid({
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }),
    subject: 'mailto:ops@example.com',
    now,
  })
  const own = parse(vapid.authorization(new URL('https://push.example.net/abc')))
  const peer = parse(
    webPush.getVapidHeaders(
      'https://push.example.net',
      'mailto:ops@example.com',
      vapid.publicKey,
      privateKey.export({ format: 'jwk' }).d ?? '',
      'aes128gcm',
      own.claims.exp,
    ).Authorization,
  )
  assert.deepEqual([own.head, own.claims, own.key], [peer.head, peer.claims, peer.key])
  for (const { text, signature } of [own, peer])
    assert.ok(verify('sha256', text, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature))
  assert.ok(own.claims.exp * 1_000 - now() <= 24 * HOUR)
  assert.equal(createPublicKey(privateKey).export({ format: 'jwk' }).kty, 'EC')
})

test('one header serves each push service for hours, and is renewed before it ends', () => {
  const clock = heldClock()
  const vapid = createVapid({
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }),
    subject: 'https://sign.example.com',
    now: clock.now,
  })
  const [one, other] = [new URL('https://a.example/1'), new URL('https://b.example/1')]
  const first = vapid.authorization(one)
  assert.equal(vapid.authorization(new URL('https://a.example/2')), first)
  assert.notEqual(vapid.authorization(other), first)
  clock.forward(6 * HOUR)
  const next = vapid.authorization(one)
  assert.notEqual(next, first)
  // A clock that was set back leaves no header that is too long for its time.
  clock.forward(-20 * HOUR)
  assert.notEqual(vapid.authorization(one), next)
})

function parse(header: string) {
  const [, token = '', key = ''] = /^vapid t=([^,]+), k=(.+)$/.exec(header) ?? []
  const [head = '', body = '', signature = ''] = token.split('.')
  const json = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString())
  return {
    head: json(head),
    claims: json(body) as { aud: string; exp: number; sub: string },
    key,
    text: Buffer.from(`${head}.${body}`),
    signature: Buffer.from(signature, 'base64url'),
  }
}
