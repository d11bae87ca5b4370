import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { CDPSession } from 'playwright-core'
import { openChromium } from '../test/support/chromium.ts'
import { startPerson } from '../test/support/person.ts'
import { atMost, type BenchOptions, median, type Report, ratios, spread } from './support/figures.ts'
import { temporaryFolder } from './support/folder.ts'
import { type BenchServer, startServer } from './support/server.ts'

/** A cheap phone on a slow mobile network (Lighthouse's "slow 4G": 150 ms, 1.6 Mbit/s down, 750 kbit/s up). */
const CPU_SLOWDOWN = 4
const NETWORK = {
  offline: false,
  latency: 150,
  downloadThroughput: (1.6 * 1_000_000) / 8,
  uploadThroughput: 750_000 / 8,
}

const NEAR = 'this machine’s network'
const FLOOR = 'floor: one sentence'

interface Found {
  painted: number[]
  readable: number[]
  /** Steadier than the clock on a machine that does other things as well. */
  worked: number[]
}

const nothing = (): Found => ({ painted: [], readable: [], worked: [] })

/** From the tap on a notice to the request on the screen, with nothing in the cache. */
export async function benchPage({ rounds, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  await using server = await startServer({ data: folder.path })
  const { cookie, path } = await askedPerson(server)
  const browser = await openChromium()
  const [near, mobile, nearFloor, mobileFloor] = [nothing(), nothing(), nothing(), nothing()]
  await using floor = await startFloor()

  async function visit(found: Found, network: typeof NETWORK | undefined, url: string) {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-IN' })
    const [name = '', value = ''] = cookie.split('=')
    await context.addCookies([{ name, value, url: server.origin }])
    const page = await context.newPage()
    const devtools = await context.newCDPSession(page)
    await devtools.send('Network.enable')
    if (network) await devtools.send('Network.emulateNetworkConditions', network)
    await devtools.send('Performance.enable')
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: CPU_SLOWDOWN })
    await page.goto(url, { timeout: 60_000 })
    await page.locator('.decide').waitFor({ timeout: 60_000 })
    found.worked.push(await threadTime(devtools))
    found.painted.push(await page.evaluate(largestPaint))
    found.readable.push(await page.evaluate(() => performance.now()))
    await context.close()
  }

  try {
    for (let round = 0; round < rounds; round += 1) {
      for (const isFloor of round % 2 === 0 ? [false, true] : [true, false]) {
        const url = isFloor ? floor.url : `${server.origin}${path}`
        await visit(isFloor ? nearFloor : near, undefined, url)
        await visit(isFloor ? mobileFloor : mobile, NETWORK, url)
      }
      say(
        `page: round ${round + 1}: ${near.painted.at(-1)?.toFixed(0)} and ${mobile.painted.at(-1)?.toFixed(0)} ms`,
      )
    }
  } finally {
    await browser.close()
  }
  return {
    name: 'page',
    about: `a request on a fresh phone, processor ${CPU_SLOWDOWN} times slower; mobile: ${NETWORK.latency} ms, 1.6 Mbit/s`,
    rows: [...rowsOf(NEAR, near, nearFloor), ...rowsOf('mobile', mobile, mobileFloor)],
    peers: [FLOOR],
    bars: [
      atMost('largest contentful paint, ms', median(near.painted), 1_500, {
        column: 'ms',
        cells: [NEAR, 'largest contentful paint'],
      }),
    ],
  }
}

const rowsOf = (network: string, ours: Found, floor: Found) =>
  [
    { until: 'largest contentful paint', of: ({ painted }: Found) => painted },
    { until: 'readable, as the bench saw it', of: ({ readable }: Found) => readable },
    { until: 'CPU of the page’s thread by then', of: ({ worked }: Found) => worked },
  ].flatMap(({ until, of }) =>
    [ours, floor].map((found) => ({
      network,
      page: found === ours ? 'countersign' : FLOOR,
      until,
      times: of(found).length,
      ms: spread(of(found)),
      ...(found === ours ? { 'times the floor': spread(ratios(of(ours), of(floor))) } : {}),
    })),
  )

/** The least that a page can be: one sentence, nothing to run. */
async function startFloor() {
  const html = '<!doctype html><title>Floor</title><p class="decide">Northwind Research asks for a token.</p>'
  const server = createServer((_, answer) => answer.setHeader('content-type', 'text/html').end(html))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Somebody with a request that waits. */
async function askedPerson(server: BenchServer) {
  const { user_id, enrolment_url } = await server.admin<{ user_id: string; enrolment_url: string }>(
    '/v1/admin/users',
    { handle: 'asha' },
  )
  const person = await startPerson(server.origin, user_id, enrolment_url)
  const app = await server.admin<{ client_id: string; client_secret: string }>('/v1/admin/clients', {
    kind: 'individual',
    name: 'Northwind Research',
    user_id,
    notifier_url: 'http://127.0.0.1:9/hook',
  })
  const answer = await fetch(`${server.address}/v3/login/auth/token/request/${app.client_id}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_secret: app.client_secret, reason: 'Rebalances the model portfolio' }),
  })
  if (!answer.ok) throw new Error(`ask: ${answer.status} ${await answer.text()}`)
  const id = (answer.headers.get('location') ?? '').replace('/v1/requests/', '')
  return { cookie: person.cookie(), path: `/r/${id}` }
}

/** What the main thread of the page has computed so far, in milliseconds; the slow-down counts as work. */
async function threadTime(devtools: CDPSession): Promise<number> {
  const { metrics } = await devtools.send('Performance.getMetrics')
  return 1_000 * (metrics.find(({ name }) => name === 'ThreadTime')?.value ?? Number.NaN)
}

/** The last candidate until now, from the start of the navigation (W3C Largest Contentful Paint). */
const largestPaint = () =>
  new Promise<number>((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries().at(-1)?.startTime ?? Number.NaN)).observe({
      type: 'largest-contentful-paint',
      buffered: true,
    })
  })
