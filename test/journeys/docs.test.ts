import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addressOf, readPages } from '../../web/docs/page.ts'
import { accessible, accessibleOnAnyPaper } from '../support/axe.ts'
import { startBrowser } from '../support/browser.ts'
import { startServer, type TestServer } from '../support/server.ts'

const browser = await startBrowser()
let server: TestServer
before(async () => {
  server = await startServer()
})
after(() => server[Symbol.asyncDispose]())

describe('the documents in a browser', () => {
  test('no page is wider than a small phone, or shuts anybody out', async () => {
    await using device = await browser.newDevice(server.origin, { width: 320 })
    for (const page of await readPages()) {
      await device.open(addressOf(page))
      const width = await device.page.evaluate(() => document.documentElement.scrollWidth)
      assert.equal(width, 320, page.name)
    }
    // One of each kind: a guide with tabs, drawings, wide tables, the reference.
    for (const path of [
      '/docs/receive-a-token',
      '/docs/architecture',
      '/docs/upstox',
      '/docs/api-token-requests',
    ]) {
      await device.open(path)
      await accessible(device.page, path)
    }
    await accessibleOnAnyPaper(device.page, 'the last page')
  })

  test('a section is found and opened by the keyboard alone', async () => {
    await using device = await browser.newDevice(server.origin, { width: 1280 })
    const { page } = device
    await device.open('/docs')
    await page.keyboard.press('/')
    await page.keyboard.type('change the secret')
    const first = page.getByRole('option').first()
    await first.waitFor()
    assert.match(String(await first.textContent()), /Change the secret/)
    await accessible(page, 'with results of a search')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/docs/webhooks#change-the-secret')

    await page.keyboard.press('/')
    await page.keyboard.type('<img src=x onerror=alert(1)> nowhere')
    await page.getByText('Nothing found.').first().waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('listbox').waitFor({ state: 'hidden' })
  })

  test('code is copied, and a language that was chosen holds on other pages', async () => {
    await using device = await browser.newDevice(server.origin)
    const { page, context } = device
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: server.origin })
    await device.open('/docs/receive-a-token')
    await page.getByRole('tab', { name: 'Python' }).last().click()
    const ask = page.locator('pre', { hasText: 'urllib.request' })
    await ask.waitFor()
    assert.equal(await page.locator('pre', { hasText: 'curl --fail' }).isVisible(), false)
    await page.locator('.code', { has: ask }).getByRole('button', { name: 'Copy' }).click()
    await page.getByText('Copied').waitFor()
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await ask.textContent())

    await device.open('/docs/samples')
    const tabs = page.getByRole('tablist').first()
    assert.equal(await tabs.getByRole('tab', { name: 'Python' }).getAttribute('aria-selected'), 'true')
    await tabs.getByRole('tab', { name: 'Python' }).press('ArrowRight')
    assert.equal(await tabs.getByRole('tab', { name: 'curl' }).getAttribute('aria-selected'), 'true')
    await accessible(page, 'samples')
  })

  test('a reader without an account tells what is missing', async () => {
    await using device = await browser.newDevice(server.origin, { width: 320 })
    const { page } = device
    await device.open('/docs/webhooks')
    await page.getByLabel('What did you look for and not find?').fill('How often?')
    await page.getByRole('button', { name: 'Send' }).click()
    await page.getByText('Thank you. It has arrived.').waitFor()
    const [kept] = await server.select('select user_id, page, text from feedback')
    assert.deepEqual({ ...kept }, { user_id: null, page: '/docs/webhooks', text: 'How often?' })
  })

  test('on paper there are all languages and no controls', async () => {
    await using device = await browser.newDevice(server.origin)
    await device.open('/docs/samples')
    await device.page.getByRole('tablist').first().waitFor()
    await device.page.emulateMedia({ media: 'print' })
    assert.equal(await device.page.getByRole('button', { name: 'Copy' }).first().isVisible(), false)
    assert.equal(
      await device.page.getByRole('searchbox').or(device.page.locator('.search')).first().isVisible(),
      false,
    )
    for (const code of await device.page.locator('pre').all()) assert.equal(await code.isVisible(), true)
  })
})
