import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { calculateJwkThumbprint, compactDecrypt, type JWK } from 'jose'
import { Refusal } from '#base/errors.ts'
import { encryptFor, encryptionKeyCard, readEncryptionKey } from './encryption.ts'

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ecJwk = ec.publicKey.export({ format: 'jwk' })
const rsaJwk = rsa.publicKey.export({ format: 'jwk' })
const read = (jwk: unknown) => JSON.parse(readEncryptionKey(JSON.stringify(jwk)))

for (const { alg, jwk, privateKey } of [
  { alg: 'ECDH-ES+A256KW', jwk: ecJwk, privateKey: ec.privateKey },
  { alg: 'RSA-OAEP-256', jwk: rsaJwk, privateKey: rsa.privateKey },
]) {
  test(`what is encrypted by ${alg} decrypts with jose, by the private key alone`, async () => {
    const kept = readEncryptionKey(JSON.stringify(jwk))
    const sealed = Buffer.from(await encryptFor(kept, Buffer.from('{"a":1}'))).toString()
    const { plaintext, protectedHeader } = await compactDecrypt(sealed, privateKey)
    assert.equal(Buffer.from(plaintext).toString(), '{"a":1}')
    const { epk: _, ...header } = protectedHeader
    const kid = await calculateJwkThumbprint(jwk as JWK)
    assert.deepEqual(header, { alg, enc: 'A256GCM', kid, cty: 'application/json' })

    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    await assert.rejects(compactDecrypt(sealed, other))
  })
}

test('of a key its public members are kept, and its own kid', () => {
  const kept = read({ ...ecJwk, kid: 'mine', use: 'enc', x5c: ['AAAA'], remark: 'x' })
  assert.deepEqual(kept, { ...ecJwk, kid: 'mine', use: 'enc', alg: 'ECDH-ES+A256KW' })
  assert.deepEqual(encryptionKeyCard(JSON.stringify(kept)), { kid: 'mine', alg: 'ECDH-ES+A256KW' })
  // What is kept is read again as the same.
  assert.deepEqual(read(kept), kept)
})

const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' })
const odd = generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey.export({
  format: 'jwk',
})
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' })
const ed = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })

for (const [what, jwk, said] of [
  ['a private EC key', ec.privateKey.export({ format: 'jwk' }), /private key.*Make a new pair/],
  ['a private RSA key', rsa.privateKey.export({ format: 'jwk' }), /private key/],
  ['a shared secret', { kty: 'oct', k: 'AAAA' }, /private key/],
  ['a weak RSA key', weak, /2048 to 4096 bits; this one has 1024/],
  ['an RSA key with a small exponent', odd, /exponent/],
  ['another curve', p384, /P-256/],
  ['a key for signatures', ed, /“kty”/],
  ['use for signatures', { ...ecJwk, use: 'sig' }, /“use”/],
  ['operations of signatures', { ...rsaJwk, key_ops: ['verify'] }, /“key_ops”/],
  ['another algorithm', { ...rsaJwk, alg: 'RSA-OAEP' }, /“alg” must be “RSA-OAEP-256”/],
  ['a point that is not on the curve', { ...ecJwk, x: ecJwk.y }, /do not make a public key/],
  ['members left out', { kty: 'EC', crv: 'P-256' }, /do not make a public key/],
  ['a kid that is no text', { ...ecJwk, kid: 5 }, /“kid”/],
  ['a set of keys', { keys: [ecJwk] }, /“kty”/],
  ['a list', [ecJwk], /one public key/],
  ['nothing', null, /one public key/],
] as const) {
  test(`refused with a sentence: ${what}`, () => {
    assert.throws(
      () => read(jwk),
      (fault) =>
        fault instanceof Refusal && fault.code === 'encryption_key_refused' && said.test(fault.message),
    )
  })
}

test('refused with a sentence: what is no JSON', () => {
  assert.throws(() => readEncryptionKey('-----BEGIN PUBLIC KEY-----'), /one public key as a JWK/)
})
