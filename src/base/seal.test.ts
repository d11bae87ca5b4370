import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createVault, fixedRing, toMasterKey } from './seal.ts'

const older = randomBytes(32)
const newer = randomBytes(32)
const both = fixedRing([newer, older].map(toMasterKey))
const PLACE = 'delivery_payload:dlv_1:client_1'
const SECRET = Buffer.from('a token')

test('what was sealed opens at its place, and nowhere else', () => {
  const vault = createVault(older)
  const sealed = vault.seal(PLACE, SECRET)
  assert.deepEqual(vault.open(PLACE, sealed), SECRET)
  for (const place of [
    'delivery_payload:dlv_2:client_1',
    'delivery_payload:dlv_1:client_2',
    'code:dlv_1:client_1',
  ])
    assert.throws(() => vault.open(place, sealed), /does not open/)
})

test('a value with any byte changed, or cut short, does not open', () => {
  const vault = createVault(older)
  const sealed = vault.seal(PLACE, SECRET)
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = Buffer.from(sealed)
    changed[at] = (changed[at] ?? 0) ^ 1
    assert.throws(() => vault.open(PLACE, changed), `byte ${at}`)
    assert.throws(() => vault.open(PLACE, sealed.subarray(0, at)), `length ${at}`)
  }
})

test('two values never share a data key: the same secret sealed twice shares no bytes but the header', () => {
  const vault = createVault(older)
  const [one, two] = [vault.seal(PLACE, SECRET), vault.seal(PLACE, SECRET)]
  assert.deepEqual(one.subarray(0, 5), vault.header())
  assert.notDeepEqual(one.subarray(5, 17), two.subarray(5, 17))
  assert.notDeepEqual(one.subarray(65), two.subarray(65))
})

test('an older key opens, the first one seals, and a key that is not in the ring does neither', () => {
  const vault = createVault(both)
  assert.deepEqual(vault.open(PLACE, createVault(older).seal(PLACE, SECRET)), SECRET)
  const sealed = vault.seal(PLACE, SECRET)
  assert.deepEqual(createVault(newer).open(PLACE, sealed), SECRET)
  assert.throws(() => createVault(older).open(PLACE, sealed), /needs the master key [0-9a-f]{8}/)
})

test('re-wrapping changes the key that a value is under, and not one byte of its body', () => {
  const vault = createVault(both)
  const sealed = createVault(older).seal(PLACE, SECRET)
  const rewrapped = vault.rewrap(PLACE, sealed) ?? assert.fail()
  assert.deepEqual(rewrapped.subarray(65), sealed.subarray(65))
  assert.deepEqual(createVault(newer).open(PLACE, rewrapped), SECRET)
  assert.throws(() => createVault(older).open(PLACE, rewrapped))
  assert.equal(vault.rewrap(PLACE, rewrapped), undefined)
  assert.throws(() => vault.rewrap('delivery_payload:dlv_2:client_1', sealed), /does not open/)
})

test('a signature for our own eyes is known again, for its text and purpose alone', () => {
  const vault = createVault(older)
  const mac = vault.mac('tap', 'ntc_1')
  assert.equal(vault.isMac('tap', 'ntc_1', mac), true)
  assert.equal(vault.isMac('tap', 'ntc_2', mac), false)
  assert.equal(vault.isMac('link', 'ntc_1', mac), false)
  for (const wrong of ['', 'x', `${mac}x`, 'é'.repeat(43)])
    assert.equal(vault.isMac('tap', 'ntc_1', wrong), false)
})

test('a signature outlives the master key when it has a key of its own', () => {
  const own = randomBytes(32)
  const mac = createVault(older, own).mac('tap', 'ntc_1')
  assert.equal(createVault(newer, own).isMac('tap', 'ntc_1', mac), true)
  assert.equal(createVault(newer).isMac('tap', 'ntc_1', mac), false)
})
