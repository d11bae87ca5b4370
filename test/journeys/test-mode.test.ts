import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessible } from '../support/axe.ts'
import { startBrowser } from '../support/browser.ts'
import { startReceiver } from '../support/receiver.ts'
import { basic } from '../support/server.ts'
import { fits } from './fits.ts'
import { headed, startStage } from './stage.ts'

const browser = await startBrowser()

test('an owner makes a test app, plays the person on its page, and lets it answer by itself', async () => {
  await using stage = await startStage(browser)
  await using receiver = await startReceiver()
  const { server, device } = stage
  const { page } = device
  await device.open('/apps/new')
  await page.getByLabel('App name').fill('Trial')
  await page.getByLabel('Notifier Webhook Endpoint', { exact: true }).fill(receiver.url)
  await page.getByLabel('Test mode').check()
  await page.getByRole('button', { name: 'Create app' }).click()
  await page.getByRole('heading', { name: 'Copy these now' }).waitFor()
  const [client_id = '', client_secret = ''] = await page.locator('.once code').allInnerTexts()
  assert.match(client_secret, /^cs_test_/)
  const app = { client_id, client_secret }

  await device.open(`/apps/${client_id}/requests`)
  const id = await server.openRequest(app)
  await page.getByLabel('Play the person').selectOption('Approve')
  await page.getByRole('button', { name: 'Play' }).click()
  await receiver.received(1)
  await page.getByLabel('Play the person').waitFor({ state: 'detached' })
  assert.equal((await server.requestStatus(app, id)).status, 'approved')

  await device.open(`/apps/${client_id}/settings`)
  await page.getByLabel('Every request is answered by itself').selectOption('Reject')
  await page.getByRole('button', { name: 'Save answer' }).click()
  await page.getByText('Saved.').waitFor()
  await accessible(page, 'settings of a test app')
  await fits(page, 'settings of a test app')
  const answer = await fetch(`${server.origin}/v1/requests/${await server.openRequest(app)}`, {
    headers: basic(app),
  })
  assert.equal(answer.status, 200)
})

test('a developer of an app for many users says how it gets its results', async () => {
  await using stage = await startStage(browser)
  const { device } = stage
  const { page } = device
  const made = await stage.call(device, 'POST', '/v1/me/apps', { name: 'For many', kind: 'initiator' })
  const { client_id } = await made.json()
  await device.open(`/apps/${client_id}/settings`)
  await headed(page, 'For many')
  await page.getByLabel('We tell it to come and fetch (ping)').check()
  await page.getByLabel('Notification endpoint').fill('http://127.0.0.1:9/ping')
  await page.getByLabel('What it may ask for').fill('openid orders')
  await page.getByRole('button', { name: 'Save delivery' }).click()
  await page.getByText('Saved.').waitFor()
  await accessible(page, 'settings of an app for many')
  await fits(page, 'settings of an app for many')
  const { ciba } = await (await stage.call(device, 'GET', `/v1/me/apps/${client_id}`)).json()
  assert.equal(ciba.backchannel_token_delivery_mode, 'ping')
  assert.equal(ciba.scope, 'openid orders')
})
