import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { isForbiddenAddress } from './addresses.ts'
import { CallFailed, createOutbound } from './dial.ts'
import { parseOutboundUrl } from './url.ts'

/** The table of addresses to refuse: url, verdict, why; a `dns=` note gives what a resolver answers. */
const table = parseCsv(readFileSync(new URL('../../test/support/evil-urls.csv', import.meta.url), 'utf8'))
  .slice(1)
  .map(([url = '', verdict, why = '']) => ({
    url,
    verdict,
    why,
    dns: /dns=(\S+)/.exec(why)?.[1]?.split('|'),
  }))

const strict = { isOpen: false }

for (const { url, verdict, why, dns } of table) {
  if (why.includes('server=')) continue
  test(`${verdict} ${JSON.stringify(url)}: ${why}`, async () => {
    const judge = async () => {
      const parsed = parseOutboundUrl(url, strict)
      const bad = (dns ?? []).find(isForbiddenAddress)
      if (bad) throw new Error(`${parsed.hostname} is ${bad}`)
    }
    if (verdict === 'allow') await judge()
    else await assert.rejects(judge)
  })
}

for (const { url, dns } of table.filter(
  ({ url, verdict, dns }) => dns && verdict === 'refuse' && !/redir\./.test(url),
)) {
  test(`a name that resolves to ${dns?.join(' and ')} is never dialled`, async () => {
    const outbound = createOutbound({ policy: strict, lookup: answering(dns ?? []) })
    await assert.rejects(
      outbound.post(url, {}, '{}', AbortSignal.timeout(5_000)),
      (fault) =>
        fault instanceof CallFailed && fault.kind === 'forbidden_address' && fault.phase === 'before_sending',
    )
    await outbound.close()
  })
}

test('in development http and loopback are let through, but still no redirect is followed', async () => {
  let hits = 0
  const server = createServer((_http, response) => {
    hits += 1
    response.writeHead(307, { location: '/elsewhere' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const outbound = createOutbound({ policy: { isOpen: true } })
  const answer = await outbound.post(`http://127.0.0.1:${port}/in`, {}, '{}', AbortSignal.timeout(5_000))
  assert.equal(answer.status, 307)
  assert.equal(hits, 1)
  await outbound.close()
  server.close()
})

test('a refusal says in a sentence what is wrong', () => {
  for (const [url, why] of [
    ['http://hooks.acme-notify.com/in', /does not begin with https/],
    ['https://hooks.acme-notify.com:8443/in', /its port is 8443/],
    ['https://10.0.0.5/in', /an IP address/],
    ['https://user@hooks.acme-notify.com/in', /a user name/],
    ['https://printer.local/in', /not on the public Internet/],
    [`https://hooks.acme-notify.com/${'a'.repeat(2_048)}`, /longer than 2048/],
  ] as const) {
    assert.throws(() => parseOutboundUrl(url, strict), why)
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

type Lookup = NonNullable<Parameters<typeof createOutbound>[0]['lookup']>

const answering = (addresses: string[]): Lookup =>
  ((_host, _options, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )) as Lookup

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
