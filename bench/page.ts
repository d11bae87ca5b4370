import type { CDPSession } from 'playwright-core'
import { openChromium } from '../test/support/chromium.ts'
import { startPerson } from '../test/support/person.ts'
import { atMost, type BenchOptions, median, type Report, spread } from './support/figures.ts'
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

interface Found {
  painted: number[]
  readable: number[]
  /** Steadier than the clock on a machine that does other things as well. */
  worked: number[]
}

/** From the tap on a notice to the request on the screen, with nothing in the cache. */
export async function benchPage({ rounds, say }: BenchOptions): Promise<Report> {
  await using folder = await temporaryFolder()
  await using server = await startServer({ data: folder.path })
  const { cookie, path } = await askedPerson(server)
  const browser = await openChromium()
  const near: Found = { painted: [], readable: [], worked: [] }
  const mobile: Found = { painted: [], readable: [], worked: [] }

  async function visit(found: Found, network: typeof NETWORK | undefined) {
    const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: 'en-IN' })
    const [name = '', value = ''] = cookie.split('=')
    await context.addCookies([{ name, value, url: server.origin }])
    const page = await context.newPage()
    const devtools = await context.newCDPSession(page)
    await devtools.send('Network.enable')
    if (network) await devtools.send('Network.emulateNetworkConditions', network)
    await devtools.send('Performance.enable')
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: CPU_SLOWDOWN })
    await page.goto(`${server.origin}${path}`, { timeout: 60_000 })
    await page.locator('.decide').waitFor({ timeout: 60_000 })
    found.worked.push(await threadTime(devtools))
    found.painted.push(await page.evaluate(largestPaint))
    found.readable.push(await page.evaluate(() => performance.now()))
    await context.close()
  }

  try {
    for (let round = 0; round < rounds; round += 1) {
      await visit(near, undefined)
      await visit(mobile, NETWORK)
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
    rows: [...rowsOf('this machine’s network', near), ...rowsOf('mobile', mobile)],
    bars: [atMost('largest contentful paint, ms', median(near.painted), 1_500)],
  }
}

const rowsOf = (network: string, { painted, readable, worked }: Found) =>
  [
    { until: 'largest contentful paint', times: painted },
    { until: 'readable, as the bench saw it', times: readable },
    { until: 'processor time of the page’s thread by then', times: worked },
  ].map(({ until, times }) => ({ network, until, times: times.length, 'ms min / med / max': spread(times) }))

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
