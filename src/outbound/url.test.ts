import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Refusal } from '#base/errors.ts'
import { loopbackInternet, resolving, startEndpoint, testTls } from '../../test/support/outside.ts'
import { isForbiddenAddress, isInnerAddress } from './addresses.ts'
import { CallFailed, createOutbound } from './dial.ts'
import { createPolicy } from './policy.ts'
import { parseOutboundUrl } from './url.ts'

/**
 * The table of addresses to refuse: url, verdict, why. `dns=` tells what the resolver answers, `server=` what the
 * endpoint does; `refuse` then means that the delivery fails and that nothing more is asked for.
 */
const table = parseCsv(readFileSync(new URL('../../test/support/evil-urls.csv', import.meta.url), 'utf8'))
  .slice(1)
  .map(([url = '', verdict, why = '']) => ({
    url,
    isAllowed: verdict === 'allow',
    why,
    dns: /dns=(\S+)/.exec(why)?.[1]?.split('|'),
    redirect: /server=(\d+) Location ([^;\s]+)/.exec(why),
  }))

const strict = createPolicy()

test('the table is whole', () => {
  assert.equal(table.length, 107)
  assert.equal(table.filter(({ isAllowed }) => isAllowed).length, 11)
})

for (const { url, isAllowed, why, dns, redirect } of table) {
  test(`${isAllowed ? 'takes' : 'refuses'} ${JSON.stringify(url)}: ${why}`, async () => {
    const [, status = '200', location = ''] = redirect ?? []
    await using endpoint = await startEndpoint({
      status: Number(status),
      headers: location ? { location } : {},
    })
    const { connector, dialled } = loopbackInternet(endpoint.port)
    const asked: string[] = []
    const host = URL.parse(url)?.hostname ?? ''
    const lookup = resolving({ [host]: dns ?? ['93.184.216.34'], 'other.acme-notify.com': ['93.184.216.34'] })
    const outbound = createOutbound({
      policy: strict,
      connector,
      lookup: (name, ...rest) => {
        asked.push(name)
        lookup(name, ...rest)
      },
    })
    // At registration the text alone can be judged; what a name leads to is judged at each send.
    if (isAllowed || dns) assert.equal(parseOutboundUrl(url, strict).protocol, 'https:')
    else assert.throws(() => parseOutboundUrl(url, strict), Refusal)

    const sent = outbound.post(url, {}, '{}', AbortSignal.timeout(5_000), { tls: { ca: testTls.ca } })
    if (isAllowed || redirect) {
      assert.equal((await sent).status, Number(status))
      assert.deepEqual(dialled, [dns?.[0]])
      assert.equal(endpoint.posts.length, 1)
      assert.equal(asked.length, 1)
    } else {
      await assert.rejects(sent, (fault) =>
        dns
          ? fault instanceof CallFailed &&
            fault.kind === 'forbidden_address' &&
            fault.phase === 'before_sending'
          : fault instanceof Refusal && fault.code === 'notifier_refused',
      )
      assert.deepEqual(dialled, [])
      assert.equal(asked.length, dns ? 1 : 0)
      assert.equal(endpoint.sockets.size, 0)
    }
    await outbound.close()
  })
}

test('a refusal says in a sentence what is wrong', () => {
  for (const [url, why] of [
    [
      'http://hooks.acme-notify.com/in',
      'it does not begin with https://, so the token would travel in clear text',
    ],
    ['https://hooks.acme-notify.com:8443/in', 'its port is 8443; only 443 is allowed'],
    ['https://10.0.0.5/in', 'its host is an IP address; a name is needed'],
    ['https://[fd00::1]/in', 'its host is an IP address; a name is needed'],
    ['https://0x7f.1/in', 'its host is an IP address; a name is needed'],
    ['https://user@hooks.acme-notify.com/in', 'it holds a user name or a password'],
    ['https://printer.local/in', 'host names under “local” are not on the public Internet'],
    ['https://intranet/in', 'its host name has a single part, which names a machine of an inner network'],
    ['hooks.acme-notify.com/in', 'it is not a whole address such as https://example.com/path'],
    ['https://hooks.acme-notify.com:99999/', 'it cannot be read as an address'],
    ['https://hooks.acme-notify.com/#a', 'it holds a space, a control character, a backslash or a #'],
    [
      'https://bücher.acme-notify.com/',
      'it holds letters outside ASCII; write the host name in punycode (xn--…)',
    ],
    ['https://%6cocalhost/', 'its host name holds a percent sign'],
    [`https://hooks.acme-notify.com/${'a'.repeat(2_048)}`, 'it is longer than 2048 characters'],
  ] as const) {
    const message = `The Notifier Webhook Endpoint may not be used: ${why}.`
    assert.throws(() => parseOutboundUrl(url, strict), { code: 'notifier_refused', message }, url)
  }
})

test('addresses hidden in other forms are forbidden', () => {
  for (const address of [
    '2001:4860::5efe:7f00:1',
    '2001:4860::200:5efe:7f00:1',
    '2001:20::1',
    '3fff::1',
    '::ffff:8.8.8.8',
    'fe80::1%eth0',
    'nonsense',
    '',
  ]) {
    assert.equal(isForbiddenAddress(address), true, address)
  }
  for (const address of ['8.8.8.8', '2606:4700::1111', '2001:4860:4860::8888']) {
    assert.equal(isForbiddenAddress(address), false, address)
  }
})

test('an inner network is never where a cloud keeps its machinery', () => {
  for (const address of [
    '10.0.0.1',
    '172.31.0.1',
    '192.168.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '::1',
    'fd00::1',
  ])
    assert.equal(isInnerAddress(address), true, address)
  for (const address of [
    '169.254.169.254',
    '168.63.129.16',
    '100.100.100.200',
    '192.0.0.192',
    'fd00:ec2::254',
    'fe80::1',
    '::ffff:10.0.0.1',
    '0.0.0.0',
    'fd00::1%eth0',
    '8.8.8.8',
    'nonsense',
  ]) {
    assert.equal(isInnerAddress(address), false, address)
  }
})

/** RFC 4180: fields in quotes may hold commas and line breaks. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]]
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\n]*))(,|\n|$)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? '')
    if (end === '\n') rows.push([])
    if (end === '') break
  }
  return rows.filter((row) => row.length === 3)
}
