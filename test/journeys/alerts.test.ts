import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Worker } from 'playwright-core'
import { accessible } from '../support/axe.ts'
import { type Device, startBrowser } from '../support/browser.ts'
import { startPushService } from '../support/push-service.ts'
import { until } from '../support/until.ts'
import { equip } from './equipped.ts'
import { approveButton, headed, read, startStage } from './stage.ts'

const browser = await startBrowser()

/** Hears what the worker shows; the small Chromium of the tests has no place to show it. */
async function recordNotices({ context }: Device): Promise<Worker> {
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'))
  await worker.evaluate(() => {
    const scope = globalThis as unknown as { shown: object[]; registration: ServiceWorkerRegistration }
    scope.shown = []
    scope.registration.showNotification = async (title, options) => {
      scope.shown.push({ title, ...options })
    }
  })
  return worker
}

interface Shown {
  title: string
  body?: string
  tag: string
  silent?: boolean
  data: { path: string; receipt: string | null }
}

const shownBy = (worker: Worker) => worker.evaluate(() => (globalThis as unknown as { shown: Shown[] }).shown)

/** Brings a message to the worker, as the browser does with one from its push service. */
async function pusher({ page, context }: Device, origin: string) {
  const cdp = await context.newCDPSession(page)
  const registered = new Promise<string>((resolve) => {
    cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const own = registrations.find(({ scopeURL }) => scopeURL === `${origin}/`)
      if (own) resolve(own.registrationId)
    })
  })
  await cdp.send('ServiceWorker.enable')
  const registrationId = await registered
  return (data: string) => cdp.send('ServiceWorker.deliverPushMessage', { origin, registrationId, data })
}

test('from a press of a button to the request: subscribed, pushed, decrypted, shown, tapped, opened', async () => {
  await using push = await startPushService()
  await using stage = await startStage(browser)
  const { device, server } = stage
  await equip(device, push.subscribe())
  await device.open('/')
  await device.page.getByRole('link', { name: 'Be told on this device when an app asks' }).click()
  await headed(device.page, 'How you are told')
  await device.page.getByRole('button', { name: 'Tell me on this device' }).click()
  await device.page.getByText('This device tells you when an app asks for access.').waitFor()
  const worker = await recordNotices(device)
  const deliver = await pusher(device, server.origin)

  const id = await stage.ask('Rebalance')
  await until(() => push.pushes.length === 1)
  await deliver(push.pushes[0]?.text ?? '')
  await until(async () => (await shownBy(worker)).length === 1)
  const [notice] = await shownBy(worker)
  assert.equal(notice?.title, 'Northwind Research asks for access')
  assert.equal(notice?.tag, id)
  assert.equal(notice?.data.path, `/r/${id}`)
  await until(async () =>
    (await server.requestStatus(stage.app, id)).timeline.some(({ event }) => event === 'notice_shown'),
  )

  await tap(worker, notice?.data ?? {})
  await approveButton(device.page).waitFor()
  assert.equal(new URL(device.page.url()).pathname, `/r/${id}`)
  assert.deepEqual(push.complaints, [])
})

/** A browser lets a worker bring a page to the front only after a finger's tap, which nobody gives here. */
const tap = (worker: Worker, data: object) =>
  worker.evaluate((data) => {
    const clients = (globalThis as unknown as { WindowClient: { prototype: object } }).WindowClient
    Object.assign(clients.prototype, { focus: async () => {} })
    const event = Object.assign(new Event('notificationclick'), {
      notification: { close() {}, data },
      waitUntil() {},
    })
    dispatchEvent(event)
  }, data)

test('whatever is pushed, something is shown', async () => {
  await using push = await startPushService()
  await using stage = await startStage(browser)
  const { device } = stage
  await equip(device, push.subscribe())
  await device.open('/alerts')
  await device.page.getByRole('button', { name: 'Tell me on this device' }).click()
  await device.page.getByText('This device tells you').waitFor()
  const worker = await recordNotices(device)
  const deliver = await pusher(device, stage.server.origin)
  for (const data of ['', 'not JSON', '{}', '{"notification":null}', '{"notification":{"navigate":"::"}}'])
    await deliver(data)
  await until(async () => (await shownBy(worker)).length === 5)
  for (const { title, data } of await shownBy(worker)) {
    assert.equal(title, 'Countersign')
    assert.equal(data.path, '/')
  }
})

test('a subscription that was lost is made again when the page is opened, and the user is told', async () => {
  await using push = await startPushService()
  await using stage = await startStage(browser)
  const { device } = stage
  await equip(device, push.subscribe())
  await device.open('/alerts')
  await device.page.getByRole('button', { name: 'Tell me on this device' }).click()
  await device.page.getByText('This device tells you').waitFor()
  await device.page.evaluate(() => localStorage.removeItem('test-subscription'))
  await device.context.addInitScript(() => {
    ServiceWorkerRegistration.prototype.showNotification = async (title) => {
      document.documentElement.dataset.told = title
    }
  })
  await device.open('/')
  await device.page.locator('html[data-told="Notices are on again"]').waitFor({ state: 'attached' })
  assert.equal((await stage.server.select('select id from contacts')).length, 1)
})

test('turned off, the device is told no more; signing out does the same', async () => {
  await using push = await startPushService()
  await using stage = await startStage(browser)
  const { device } = stage
  const { page } = device
  const contacts = async () => (await stage.server.select('select id from contacts')).length
  await equip(device, push.subscribe())
  await device.open('/alerts')
  await page.getByRole('button', { name: 'Tell me on this device' }).click()
  await page.getByText('This device tells you').waitFor()
  assert.equal(await contacts(), 1)
  await page.getByRole('button', { name: 'Turn off' }).click()
  await page.getByRole('button', { name: 'Tell me on this device' }).click()
  await page.getByText('This device tells you').waitFor()

  await page.getByRole('heading', { name: 'Where you are told' }).waitFor()
  await page.getByText('Added').waitFor()
  await device.open('/security')
  await page.getByRole('button', { name: 'Sign out', exact: true }).click()
  await headed(page, 'Sign in')
  assert.equal(await contacts(), 0)
})

test('where notices are blocked the page says how to allow them, and sees it when they are', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  await equip(stage.device, null, 'denied')
  await stage.device.open('/alerts')
  await page.getByText('Notices from this page are blocked').waitFor()
  assert.equal(await page.locator('.guide li').count(), 2)
  await page.evaluate(() => localStorage.setItem('test-permission', 'default'))
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await page.getByRole('button', { name: 'Tell me on this device' }).waitFor()
})

test('an iPhone that opened the page in a tab is shown how to put it on the home screen, and is not asked', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  await stage.device.context.addInitScript(() =>
    Object.defineProperty(navigator, 'userAgent', {
      get: () =>
        'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1',
    }),
  )
  await stage.device.open('/alerts')
  await page.getByText('put this page on your home screen first').waitFor()
  assert.equal(await page.locator('.guide li .picture').count(), 3)
  assert.equal(await page.getByRole('button', { name: 'Tell me on this device' }).count(), 0)
})

test('a user sets quiet hours and the language, mutes everything for a day, and takes it back', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  const settings = async () => (await stage.call(stage.device, 'GET', '/v1/me/notice-settings')).json()
  await stage.device.open('/alerts')
  await page.getByLabel('Do not ring at certain hours').check()
  await page.getByLabel('From').fill('21:30')
  await page.getByLabel('Tell me first by').selectOption('WhatsApp')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Saved.').waitFor()
  const kept = await settings()
  assert.deepEqual([kept.quiet.from, kept.quiet.to], ['21:30', '07:00'])
  assert.match(kept.quiet.zone, /^Asia\/(Kolkata|Calcutta)$/)
  assert.equal(kept.channels[0], 'whatsapp')

  await page.getByRole('button', { name: 'Mute for 24 hours' }).click()
  await page.getByText('Nothing rings until').waitFor()
  await page.getByRole('button', { name: 'Ring again' }).click()
  await page.getByRole('button', { name: 'Mute for 24 hours' }).waitFor()
  assert.equal((await settings()).muted_until, null)
  await accessible(page, 'settings of notices')

  await page.getByLabel('Language').selectOption('हिन्दी')
  await page.getByRole('button', { name: 'Save' }).click()
  await headed(page, 'आपको कैसे बताया जाता है')
  assert.equal((await settings()).language, 'hi')
})

test('who did not expect a request reports it: the app is blocked, and can be let ask again', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  const id = await stage.ask()
  await read(stage.device, id)
  await page.getByRole('button', { name: 'This was not me' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Report and block' }).click()
  await headed(page, 'Rejected')
  const asked = await stage.server.ask(stage.app.client_id, { client_secret: stage.app.client_secret })
  assert.equal(asked.status, 429)

  await stage.device.open('/security')
  await page.getByRole('button', { name: 'Let it ask again' }).click()
  await page.getByRole('heading', { name: 'Blocked apps' }).waitFor({ state: 'detached' })
  await stage.ask()
})
