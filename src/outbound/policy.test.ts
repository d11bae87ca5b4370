import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolving, startEndpoint, testTls } from '../../test/support/outside.ts'
import { CallFailed, createOutbound } from './dial.ts'
import { createPolicy, isListedAddress, isListedHost, parseAllowList } from './policy.ts'
import { parseOutboundUrl } from './url.ts'

const policyOf = (list: string) => createPolicy({ allow: parseAllowList(list) })
const isTaken = (url: string, list: string) => {
  try {
    return Boolean(parseOutboundUrl(url, policyOf(list)))
  } catch {
    return false
  }
}

test('an entry that says nothing sure is refused, and the message goes on after the name of the setting', () => {
  for (const [entry, why] of [
    ['10.20.0.0/33', /is no network/],
    ['10.20.0.0/x', /is no network/],
    ['10.20.0.0/', /is no network/],
    ['10.20.0.0/16/8', /is no network/],
    ['fe80::1%eth0', /is no network/],
    ['0.0.0.0/0', /is too wide; the widest is \/8/],
    ['::/0', /is too wide; the widest is \/7/],
    ['::ffff:10.20.0.0/112', /is IPv4 written as IPv6/],
    ['https://hooks.corp.example/in', /is a URL; write its host alone/],
    ['hooks.corp.example/in', /is neither a network nor a host/],
    ['hooks.corp.example:0', /is neither a network nor a host/],
    ['hooks.corp.example:70000', /is neither a network nor a host/],
    ['10.1', /is neither a network nor a host/],
    ['0x7f.1', /is neither a network nor a host/],
    ['10.20.0.5:8443', /is neither a network nor a host/],
    ['hooks.*.example', /is neither a network nor a host/],
    ['*', /is neither a network nor a host/],
    ['*.com', /stands for the names of strangers/],
    ['user@hooks.corp.example', /is neither a network nor a host/],
  ] as const) {
    assert.throws(() => parseAllowList(`10.0.0.0/8, ${entry}`), why, entry)
    assert.throws(() => parseAllowList(entry), /^Error: holds “/, entry)
  }
  assert.deepEqual(parseAllowList(''), [])
})

test('a listed network holds its addresses, in their own family alone', () => {
  const policy = policyOf('10.20.0.0/16, fd00:1::/64, 192.168.7.7')
  for (const address of ['10.20.0.1', '10.20.255.255', 'fd00:1::5', '192.168.7.7'])
    assert.equal(isListedAddress(policy, address), true, address)
  for (const address of ['10.21.0.1', 'fd00:2::5', '192.168.7.8', '::ffff:10.20.0.1', 'fd00:1::5%eth0', 'x'])
    assert.equal(isListedAddress(policy, address), false, address)
})

test('a listed host stands for itself, a wildcard for what lies under it, each on its port', () => {
  const policy = policyOf('Hooks.Corp.Example, *.svc.cluster.local, hooks.partner.example:8443')
  assert.equal(isListedHost(policy, 'hooks.corp.example', ''), true)
  assert.equal(isListedHost(policy, 'hooks.corp.example', '8443'), false)
  assert.equal(isListedHost(policy, 'x.hooks.corp.example', ''), false)
  assert.equal(isListedHost(policy, 'a.b.svc.cluster.local', '443'), true)
  assert.equal(isListedHost(policy, 'svc.cluster.local', ''), false)
  assert.equal(isListedHost(policy, 'evilsvc.cluster.local', ''), false)
  assert.equal(isListedHost(policy, 'hooks.partner.example', '8443'), true)
  assert.equal(isListedHost(policy, 'hooks.partner.example', ''), false)
})

test('what is listed may be named, still over https, and nothing else with it', () => {
  assert.equal(isTaken('https://hooks.corp.example/in', 'hooks.corp.example'), true)
  assert.equal(isTaken('http://hooks.corp.example/in', 'hooks.corp.example'), false)
  assert.equal(isTaken('https://user@hooks.corp.example/in', 'hooks.corp.example'), false)
  assert.equal(isTaken('https://hooks.corp.example./in', 'hooks.corp.example'), true)
  assert.equal(isTaken('https://other.corp.example/in', 'hooks.corp.example'), false)
  assert.equal(isTaken('https://intranet/in', 'intranet'), true)
  assert.equal(isTaken('https://app.svc.cluster.local/in', '*.svc.cluster.local'), true)
  assert.equal(isTaken('https://hooks.partner.example:8443/in', 'hooks.partner.example:8443'), true)
  assert.equal(isTaken('https://hooks.partner.example:22/in', 'hooks.partner.example:8443'), false)
  assert.equal(isTaken('https://hooks.acme-notify.com:443/in', 'hooks.acme-notify.com'), true)
})

test('a literal may be named only if it lies in a listed network itself, in whatever spelling', () => {
  assert.equal(isTaken('https://10.20.0.5/in', '10.20.0.0/16'), true)
  assert.equal(isTaken('https://0x0a140005/in', '10.20.0.0/16'), true)
  assert.equal(isTaken('https://[fd00:1::5]/in', 'fd00:1::/64'), true)
  assert.equal(isTaken('https://10.21.0.5/in', '10.20.0.0/16'), false)
  assert.equal(isTaken('https://[::ffff:10.20.0.5]/in', '10.20.0.0/16'), false)
  assert.equal(isTaken('https://10.20.0.5:8443/in', '10.20.0.0/16'), false)
  assert.equal(isTaken('https://93.184.216.34/in', '10.20.0.0/16'), false)
})

const signal = () => AbortSignal.timeout(5_000)
const isForbidden = (fault: unknown) => fault instanceof CallFailed && fault.kind === 'forbidden_address'

test('a name that leads into a listed network is dialled', async () => {
  await using endpoint = await startEndpoint()
  const { port } = endpoint
  const names = { 'hooks.partner.example': ['127.0.0.1'] }
  const outbound = createOutbound({
    policy: policyOf(`127.0.0.0/8, hooks.partner.example:${port}`),
    lookup: resolving(names),
  })
  const tls = { ca: testTls.ca }
  const answer = await outbound.post(`https://hooks.partner.example:${port}/in`, {}, '{}', signal(), { tls })
  assert.equal(answer.status, 200)
  assert.equal(endpoint.posts[0]?.host, `hooks.partner.example:${port}`)
  await outbound.close()
})

test('a listed host is dialled on its inner address, and never where a cloud keeps its machinery', async () => {
  await using endpoint = await startEndpoint()
  const { port } = endpoint
  const names = { 'hooks.partner.example': ['127.0.0.1'] }
  const outbound = createOutbound({
    policy: policyOf(`hooks.partner.example:${port}`),
    lookup: (...given) => resolving(names)(...given),
  })
  const post = () =>
    outbound.post(`https://hooks.partner.example:${port}/in`, {}, '{}', signal(), { tls: { ca: testTls.ca } })
  assert.equal((await post()).status, 200)
  for (const socket of endpoint.sockets) socket.destroy()
  for (const addresses of [['169.254.169.254'], ['fd00:ec2::254'], ['127.0.0.1', '169.254.169.254']]) {
    names['hooks.partner.example'] = addresses
    await assert.rejects(post(), isForbidden)
  }
  assert.equal(endpoint.posts.length, 1)
  await outbound.close()
})

test('a listed host opens nothing for the same name on another port, nor for another name', async () => {
  const outbound = createOutbound({
    policy: policyOf('hooks.acme-notify.com:8443'),
    lookup: resolving({ 'hooks.acme-notify.com': ['127.0.0.1'], 'other.acme-notify.com': ['127.0.0.1'] }),
  })
  await assert.rejects(outbound.post('https://hooks.acme-notify.com/in', {}, '{}', signal()), isForbidden)
  await assert.rejects(outbound.post('https://other.acme-notify.com/in', {}, '{}', signal()), isForbidden)
  await outbound.close()
})
