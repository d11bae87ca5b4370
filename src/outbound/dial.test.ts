import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { setTimeout as rest } from 'node:timers/promises'
import { listen, loopbackInternet, resolving, startEndpoint, testTls } from '../../test/support/outside.ts'
import { CallFailed, createOutbound } from './dial.ts'
import { createPolicy } from './policy.ts'

const URL_OF_TEST = 'https://hooks.acme-notify.com/in'
const tls = { ca: testTls.ca }
const signal = () => AbortSignal.timeout(5_000)
const failed = (phase: string, kind: string) => (fault: unknown) =>
  fault instanceof CallFailed && assert.deepEqual([fault.phase, fault.kind], [phase, kind]) === undefined

test('a name that turns private between registration and send, or between two sends, is dialled no more', async () => {
  await using endpoint = await startEndpoint()
  const { connector, dialled } = loopbackInternet(endpoint.port)
  const names = { 'hooks.acme-notify.com': ['93.184.216.34'] }
  const outbound = createOutbound({
    policy: createPolicy(),
    connector,
    lookup: (...given) => resolving(names)(...given),
  })
  const post = () => outbound.post(URL_OF_TEST, {}, '{}', signal(), { tls })

  assert.equal((await post()).status, 200)
  await rest(20)
  names['hooks.acme-notify.com'] = ['10.0.0.5']
  // The kept connection is still at the checked address, so it may be used.
  assert.equal((await post()).status, 200)
  for (const socket of endpoint.sockets) socket.destroy()
  await rest(20)
  await assert.rejects(post(), failed('before_sending', 'forbidden_address'))
  names['hooks.acme-notify.com'] = ['93.184.216.34', '10.0.0.5']
  await assert.rejects(post(), failed('before_sending', 'forbidden_address'))
  assert.deepEqual(dialled, ['93.184.216.34'])
  assert.equal(endpoint.posts.length, 2)
  await outbound.close()
})

test('a socket that ends elsewhere than was checked gets nothing', async () => {
  for (const truth of ['127.0.0.1', '10.0.0.5', '::ffff:93.184.216.34', '']) {
    await using endpoint = await startEndpoint()
    const { connector, dialled } = loopbackInternet(endpoint.port, truth)
    const outbound = createOutbound({
      policy: createPolicy(),
      connector,
      lookup: resolving({ 'hooks.acme-notify.com': ['93.184.216.34'] }),
    })
    await assert.rejects(
      outbound.post(URL_OF_TEST, {}, '{}', signal(), { tls }),
      failed('before_sending', 'forbidden_address'),
    )
    assert.deepEqual(dialled, ['93.184.216.34'])
    assert.equal(endpoint.posts.length, 0)
    await outbound.close()
  }
})

test('no answer of the resolver, and an empty one, fail before sending', async () => {
  const { connector } = loopbackInternet(1)
  const outbound = createOutbound({
    policy: createPolicy(),
    connector,
    lookup: resolving({ 'empty.acme-notify.com': [] }),
  })
  await assert.rejects(outbound.post(URL_OF_TEST, {}, '{}', signal()), (fault) => {
    assert.ok(fault instanceof CallFailed)
    assert.equal(fault.message, 'The name hooks.acme-notify.com was not found.')
    return failed('before_sending', 'name_not_found')(fault)
  })
  await assert.rejects(
    outbound.post('https://empty.acme-notify.com/', {}, '{}', signal()),
    failed('before_sending', 'forbidden_address'),
  )
  await outbound.close()
})

test('in development http and loopback are let through, but still no redirect is followed', async () => {
  for (const status of [301, 302, 303, 307, 308]) {
    let hits = 0
    await using server = await listen(
      createServer((_http, response) => {
        hits += 1
        response.writeHead(status, { location: '/elsewhere' }).end()
      }),
    )
    const outbound = createOutbound({ policy: createPolicy({ isOpen: true }) })
    const answer = await outbound.post(`http://127.0.0.1:${server.port}/in`, {}, '{}', signal())
    assert.equal(answer.status, status)
    assert.equal(hits, 1)
    await outbound.close()
  }
})

/** An outbound for which hooks.acme-notify.com is the given endpoint. */
const outboundTo = (port: number) =>
  createOutbound({
    policy: createPolicy(),
    connector: loopbackInternet(port).connector,
    lookup: resolving({ 'hooks.acme-notify.com': ['93.184.216.34'], 'hooks.else.com': ['93.184.216.34'] }),
  })

test('TLS that cannot be trusted gets no byte of the body', async () => {
  for (const [kind, options, url, trust] of [
    ['certificate_not_trusted', {}, URL_OF_TEST, {}],
    ['certificate_expired', testTls.expired, URL_OF_TEST, tls],
    ['certificate_wrong_name', {}, 'https://hooks.else.com/in', tls],
    [
      'tls_failed',
      { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
      URL_OF_TEST,
      tls,
    ],
  ] as const) {
    await using endpoint = await startEndpoint({ tls: options })
    const outbound = outboundTo(endpoint.port)
    await assert.rejects(
      outbound.post(url, {}, '{}', signal(), { tls: trust }),
      failed('before_sending', kind),
      kind,
    )
    assert.equal(endpoint.posts.length, 0)
    await outbound.close()
  }
})

test('no variable of the environment turns the check of certificates off', async (t) => {
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  t.after(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
  })
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  await using endpoint = await startEndpoint()
  const outbound = outboundTo(endpoint.port)
  await assert.rejects(
    outbound.post(URL_OF_TEST, {}, '{}', signal()),
    failed('before_sending', 'certificate_not_trusted'),
  )
  await outbound.close()
})

test('a plain HTTP server behind https gets no byte of the body', async () => {
  let hits = 0
  await using server = await listen(
    createServer((_http, response) => {
      hits += 1
      response.end()
    }),
  )
  const outbound = outboundTo(server.port)
  await assert.rejects(
    outbound.post(URL_OF_TEST, {}, '{}', signal(), { tls }),
    failed('before_sending', 'tls_failed'),
  )
  assert.equal(hits, 0)
  await outbound.close()
})

test('a client certificate is shown to its own endpoint, over a connection that nobody else uses', async () => {
  await using endpoint = await startEndpoint({
    tls: { requestCert: true, rejectUnauthorized: false, ca: testTls.ca },
  })
  const outbound = outboundTo(endpoint.port)
  const withClient = { ...tls, ...testTls.client }
  await outbound.post(URL_OF_TEST, {}, '{}', signal(), { tls: withClient })
  await outbound.post(URL_OF_TEST, {}, '{}', signal(), { tls })
  await outbound.post(URL_OF_TEST, {}, '{}', signal(), { tls: withClient })
  assert.deepEqual(
    endpoint.posts.map(({ client }) => client),
    ['client', undefined, 'client'],
  )
  assert.equal(endpoint.sockets.size, 2)
  await outbound.close()
})

test('connections of many certificates are kept in bounds, and none is cut while it is used', async () => {
  await using endpoint = await startEndpoint()
  const outbound = outboundTo(endpoint.port)
  // A line of its own makes each authority another one to us, and the same to OpenSSL.
  const calls = Array.from({ length: 100 }, (_, n) =>
    outbound.post(URL_OF_TEST, {}, '{}', signal(), { tls: { ca: `${testTls.ca}# ${n}\n` } }),
  )
  const answers = await Promise.all(calls)
  assert.ok(answers.every(({ status }) => status === 200))
  await rest(100)
  assert.equal(endpoint.sockets.size, 64)
  await outbound.close()
})
