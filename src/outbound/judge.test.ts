import assert from 'node:assert/strict'
import type { LookupFunction } from 'node:net'
import { test } from 'node:test'
import { judgeUrl } from './judge.ts'
import { createPolicy } from './policy.ts'

const answering =
  (...addresses: string[]): LookupFunction =>
  (_host, _options, done) =>
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
const failing =
  (code: string): LookupFunction =>
  (_host, _options, done) =>
    done(Object.assign(new Error(code), { code }), [])

const url = 'https://hooks.example.com/token'
const judge = (lookup: LookupFunction | undefined) => judgeUrl(url, createPolicy(), lookup)

test('a name that leads to the public Internet is fine, and with a proxy it is not looked up', async () => {
  assert.equal(await judge(answering('93.184.216.34')), undefined)
  assert.equal(await judge(undefined), undefined)
})

test('a name that leads inside, or nowhere, is told of in a sentence with the name', async () => {
  assert.match(
    (await judge(answering('93.184.216.34', '10.0.0.7'))) ?? '',
    /hooks\.example\.com leads to an address that is not/,
  )
  assert.match((await judge(failing('ENOTFOUND'))) ?? '', /name hooks\.example\.com was not found/)
})
