import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explainFailure } from './failures.ts'

test('a kind of failure is explained in a plain sentence, with the name of the host where it is known', () => {
  const host = 'hooks.example.com'
  assert.equal(explainFailure('name_not_found', host), 'The name hooks.example.com was not found.')
  assert.equal(explainFailure('name_not_found'), 'The name of the host was not found.')
  assert.equal(explainFailure('connection_refused'), 'The connection was refused.')
  assert.equal(
    explainFailure('certificate_wrong_name', host),
    'The certificate that was shown is not for hooks.example.com.',
  )
  assert.equal(explainFailure('tls_failed'), 'The host does not speak TLS 1.2 or newer as it should.')
  assert.equal(explainFailure('status'), 'The answer was not a 2xx.')
})

test('a kind of another release is let pass', () => {
  for (const kind of ['econnrefused', '', 'constructor', '__proto__'])
    assert.equal(explainFailure(kind), 'The call failed.')
})
