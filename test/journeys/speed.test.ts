import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { request } from 'node:http'
import { test } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { Route } from 'playwright-core'
import { startBrowser } from '../support/browser.ts'
import { startServer } from '../support/server.ts'
import { approveButton, startStage } from './stage.ts'

const browser = await startBrowser()
const ASSETS = new URL('../../web/dist/assets/', import.meta.url)
/** Of all that comes from the server until the request can be read, headers left out. */
const BUDGET_BYTES = 40_000

test('a request can be read after three round trips: the page, its files, and what it shows', async () => {
  await using stage = await startStage(browser)
  const id = await stage.ask('Rebalances the portfolio')
  const { page, context } = stage.device
  await page.goto('about:blank')
  await (await context.newCDPSession(page)).send('Network.setCacheDisabled', { cacheDisabled: true })

  // Every request is held until no other comes; what is then let go at once is one round trip.
  const held: Route[] = []
  let heldAt = 0
  await page.route('**/*', (route) => {
    if (!isNeeded(route)) return
    heldAt = performance.now()
    held.push(route)
  })
  const trips: string[][] = []
  // Nobody waits for what is never let go: who is signed in, how many wait in the inbox, and news.
  const isNeeded = (route: Route) => !/^\/v1\/me(\/(requests|events))?$/.test(pathOf(route))
  const letGo = setInterval(() => {
    if (held.length === 0 || performance.now() - heldAt < 500) return
    trips.push(held.map((route) => pathOf(route).replace(id, ':id')))
    for (const route of held.splice(0)) route.continue().catch(() => {})
  }, 20)
  try {
    await stage.device.open(`/r/${id}`)
    await approveButton(page).waitFor()
  } finally {
    clearInterval(letGo)
  }
  await page.unrouteAll({ behavior: 'ignoreErrors' })

  assert.deepEqual(trips[0], ['/r/:id'])
  for (const path of ['/assets/en.js', '/v1/me/requests/:id', '/v1/me/requests/:id/review'])
    assert.ok(trips[2]?.includes(path), `${path} is not in ${trips[2]}`)
  assert.equal(trips.length, 3, JSON.stringify(trips))
})

test('until a request can be read on a fresh phone, less than 40 kB come from the server', async () => {
  for (const locale of ['en-IN', 'hi-IN']) {
    await using stage = await startStage(browser, { device: { locale } })
    const id = await stage.ask('Rebalances the portfolio')
    const { page, context } = stage.device
    await page.goto('about:blank')
    const network = await context.newCDPSession(page)
    await network.send('Network.enable')
    await network.send('Network.setCacheDisabled', { cacheDisabled: true })
    let bytes = 0
    network.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength))

    await stage.device.open(`/r/${id}`)
    await page.locator('.decide').waitFor()

    assert.ok(bytes > 10_000 && bytes < BUDGET_BYTES, `${locale}: ${bytes} bytes`)
  }
})

test('files come packed for whoever takes it, and as they are for whoever does not', async () => {
  await using server = await startServer()
  const names = await readdir(ASSETS)
  const large = names.filter((name) => /\.(js|css)$/.test(name) && names.includes(`${name}.br`))
  assert.ok(large.some((name) => name.startsWith('index-') && name.endsWith('.css')) && large.length >= 5)
  for (const path of [...large.map((name) => `/assets/${name}`), '/sw.js']) {
    const plain = await fetchRaw(server.port, path)
    assert.equal(plain.headers['content-encoding'], undefined)
    for (const [takes, gets, unpack] of [
      ['gzip, deflate, br', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
    ] as const) {
      const packed = await fetchRaw(server.port, path, takes)
      assert.equal(packed.headers['content-encoding'], gets, path)
      assert.match(String(packed.headers.vary), /accept-encoding/i)
      for (const header of [
        'content-type',
        'cache-control',
        'content-security-policy',
        'x-content-type-options',
      ])
        assert.equal(packed.headers[header], plain.headers[header], `${path}: ${header}`)
      assert.ok(packed.body.length < plain.body.length * 0.6, `${path}: ${packed.body.length} bytes`)
      assert.deepEqual(unpack(packed.body), plain.body)
    }
  }
  // The packed forms have no address of their own.
  assert.equal((await fetchRaw(server.port, `/assets/${large[0]}.br`)).status, 404)
})

test('the documents come packed as well, each form with a tag of its own', async () => {
  await using server = await startServer()
  for (const path of [
    '/docs',
    '/docs/webhooks',
    '/docs/webhooks.md',
    '/openapi.json',
    '/llms.txt',
    '/llms-full.txt',
  ]) {
    const plain = await fetchRaw(server.port, path)
    assert.equal(plain.headers['content-encoding'], undefined)
    const tags = new Set([plain.headers.etag])
    for (const [takes, gets, unpack] of [
      ['gzip, deflate, br', 'br', brotliDecompressSync],
      ['gzip', 'gzip', gunzipSync],
      ['br;q=0, gzip;q=0.5', 'gzip', gunzipSync],
    ] as const) {
      const packed = await fetchRaw(server.port, path, takes)
      assert.equal(packed.headers['content-encoding'], gets, path)
      assert.equal(packed.headers.vary, 'accept-encoding')
      for (const header of ['content-type', 'cache-control', 'content-security-policy'])
        assert.equal(packed.headers[header], plain.headers[header], `${path}: ${header}`)
      assert.ok(packed.body.length < plain.body.length * 0.6, `${path}: ${packed.body.length} bytes`)
      assert.deepEqual(unpack(packed.body), plain.body)
      tags.add(packed.headers.etag)
    }
    assert.equal(tags.size, 3, 'a tag stands for one form')
    const known = await fetch(`${server.origin}${path}`, {
      headers: { 'if-none-match': String(plain.headers.etag), 'accept-encoding': 'identity' },
    })
    assert.equal(known.status, 304)
  }
  assert.equal((await fetchRaw(server.port, '/openapi.json.br')).status, 404)
})

/** Without what the build puts into the name. */
const pathOf = (route: Route) => new URL(route.request().url()).pathname.replace(/-[\w-]{8}\./, '.')

/** As it comes over the wire: `fetch` would unpack it. */
const fetchRaw = (port: number, path: string, takes?: string) =>
  new Promise<{ status?: number; headers: Record<string, unknown>; body: Buffer }>((resolve, reject) => {
    const headers = takes ? { 'accept-encoding': takes } : {}
    request({ port, path, headers, timeout: 5_000 }, (answer) => {
      const parts: Buffer[] = []
      answer.on('data', (part) => parts.push(part))
      answer.on('error', reject)
      answer.on('end', () => {
        const { statusCode: status, headers } = answer
        resolve({ ...(status ? { status } : {}), headers, body: Buffer.concat(parts) })
      })
    })
      .on('error', reject)
      .end()
  })
