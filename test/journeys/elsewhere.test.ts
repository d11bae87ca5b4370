import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { DAY, MINUTE } from '#base/clock.ts'
import { startWhatsappSimulator } from '../../demo/whatsapp-simulator.ts'
import { type Device, startBrowser } from '../support/browser.ts'
import { heldClock } from '../support/server.ts'
import {
  approve,
  approveButton,
  documentOf,
  hasNoButtons,
  headed,
  read,
  rejectButton,
  startStage,
} from './stage.ts'

const browser = await startBrowser()

/** What a person who looks from one device to the other would call at once. */
const AT_ONCE_MS = 2_000

test('a request shows on all open devices within 2 s, and so does its end', async () => {
  await using stage = await startStage(browser)
  const phone = stage.device
  const laptop = await stage.secondDevice({ width: 1280, height: 800 })
  const both = [phone, laptop]
  const card = ({ page }: Device) => page.getByRole('link', { name: 'Northwind Research' })
  const documents = await Promise.all(both.map(({ page }) => documentOf(page)))

  const askedAt = performance.now()
  await stage.ask()
  await Promise.all(both.map((device) => card(device).waitFor()))
  const shownMs = performance.now() - askedAt
  await Promise.all(both.map((device) => card(device).click()))
  await Promise.all(both.map(({ page }) => approveButton(page).waitFor()))

  const answered = laptop.page.waitForResponse('**/approve')
  await approveButton(laptop.page).click()
  await answered
  const decidedAt = performance.now()
  await Promise.all(both.map(({ page }) => headed(page, 'Approved')))
  const endedMs = performance.now() - decidedAt

  await hasNoButtons(phone.page)
  assert.deepEqual(await Promise.all(both.map(({ page }) => documentOf(page))), documents)
  assert.ok(shownMs < AT_ONCE_MS, `shown after ${shownMs} ms`)
  assert.ok(endedMs < AT_ONCE_MS, `ended after ${endedMs} ms`)
})

test('a passkey that is being asked for on one device is let go when the other rejects', async () => {
  await using stage = await startStage(browser)
  const phone = stage.device
  const laptop = await stage.secondDevice()
  const id = await stage.ask()
  await Promise.all([phone, laptop].map((device) => read(device, id)))
  await laptop.passkeys.touch(false)
  await approveButton(laptop.page).click()
  await laptop.page.locator('.primary[aria-busy="true"]').waitFor()

  await rejectButton(phone.page).click()

  await headed(laptop.page, 'Rejected')
  await hasNoButtons(laptop.page)
  assert.equal(await laptop.page.getByRole('alert').count(), 0)
  assert.equal(await stage.stateOf(id), 'rejected')
})

test('a decision that comes too late is told how the request ended', async () => {
  await using stage = await startStage(browser)
  const { page, context } = stage.device
  // Nothing tells this page what happens.
  await context.route('**/v1/me/events', () => {})
  const id = await stage.ask()
  await read(stage.device, id)
  await stage.withdraw(id)

  await rejectButton(page).click()

  await headed(page, 'Withdrawn')
  await hasNoButtons(page)
})

test('the WhatsApp message leads to the request, and its Reject button ends it on the open page', async () => {
  await using parts = new AsyncDisposableStack()
  const port = await freePort()
  const meta = {
    appSecret: 'app-secret',
    accessToken: 'EAAGtoken',
    verifyToken: 'verify',
    phoneNumberId: '1065',
  }
  const origin = `http://localhost:${port}`
  const webhookUrl = `http://127.0.0.1:${port}/channels/whatsapp/webhook`
  const simulator = parts.use(await startWhatsappSimulator({ port: 0, origin, webhookUrl, ...meta }))
  const stage = parts.use(
    await startStage(browser, {
      phone: '919812345678',
      device: { alsoVisits: [simulator.url] },
      env: {
        COUNTERSIGN_PORT: String(port),
        COUNTERSIGN_WHATSAPP_API: simulator.url,
        COUNTERSIGN_WHATSAPP_PHONE_NUMBER_ID: meta.phoneNumberId,
        COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: meta.accessToken,
        COUNTERSIGN_WHATSAPP_APP_SECRET: meta.appSecret,
        COUNTERSIGN_WHATSAPP_VERIFY_TOKEN: meta.verifyToken,
      },
    }),
  )
  const { context } = stage.device
  const chat = await context.newPage()
  await chat.goto(simulator.url)
  const id = await stage.ask('Not for WhatsApp to know')

  const message = chat.getByRole('article').filter({ hasText: 'The app Northwind Research asks' })
  await message.waitFor()
  assert.doesNotMatch((await message.textContent()) ?? '', /Not for WhatsApp/)
  const opening = context.waitForEvent('page')
  await message.getByRole('link', { name: 'Review' }).click()
  const opened = await opening
  await approveButton(opened).waitFor()
  assert.equal(opened.url(), `${origin}/r/${id}`)

  await message.getByRole('button', { name: 'Reject' }).click()

  await headed(opened, 'Rejected')
  await hasNoButtons(opened)
  await chat.getByText('received').waitFor()
  await opened.getByText('What happened, step by step').click()
  const steps = await opened.locator('.timeline li').allInnerTexts()
  for (const step of ['A message was sent to you', 'The message was shown to you', 'Rejected']) {
    assert.ok(
      steps.some((each) => each.startsWith(step)),
      `${step}: ${steps.join(' / ')}`,
    )
  }
  assert.deepEqual(stage.receiver.posts, [])
})

test('a request whose time runs out while it is read warns in its last minute, then shows its end', async () => {
  // The server's clock is late, so that a request of ten minutes has a few seconds left by the clock of the page.
  const lateMs = 10 * MINUTE - 6_000
  await using stage = await startStage(browser, { now: () => Date.now() - lateMs })
  const { page } = stage.device
  await page.getByRole('button', { name: 'Send me a test request' }).click()

  await page.getByRole('status').filter({ hasText: 'Less than one minute is left to decide.' }).waitFor()
  await approveButton(page).waitFor()
  await headed(page, 'Expired')

  await hasNoButtons(page)
  await page.getByText('was not decided in time').waitFor()
})

test('a device whose clock is days ahead still shows and approves what has time left', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  const id = await stage.ask()
  await page.clock.install({ time: Date.now() + 3 * DAY })

  await read(stage.device, id)

  assert.match((await page.locator('.time-left').textContent()) ?? '', /^Time left: \d+ (hours?|minutes?)/)
  await approve(stage.device)
  await stage.receiver.received(1)
})

test('a request that the server lets expire shows so on the open page', async () => {
  const clock = heldClock(Date.now())
  await using stage = await startStage(browser, { now: clock.now })
  const id = await stage.ask()
  await read(stage.device, id)

  clock.minutes(24 * 60)

  await headed(stage.device.page, 'Expired')
  await hasNoButtons(stage.device.page)
  assert.equal(await stage.stateOf(id), 'expired')
})

test('a page that could not read the news of an event reads it as soon as it can', async () => {
  await using stage = await startStage(browser, {
    device: { tolerates: /^console: Failed to load resource: net::ERR_INTERNET_DISCONNECTED/ },
  })
  const { page, context } = stage.device
  const id = await stage.ask()
  await read(stage.device, id)
  await context.setOffline(true)
  const failed = page.waitForEvent('requestfailed')
  await stage.withdraw(id)
  await failed

  await context.setOffline(false)

  await headed(page, 'Withdrawn')
})

test('approving on a second device by the same passkey counts as one approval', async () => {
  await using stage = await startStage(browser)
  await approveOn(stage.device, await stage.ask())
  const laptop = await stage.secondDevice()

  const id = await stage.ask()
  await read(laptop, id)

  await laptop.page.getByText(/^You approved this app once before: today/).waitFor()
  await approve(laptop)
  assert.equal((await stage.receiver.received(2)).length, 2)
})

async function approveOn(device: Device, id: string) {
  await read(device, id)
  await approve(device)
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}
