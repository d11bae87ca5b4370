import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { LookupFunction } from 'node:net'
import { test } from 'node:test'
import { Refusal } from '#base/errors.ts'
import { listen, startEndpoint, startProxy, testTls } from '../../test/support/outside.ts'
import { CallFailed, createOutbound } from './dial.ts'
import { isProxyFault } from './failures.ts'
import { createPolicy } from './policy.ts'

const URL_OF_TEST = 'https://hooks.acme-notify.com/in'
const tls = { ca: testTls.ca }
const signal = () => AbortSignal.timeout(15_000)

/** Fails the test if anything is looked up or dialled but the proxy. */
const noDirectWay = {
  lookup: (() => assert.fail('a name was looked up')) as LookupFunction,
  connector: () => assert.fail('a connector was made'),
}

test('every call goes by the proxy, which is told the name, and TLS is with the endpoint', async () => {
  await using endpoint = await startEndpoint()
  await using proxy = await startProxy(endpoint.port)
  const outbound = createOutbound({
    policy: createPolicy(),
    proxy: `http://user:pa%20ss@127.0.0.1:${proxy.port}`,
    ...noDirectWay,
  })
  const answer = await outbound.post(URL_OF_TEST, {}, '{"a":1}', signal(), { tls })
  assert.equal(answer.status, 200)
  assert.deepEqual(proxy.asked, [
    { to: 'hooks.acme-notify.com:443', login: `Basic ${Buffer.from('user:pa ss').toString('base64')}` },
  ])
  assert.deepEqual(
    endpoint.posts.map(({ host, body, servername }) => ({ host, body, servername })),
    [{ host: 'hooks.acme-notify.com', body: '{"a":1}', servername: 'hooks.acme-notify.com' }],
  )
  await outbound.close()
})

test('the rules on URLs hold with a proxy too', async () => {
  await using proxy = await startProxy(1)
  const outbound = createOutbound({
    policy: createPolicy(),
    proxy: `http://127.0.0.1:${proxy.port}`,
    ...noDirectWay,
  })
  for (const url of ['http://hooks.acme-notify.com/', 'https://10.0.0.5/', 'https://localhost/'])
    await assert.rejects(outbound.post(url, {}, '{}', signal()), Refusal)
  assert.deepEqual(proxy.asked, [])
  await outbound.close()
})

test('a fault of the proxy is told apart from one of the endpoint', async () => {
  for (const [reply, kind, isFaultOfProxy] of [
    ['407 Proxy Authentication Required', 'proxy_login', true],
    ['500 Internal Server Error', 'proxy_failed', true],
    ['502 Bad Gateway', 'proxy_failed', true],
    ['503 Service Unavailable', 'proxy_failed', true],
    ['reset', 'proxy_unreachable', true],
    ['403 Forbidden', 'forbidden_by_proxy', false],
    ['407 Request rejected by proxy\r\nX-Smokescreen-Error: denied', 'forbidden_by_proxy', false],
    ['502 Bad gateway\r\nX-Smokescreen-Error: no such host', 'unreachable_by_proxy', false],
  ] as const) {
    await using endpoint = await startEndpoint()
    await using proxy = await startProxy(endpoint.port, () => reply)
    const outbound = createOutbound({
      policy: createPolicy(),
      proxy: `http://127.0.0.1:${proxy.port}`,
      ...noDirectWay,
    })
    await assert.rejects(outbound.post(URL_OF_TEST, {}, '{}', signal(), { tls }), (fault) => {
      assert.ok(fault instanceof CallFailed)
      assert.deepEqual([fault.phase, fault.kind], ['before_sending', kind], reply)
      assert.equal(isProxyFault(fault.kind), isFaultOfProxy)
      return true
    })
    assert.equal(proxy.asked.length, 1)
    assert.equal(endpoint.posts.length, 0)
    await outbound.close()
  }
})

test('with the proxy gone there is no other way out', async () => {
  await using endpoint = await startEndpoint()
  const gone = await startProxy(endpoint.port)
  await gone[Symbol.asyncDispose]()
  const outbound = createOutbound({
    policy: createPolicy(),
    proxy: `http://127.0.0.1:${gone.port}`,
    ...noDirectWay,
  })
  await assert.rejects(
    outbound.post(URL_OF_TEST, {}, '{}', signal(), { tls }),
    (fault) =>
      fault instanceof CallFailed && fault.kind === 'proxy_unreachable' && fault.phase === 'before_sending',
  )
  assert.equal(endpoint.posts.length, 0)
  await outbound.close()
})

test('a proxy that never answers is given up before the attempt is', async () => {
  await using proxy = await startProxy(1, () => 'hang')
  const outbound = createOutbound({ policy: createPolicy(), proxy: `http://127.0.0.1:${proxy.port}` })
  await assert.rejects(
    outbound.post(URL_OF_TEST, {}, '{}', signal(), { tls }),
    (fault) =>
      fault instanceof CallFailed && fault.kind === 'proxy_timeout' && fault.phase === 'before_sending',
  )
  await outbound.close()
})

test('a certificate that cannot be trusted is the fault of the endpoint, also behind a proxy', async () => {
  await using endpoint = await startEndpoint()
  await using proxy = await startProxy(endpoint.port)
  const outbound = createOutbound({ policy: createPolicy(), proxy: `http://127.0.0.1:${proxy.port}` })
  await assert.rejects(
    outbound.post(URL_OF_TEST, {}, '{}', signal()),
    (fault) =>
      fault instanceof CallFailed &&
      fault.kind === 'certificate_not_trusted' &&
      fault.phase === 'before_sending',
  )
  await outbound.close()
})

test('in development http goes by the proxy as well', async () => {
  await using server = await listen(createServer((_http, response) => response.end('ok')))
  await using proxy = await startProxy(server.port)
  const outbound = createOutbound({
    policy: createPolicy({ isOpen: true }),
    proxy: `http://127.0.0.1:${proxy.port}`,
    ...noDirectWay,
  })
  const answer = await outbound.post('http://localhost:7000/in', {}, '{}', signal())
  assert.equal(answer.status, 200)
  assert.equal(proxy.asked[0]?.to, 'localhost:7000')
  await outbound.close()
})
