import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { startBrowser } from '../support/browser.ts'
import { fits } from './fits.ts'
import { approve, approveButton, headed, read, startStage } from './stage.ts'

const browser = await startBrowser()

const REASON =
  'Rebalances the portfolio of the model account before the market opens, as agreed in our plan of March'
const NAME = 'Internationalisierungsgesellschaft Research & Trading Tools'

for (const locale of ['en-IN', 'hi-IN']) {
  test(`every page fits a narrow and a wide window: ${locale}`, async () => {
    await using stage = await startStage(browser, { device: { locale } })
    const { page, open } = stage.device
    const app = `/v1/me/apps/${stage.app.client_id}`
    assert.ok((await stage.call(stage.device, 'PATCH', app, { name: NAME, purpose: REASON })).ok())

    await fits(page, 'empty inbox')
    const id = await stage.ask(REASON)
    await page.locator('.card').waitFor()
    await fits(page, 'inbox')
    await open(`/r/${id}`)
    await page.locator('.decide').waitFor()
    await fits(page, 'request')
    await page.locator('.decide .primary').click()
    await page.locator('.settled.approved').waitFor()
    await page.locator('details').click()
    await fits(page, 'approved')
    await page.locator('.handover .danger').click()
    await page.locator('dialog').waitFor()
    await fits(page, 'question')
    await page.locator('dialog .danger').click()
    await page.locator('.handover .danger').first().waitFor({ state: 'detached' })
    await fits(page, 'revoked')

    for (const path of ['/tokens', '/history', '/security', '/alerts', '/apps']) {
      await open(path)
      await page.locator('.card, .panel, details, .guide').first().waitFor()
      for (const summary of await page.locator('summary').all()) await summary.click()
      await fits(page, path)
    }
    await open(`/apps/${stage.app.client_id}/keys`)
    await page.locator('table + .button').click()
    await page.locator('.once').waitFor()
    await fits(page, 'secrets')

    const stranger = await stage.newDevice({
      tolerates: /^console: Failed to load resource.*404.*\/nowhere/,
    })
    const { enrolment_url } = await stage.server.addUser({ name: NAME })
    for (const [address, mark] of [
      ['/sign-in', '.primary'],
      ['/nowhere', 'main .button'],
      ['/enrol', 'main a'],
      [enrolment_url.replace(stage.server.origin, ''), '.primary'],
    ] as const) {
      // Of two addresses that differ only after the #, the second would not load a document.
      await stranger.page.goto('about:blank')
      await stranger.open(address)
      await stranger.page.locator(mark).waitFor()
      await fits(stranger.page, address)
    }
  })
}

test('a request can be rejected by keyboard alone, and the focus is seen on the way', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  const id = await stage.ask()
  await read(stage.device, id)

  const order: string[] = []
  while (order.at(-1) !== 'Approve with passkey' && order.length < 20) {
    await page.keyboard.press('Tab')
    const focused = page.locator(':focus-visible')
    order.push((await focused.textContent()) ?? '')
    assert.notEqual(await focused.evaluate((element) => getComputedStyle(element).outlineStyle), 'none')
  }
  assert.equal(order.at(-2), 'Reject')
  await page.keyboard.press('Shift+Tab')
  await page.keyboard.press('Enter')

  await headed(page, 'Rejected')
  assert.equal(await stage.stateOf(id), 'rejected')
})

test('from the inbox to the revoked token, nothing needs a pointer', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  await stage.ask()
  await page.locator('.card').waitFor()

  await tabTo(page, 'Northwind Research')
  await page.keyboard.press('Enter')
  await approveButton(page).waitFor()
  await tabTo(page, 'Approve with passkey')
  await page.locator('.primary[aria-disabled="false"]').waitFor()
  await page.keyboard.press('Enter')
  await headed(page, 'Approved')
  await tabTo(page, 'Revoke')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  // Escape takes nothing away, and the focus is back where it was.
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await focusComesTo(page, 'Revoke')
  await page.keyboard.press('Enter')
  await page.getByRole('dialog').waitFor()
  await tabTo(page, 'Revoke access')
  await page.keyboard.press('Enter')
  await page.getByText('It was revoked and no longer works.').waitFor()
  // What had the focus is gone; it is at the top of the page and not lost.
  await focusComesTo(page, 'Approved')
})

test('nothing moves for whoever asked for less motion, and every target is large enough for a thumb', async () => {
  for (const reducedMotion of ['reduce', 'no-preference'] as const) {
    await using stage = await startStage(browser, { device: { reducedMotion, width: 320 } })
    const { page } = stage.device
    await read(stage.device, await stage.ask())
    for (const target of await page.locator('button, nav a, .home').all()) {
      const { width = 0, height = 0 } = (await target.boundingBox()) ?? {}
      assert.ok(width >= 24 && height >= 44, `${await target.textContent()}: ${width} × ${height}`)
    }

    await approve(stage.device)

    const motion = await page
      .locator('.settled > .signature path')
      .evaluate((path) => getComputedStyle(path).animationName)
    assert.equal(motion, reducedMotion === 'reduce' ? 'none' : 'sign')
  }
})

/** Presses Tab until this is what the focus is on. */
async function tabTo(page: Page, name: string) {
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press('Tab')
    if ((await focusedText(page)) === name) return
  }
  assert.fail(`${name} is not reached by Tab.`)
}

/** The page moves the focus once it has drawn. */
const focusComesTo = (page: Page, name: string) =>
  page.waitForFunction((name) => document.activeElement?.textContent === name, name)

const focusedText = (page: Page) => page.evaluate(() => document.activeElement?.textContent)
