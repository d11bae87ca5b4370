import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { isWellFormedSecret, newSecret, SECRET_PATTERN, type SecretPrefix } from './secrets.ts'

const PREFIXES: SecretPrefix[] = [
  'cs_secret',
  'cs_admin',
  'cs_enrol',
  'cs_session',
  'cs_code',
  'cs_tap',
  'cs_token',
]
const COUNT = 10_000
const prefixOf = (n: number) => PREFIXES[n % PREFIXES.length] as SecretPrefix
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const random = (length: number) => Array.from({ length }, () => ALPHABET[randomInt(62)]).join('')

test('the published pattern finds every secret in what surrounds it, and the checksum of each is right', async () => {
  const document = await readFile(new URL('../../docs/sealing.md', import.meta.url), 'utf8')
  const published = /^ {4}(cs_\(.*)$/m.exec(document)?.[1] ?? ''
  assert.equal(published, SECRET_PATTERN.source, 'docs/sealing.md names the pattern that the code has')

  const pattern = new RegExp(published)
  const surrounded = [
    (text: string) => `SECRET=${text}\n`,
    (text: string) => `{"client_secret":"${text}"}`,
    (text: string) => `https://sign.example.com/#/enrol/${text}`,
    (text: string) => `curl -u id:${text} https://sign.example.com`,
  ]
  const seen = new Set<string>()
  for (let n = 0; n < COUNT; n += 1) {
    const secret = newSecret(prefixOf(n))
    const text = surrounded[n % surrounded.length]?.(secret) ?? ''
    assert.equal(pattern.exec(text)?.[0], secret)
    assert.ok(isWellFormedSecret(secret))
    seen.add(secret)
  }
  assert.equal(seen.size, COUNT)
})

test('the checksum refuses what only looks like a secret', () => {
  for (let n = 0; n < COUNT; n += 1) {
    const lookalike = `${prefixOf(n)}_${random(49)}`
    assert.match(lookalike, SECRET_PATTERN)
    assert.equal(isWellFormedSecret(lookalike), false, lookalike)
  }
})

test('one character changed, a piece more or less, or another prefix is refused', () => {
  const secret = newSecret('cs_session')
  for (let at = 'cs_session_'.length; at < secret.length; at += 1) {
    const other = secret[at] === 'A' ? 'B' : 'A'
    assert.equal(isWellFormedSecret(secret.slice(0, at) + other + secret.slice(at + 1)), false)
  }
  for (const text of [secret.slice(1), secret.slice(0, -1), `${secret}A`, `x${secret}`, ` ${secret}`, ''])
    assert.equal(isWellFormedSecret(text), false, text)
  assert.equal(isWellFormedSecret(secret.replace('session', 'secret')), false)
})
