import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBrowser } from '../support/browser.ts'
import { startServer } from '../support/server.ts'
import { startStage } from './stage.ts'

const browser = await startBrowser()

test('an app is made, used, edited and deleted by its owner; its secrets are shown once', async () => {
  await using stage = await startStage(browser)
  const { server, receiver, device } = stage
  const { page } = device
  await page.getByRole('link', { name: 'Apps' }).click()
  await page.getByText('New app').click()
  await page.getByLabel('App name').last().fill('Night desk')
  await page.getByLabel('Notifier Webhook Endpoint').last().fill(receiver.url)
  await page.getByRole('button', { name: 'Create app' }).click()

  await page.getByRole('heading', { name: 'Copy these now' }).waitFor()
  const [client_id = '', client_secret = '', signing_secret = ''] = await page
    .locator('.once code')
    .allInnerTexts()
  assert.match(client_secret, /^cs_secret_/)
  assert.match(signing_secret, /^whsec_/)
  await page.getByRole('button', { name: 'I have copied them' }).click()
  await page.reload()
  const panel = page.locator('.panel', { has: page.getByRole('heading', { name: 'Night desk' }) })
  await panel.waitFor()
  assert.ok(!(await page.content()).includes(client_secret))
  assert.ok(!(await page.content()).includes(signing_secret))
  await server.openRequest({ client_id, client_secret })

  await panel.getByText('Change it').click()
  await panel.getByLabel('App name').fill('Day desk')
  await panel.getByLabel('Purpose').fill('Rebalances in the morning')
  await panel.getByRole('button', { name: 'Save changes' }).click()
  const edited = page.locator('.panel', { has: page.getByRole('heading', { name: 'Day desk' }) })
  await edited.getByText('Saved.').waitFor()

  await edited.getByRole('button', { name: 'Delete app' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete app' }).click()
  await edited.getByText('Being deleted').waitFor()
  assert.equal((await server.ask(client_id, { client_secret })).status, 400)
})

test('a secret is replaced without a gap, and the last one cannot be removed', async () => {
  await using stage = await startStage(browser)
  const { server, app } = stage
  const { page } = stage.device
  await page.getByRole('link', { name: 'Apps' }).click()
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

test('an app with an address that may not be called is not made, and its owner reads why', async () => {
  await using server = await startServer({ env: { COUNTERSIGN_DEV: '0' } })
  await using device = await browser.newDevice(server.origin)
  const { page } = device
  await page.goto((await server.addUser()).enrolment_url)
  await page.getByRole('button', { name: 'Create passkey' }).click()
  await page.getByRole('link', { name: 'Apps' }).click()
  for (const [url, why] of badUrls) {
    await page.getByLabel('App name').last().fill('Night desk')
    await page.getByLabel('Notifier Webhook Endpoint').last().fill(url)
    await page.getByRole('button', { name: 'Create app' }).click()
    await page.getByText(why).waitFor()
  }
  assert.equal(await page.getByRole('heading', { name: 'Night desk' }).count(), 0)
  // What was typed is still there to be mended.
  assert.equal(await page.getByLabel('App name').last().inputValue(), 'Night desk')
})

test('an owner reads why nothing can be sent to an endpoint, mends it, checks again and sends a test', async () => {
  let isUp = false
  await using stage = await startStage(browser, {
    env: { COUNTERSIGN_NOTIFIER_PROOF: 'reachable' },
    behave: (_http, response) => response.writeHead(isUp ? 200 : 404).end(),
  })
  const { receiver, device } = stage
  const { page } = device
  await page.getByRole('link', { name: 'Apps' }).click()
  await page.getByText('New app').click()
  await page.getByLabel('App name').last().fill('Night desk')
  await page.getByLabel('Notifier Webhook Endpoint').last().fill(receiver.url)
  await page.getByRole('button', { name: 'Create app' }).click()
  await page.getByRole('button', { name: 'I have copied them' }).click()

  const panel = page.locator('.panel', { has: page.getByRole('heading', { name: 'Night desk' }) })
  await panel.getByText('Not yet. Until it can, the app cannot ask.').waitFor()
  await panel.getByText('answered our check with 404').waitFor()
  isUp = true
  await panel.getByRole('button', { name: 'Check again' }).click()
  await panel.getByText('Yes: the address answered our check.').waitFor()
  await panel.getByRole('button', { name: 'Send a test' }).click()
  await panel.getByText('The test was received: answered 200').waitFor()
})
