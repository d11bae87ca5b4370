import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { accessibleOnAnyPaper } from '../support/axe.ts'
import { startBrowser } from '../support/browser.ts'
import { icons } from '../support/icons.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer } from '../support/server.ts'
import { fits } from './fits.ts'
import { approve, headed, read, startStage } from './stage.ts'

const browser = await startBrowser()

const part = (page: Page, name: string) =>
  page.getByRole('navigation', { name: 'About this app' }).getByRole('link', { name })

/** Fills the form of a new app. */
async function makeApp(page: Page, name: string, notifier = '') {
  await page.getByRole('link', { name: 'Apps', exact: true }).click()
  await page.getByRole('link', { name: 'New app' }).click()
  await page.getByLabel('App name').fill(name)
  await page.getByLabel('Notifier Webhook Endpoint', { exact: true }).fill(notifier)
  await page.getByRole('button', { name: 'Create app' }).click()
}

test('an app is made, used, edited, deleted and taken back by its owner; its secrets are shown once', async () => {
  await using stage = await startStage(browser)
  const { server, receiver, device } = stage
  const { page } = device
  await makeApp(page, 'Night desk', receiver.url)
  await page.getByRole('heading', { name: 'Copy these now' }).waitFor()
  const [client_id = '', client_secret = '', signing_secret = ''] = await page
    .locator('.once code')
    .allInnerTexts()
  assert.match(client_secret, /^cs_secret_/)
  assert.match(signing_secret, /^whsec_/)
  await page.getByRole('button', { name: 'I have copied them' }).click()
  await headed(page, 'Night desk')
  await device.open(`/apps/${client_id}`)
  await headed(page, 'Night desk')
  await part(page, 'Keys').click()
  await page.locator('td code', { hasText: client_secret.slice(0, 14) }).waitFor()
  assert.ok(!(await page.content()).includes(client_secret))
  assert.ok(!(await page.content()).includes(signing_secret))
  await server.openRequest({ client_id, client_secret })

  await part(page, 'Settings').click()
  await page.getByLabel('App name').fill('Day desk')
  await page.getByLabel('Purpose').fill('Rebalances in the morning')
  await page.getByLabel('Longest access').selectOption('3600')
  await page.getByRole('button', { name: 'Save changes' }).click()
  await page.getByText('Saved.').waitFor()
  await headed(page, 'Day desk')

  await page.getByRole('button', { name: 'Delete app' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete app' }).click()
  await page.getByText('Being deleted').waitFor()
  assert.equal((await server.ask(client_id, { client_secret })).status, 400)
  await page.getByRole('button', { name: 'Take it back' }).click()
  await page.getByText('Active.').waitFor()
  assert.equal((await server.ask(client_id, { client_secret })).status, 200)
})

test('access goes to another address only after a passkey, and the owner reads since when', async () => {
  await using other = await startReceiver()
  await using stage = await startStage(browser)
  const { page, passkeys, open } = stage.device
  await open(`/apps/${stage.app.client_id}/settings`)
  const field = page.getByLabel('Notifier Webhook Endpoint', { exact: true })
  await field.fill(other.url)
  await passkeys.verifyUser(false)
  await page.getByRole('button', { name: 'Save changes' }).click()
  await page.getByText('The passkey was not used, so nothing has happened.').waitFor()
  await passkeys.verifyUser(true)
  await page.getByRole('button', { name: 'Save changes' }).click()
  await page.getByText('Saved.').waitFor()
  await page.getByText('What happened to this app').click()
  await page.getByText('Access goes to another address').waitFor()
  await part(page, 'Overview').click()
  await page.getByText('Access has gone there since').waitFor()
  await page.getByText(other.url).waitFor()
})

test('a secret is replaced without a gap, and the last one cannot be removed', async () => {
  await using stage = await startStage(browser)
  const { server, app } = stage
  const { page, open } = stage.device
  await open(`/apps/${app.client_id}/keys`)
  const add = page.getByRole('button', { name: 'New secret' })
  const rows = page.locator('tbody tr')

  await add.click()
  const client_secret = (await page.locator('.once code').nth(1).textContent()) ?? ''
  await page.getByRole('button', { name: 'I have copied them' }).click()
  await rows.nth(1).waitFor()
  await server.openRequest({ ...app, client_secret })
  await server.openRequest(app)
  await add.click()
  await page.getByText('An app has at most two secrets at a time. Remove one first.').waitFor()

  const old = rows.filter({ hasText: app.client_secret.slice(0, 14) })
  await old.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove secret' }).click()
  await rows.nth(1).waitFor({ state: 'detached' })
  assert.equal((await server.ask(app.client_id, { client_secret: app.client_secret })).status, 401)
  await server.openRequest({ ...app, client_secret })

  await rows.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove secret' }).click()
  await page.getByRole('dialog').getByText('This is the only secret of the app.').waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  assert.equal(await rows.count(), 1)
})

test('signing secrets change over, a public key is read again, and a pasted key encrypts', async () => {
  await using stage = await startStage(browser)
  const { page, open } = stage.device
  await open(`/apps/${stage.app.client_id}/keys`)
  await page.getByRole('button', { name: 'New signing secret' }).click()
  assert.match((await page.locator('.once code').nth(1).textContent()) ?? '', /^whsec_/)
  await page.getByRole('button', { name: 'I have copied them' }).click()
  await page.getByText('Signs until').waitFor()
  await page.getByRole('button', { name: 'End now' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'End now' }).click()
  await page.getByText('Signs until').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'New signing key pair' }).click()
  await page.getByText(/^whpk_/).waitFor()

  await page.getByLabel('Public key (JWK)').fill('not a key')
  await page.getByRole('button', { name: 'Use this key' }).click()
  await page.getByText('This is no JSON.').waitFor()
  const { publicKey } = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, [
    'deriveBits',
  ])
  const { crv, kty, x, y } = await crypto.subtle.exportKey('jwk', publicKey)
  await page.getByLabel('Public key (JWK)').fill(JSON.stringify({ crv, kty, x, y }))
  await page.getByRole('button', { name: 'Use this key' }).click()
  await page.getByText('Encrypted to the key').waitFor()
  await page.getByRole('button', { name: 'Stop encrypting' }).click()
  await page.getByText('What is sent is signed and not encrypted.').waitFor()
})

const badUrls = [
  [
    'http://hooks.example.com/token',
    'it does not begin with https://, so the token would travel in clear text',
  ],
  ['https://asha:secret@hooks.example.com/', 'it holds a user name or a password'],
  ['https://hooks.example.com:8443/', 'its port is 8443; only 443 is allowed'],
  ['https://10.0.0.1/', 'its host is an IP address; a name is needed'],
  ['https://printer.local/', 'host names under “local” are not on the public Internet'],
] as const

test('an address that may not be called is told of before saving, and an app with one is not made', async () => {
  await using server = await startServer({ env: { COUNTERSIGN_DEV: '0' } })
  await using device = await browser.newDevice(server.origin)
  const { page } = device
  await page.goto((await server.addUser()).enrolment_url)
  await page.getByRole('button', { name: 'Create passkey' }).click()
  await page.getByRole('link', { name: 'Apps', exact: true }).click()
  await page.getByText('You have no app yet.').waitFor()
  await page.getByRole('link', { name: 'New app' }).click()
  await page.getByLabel('App name').fill('Night desk')
  const field = page.getByLabel('Notifier Webhook Endpoint', { exact: true })
  for (const [url, why] of badUrls) {
    await field.fill(url)
    await page.getByRole('button', { name: 'Check this address Notifier Webhook Endpoint' }).click()
    await page.getByRole('status').filter({ hasText: why }).waitFor()
    await page.getByRole('button', { name: 'Create app' }).click()
    await page.getByRole('alert').filter({ hasText: why }).waitFor()
  }
  // What was typed is still there to be mended.
  assert.equal(await page.getByLabel('App name').inputValue(), 'Night desk')
  await page.getByRole('link', { name: 'All apps' }).click()
  await page.getByText('You have no app yet.').waitFor()
})

test('an owner reads why nothing can be sent to an endpoint, mends it, checks again and sends a test', async () => {
  let isUp = false
  await using stage = await startStage(browser, {
    env: { COUNTERSIGN_NOTIFIER_PROOF: 'reachable' },
    behave: (_http, response) => response.writeHead(isUp ? 200 : 404).end(),
  })
  const { receiver, device } = stage
  const { page } = device
  await makeApp(page, 'Night desk', receiver.url)
  await page.getByRole('button', { name: 'I have copied them' }).click()
  await page.getByText('Not yet. What is approved waits until it can.').waitFor()
  await page.getByText('answered our check with 404').waitFor()
  isUp = true
  await page.getByRole('button', { name: 'Check again' }).click()
  await page.getByText('Yes: the address answered our check.').waitFor()
  await page.getByRole('button', { name: 'Send a test' }).click()
  await page.getByText('The test was received: answered 200').waitFor()
})

test('requests and tries appear while the owner watches; a try tells what came back, and is sent again', async () => {
  let isUp = false
  await using stage = await startStage(browser, {
    behave: (_http, response) => response.writeHead(isUp ? 200 : 503).end('come back later'),
  })
  const { app } = stage
  // The one that was signed in last decides: its passkey counts on from there.
  const decider = await stage.secondDevice()
  const { page, open } = stage.device
  await open(`/apps/${app.client_id}/requests`)
  await page.getByText('When the app asks, the request appears by itself.').waitFor()
  await page.getByText('curl -X POST').waitFor()
  const id = await stage.ask()
  await page.getByText(id).waitFor()
  await page.getByText('Step by step').click()
  await page.locator('.timeline li').filter({ hasText: 'Asked' }).waitFor()
  await read(decider, id)
  await page.getByText('Opened by the user').waitFor()
  await approve(decider)
  await page.getByText('A try to send failed').waitFor()

  await part(page, 'Deliveries').click()
  await page.getByText('Show the tries').click()
  await page.getByText('Try 1: failed').waitFor()
  await page.getByText('The answer was not a 2xx.').waitFor()
  await page.getByText('Next try').waitFor()
  await page.getByText('What came back').click()
  await page.getByText('come back later').waitFor()
  await page.getByText('What was sent').click()
  await page.getByText('"access_token":"[access token]"').waitFor()
  isUp = true
  await page.getByRole('button', { name: /^Send now/ }).click()
  await page.getByText('Try 2: received').waitFor()
  await page.getByLabel('Show', { exact: true }).selectOption({ label: 'Waiting' })
  await page.getByText('Nothing here.').waitFor()
})

test('every page of the console fits, on light and on dark paper, and axe finds nothing', async () => {
  await using stage = await startStage(browser, {
    behave: (_http, response, nth) => response.writeHead(nth < 3 ? 200 : 500).end('ok'),
  })
  const { page, open } = stage.device
  const base = `/apps/${stage.app.client_id}`
  for (const [path, mark] of [
    ['/apps/new', 'Create app'],
    [`${base}/requests`, 'curl'],
    [`${base}/deliveries`, 'Nothing here'],
  ] as const) {
    await open(path)
    await page.getByText(mark).first().waitFor()
    await fits(page, `${path}, empty`)
    await accessibleOnAnyPaper(page, `${path}, empty`)
  }
  for (let i = 0; i < 3; i += 1) {
    await read(stage.device, await stage.ask())
    await approve(stage.device)
  }
  await stage.ask()
  await open(`${base}/settings`)
  await page.getByLabel('Choose a picture').setInputFiles({
    name: 'icon.webp',
    mimeType: 'image/webp',
    buffer: icons.webp,
  })
  await page.locator('.app-head img').waitFor()
  // Chromium really draws it.
  const drawn = page.locator('.app-head img').evaluate((each) => (each as HTMLImageElement).naturalWidth)
  assert.equal(await drawn, 16)
  await page.waitForTimeout(11_000)

  for (const path of [
    '/apps',
    base,
    `${base}/requests`,
    `${base}/deliveries`,
    `${base}/keys`,
    `${base}/settings`,
  ]) {
    await open(path)
    await page.locator('.app-icon').first().waitFor()
    await page.locator('.cards, section').first().waitFor()
    await page.waitForTimeout(300)
    for (const summary of await page.locator('main summary').all()) await summary.click()
    await page.waitForTimeout(300)
    await fits(page, path)
    await accessibleOnAnyPaper(page, path)
    await picture(page, path.split('/').at(-1) ?? '')
  }
})

/** For the eye, where `SCREENSHOTS` names a folder. */
async function picture(page: Page, name: string) {
  const folder = process.env.SCREENSHOTS
  if (!folder) return
  for (const width of [320, 1280]) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height: 800 })
      await page.emulateMedia({ colorScheme })
      await page.screenshot({ path: `${folder}/${name}-${width}-${colorScheme}.png`, fullPage: true })
    }
  }
}

test('an app is made by keyboard alone', async () => {
  await using stage = await startStage(browser)
  const { page, open } = stage.device
  await open('/apps/new')
  await page.getByLabel('App name').waitFor()
  for (let presses = 0; presses < 30; presses += 1) {
    await page.keyboard.press('Tab')
    if (await page.getByLabel('App name').evaluate((each) => each === document.activeElement)) break
  }
  await page.keyboard.type('Night desk')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Copy these now' }).waitFor()
  // The focus is on what is to be read, and the way on is reached from there.
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Copy these now')
})
