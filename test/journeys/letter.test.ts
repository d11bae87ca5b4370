import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifyEvidence } from '#requests/evidence.ts'
import { startBrowser } from '../support/browser.ts'
import { startReceiver } from '../support/receiver.ts'
import { approve, approveButton, letterOf, read, startStage } from './stage.ts'

const browser = await startBrowser()

test('the letter says whose app asks, that it is the first time, and when its address has changed since', async () => {
  await using stage = await startStage(browser)
  await using elsewhere = await startReceiver()
  const { device } = stage
  const { page } = device
  const id = await stage.ask('First')
  await read(device, id)
  assert.equal(await page.locator('.owner').textContent(), 'It is an app of your own.')
  assert.match((await letterOf(page))['You and this app'] ?? '', /never approved this app before/)
  assert.equal(await page.getByText('to another address').count(), 0)
  await approve(device)

  await stage.changeNotifier(device, elsewhere.url)
  await read(device, await stage.ask('Second'))
  const { 'Sent to': to = '', 'You and this app': before = '' } = await letterOf(page)
  assert.match(to, /New: since today, .* it sends to another address\./)
  assert.match(before, /You approved this app once before/)
  await approve(device)

  await read(device, await stage.ask('Third'))
  // They have approved the new address by now.
  assert.equal(await page.getByText('to another address').count(), 0)

  // What was shown of the owner and the change is part of what was signed.
  const { requests } = await (await stage.call(device, 'GET', '/v1/me/requests?status=approved')).json()
  const evidence = await stage.call(device, 'GET', `/v1/me/requests/${requests[0].id}/evidence`)
  const { approval } = await verifyEvidence(await evidence.text())
  assert.equal(approval.client_kind, 'individual')
  assert.equal(approval.owner_name, null)
  assert.ok(Number(approval.notifier_changed_at) > 0)
})

test('Approve waits for a second in view, and again when the page comes back into view', async () => {
  await using stage = await startStage(browser)
  const { device } = stage
  const { page } = device
  await read(device, await stage.ask())
  const isOff = () => approveButton(page).getAttribute('aria-disabled')
  await page.locator('.primary[aria-disabled="false"]').waitFor()

  const show = (state: 'hidden' | 'visible') =>
    page.evaluate((now) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => now })
      document.dispatchEvent(new Event('visibilitychange'))
    }, state)
  await show('hidden')
  await page.locator('.primary[aria-disabled="true"]').waitFor()
  await page.waitForTimeout(1_500)
  assert.equal(await isOff(), 'true')
  const reading = page.waitForResponse((answer) => /\/v1\/me\/requests\/req_\w+$/.test(answer.url()))
  await show('visible')
  assert.equal(await isOff(), 'true')
  // What it shows is read anew.
  await reading
  await page.locator('.primary[aria-disabled="false"]').waitFor()
})
