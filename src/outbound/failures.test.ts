import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asCallFailed, type CallFailed, explainFailure } from './failures.ts'

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

test('an endpoint that did not take our certificate is told apart from one that speaks no TLS', () => {
  const kindOf = (code: string) =>
    (
      asCallFailed(Object.assign(new Error(), { code }), 'while_waiting', {
        host: 'h',
        status: undefined,
      }) as CallFailed
    ).kind
  for (const code of [
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
    'ERR_SSL_SSL/TLS_ALERT_UNSUPPORTED_CERTIFICATE',
    'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
  ])
    assert.equal(kindOf(code), 'client_certificate_refused')
  assert.equal(kindOf('ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE'), 'tls_failed')
  assert.equal(kindOf('ERR_SSL_WRONG_VERSION_NUMBER'), 'tls_failed')
})
