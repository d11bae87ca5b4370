import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { accessible } from '../support/axe.ts'
import { startBrowser } from '../support/browser.ts'
import { fits } from './fits.ts'
import { approveButton, headed, read, startStage } from './stage.ts'
import { TOLERATED, VISITS, WHOLE } from './states.ts'

const { default: en } = await import(new URL('../../web/locales/en.ts', import.meta.url).href)
const browser = await startBrowser()

for (const visit of VISITS) {
  // All in one visit, since the way through all states is what takes long.
  test(`axe finds nothing in any state; longer, accented and wider spaced texts are whole: ${visit.name}`, async () => {
    const device = { width: 320, tolerates: TOLERATED }
    await using stage = await startStage(browser, { env: WHOLE, device })
    await longer(stage.device.page)
    await stage.device.page.reload()
    await stage.device.page.locator('.empty').waitFor()
    await visit(stage, async (page, what) => {
      if (page === stage.device.page)
        assert.match((await page.locator('main').textContent()) ?? '', /[áéíóú]/, what)
      await accessible(page, what)
      await fits(page, `${what}, longer`)
      await spaced(page, () => fits(page, `${what}, longer and spaced`))
    })
  })
}

test('a request can be decided at 200 % zoom, in forced colours, and the buttons are seen in them', async () => {
  // At 200 % a window of 640 px has 320 of them left.
  await using stage = await startStage(browser, { device: { width: 640, height: 720 } })
  const { page, context } = stage.device
  const zoom = await context.newCDPSession(page)
  await zoom.send('Emulation.setDeviceMetricsOverride', {
    width: 320,
    height: 360,
    deviceScaleFactor: 2,
    mobile: false,
  })
  await page.emulateMedia({ forcedColors: 'active' })
  await read(stage.device, await stage.ask())
  await page.locator('.primary[aria-disabled="false"]').waitFor()
  for (const button of await page.locator('.decide .button').all()) {
    const { style, width } = await button.evaluate((each) => {
      const { borderTopStyle: style, borderTopWidth: width } = getComputedStyle(each)
      return { style, width: Number.parseFloat(width) }
    })
    assert.ok(style === 'solid' && width >= 1, 'without a border a button is not seen in forced colours')
  }
  await accessible(page, 'request in forced colours')
  await approveButton(page).focus()
  // Nothing that stays in place lies over what has the focus (WCAG 2.2, 2.4.11).
  const isSeen = await approveButton(page).evaluate((each) => {
    const { left, top, width, height } = each.getBoundingClientRect()
    const found = document.elementFromPoint(left + width / 2, top + height / 2)
    return found !== null && (each === found || each.contains(found))
  })
  assert.ok(isSeen)
  await page.keyboard.press('Enter')
  await headed(page, 'Approved')
})

/** The spacing that a reader may set for themselves (WCAG 2.2, 1.4.12). */
async function spaced(page: Page, look: () => Promise<void>) {
  await page.evaluate(() => {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
      word-spacing: 0.16em !important; } p { margin-block-end: 2em !important; }`)
    document.adoptedStyleSheets.push(sheet)
  })
  await look()
  await page.evaluate(() => void document.adoptedStyleSheets.pop())
}

/** English, longer and accented: the page cannot know it from a language of its own. */
async function longer(page: Page) {
  const accents: Record<string, string> = { a: 'á', e: 'é', i: 'í', o: 'ó', u: 'ú', A: 'Á', E: 'É', O: 'Ó' }
  const pseudo = (text: string): string => {
    const accented = text.replace(/\{\w+\}|[aeiouAEO]/g, (each) => accents[each] ?? each)
    return accented + ' álóngér'.repeat(Math.ceil((text.length * 0.4) / 8))
  }
  const texts = Object.fromEntries(
    Object.entries<string | Record<string, string>>(en).map(([key, text]) => {
      if (key === 'language.direction') return [key, text]
      if (typeof text === 'string') return [key, pseudo(text)]
      return [key, Object.fromEntries(Object.entries(text).map(([form, each]) => [form, pseudo(each)]))]
    }),
  )
  await page.route(/\/assets\/en-[\w-]{8}\.js$/, (route) =>
    route.fulfill({ contentType: 'text/javascript', body: `export default ${JSON.stringify(texts)}` }),
  )
}
