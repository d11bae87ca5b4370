import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AppCard } from '../../src/api/contract.ts'
import { accessible, accessibleOnAnyPaper } from '../support/axe.ts'
import { startBrowser } from '../support/browser.ts'
import { signingPair } from '../support/ciba.ts'
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

test('OpenID CIBA in full is folded away; what is set there holds, and an operator reads it', async () => {
  await using stage = await startStage(browser, { env: DETAILS })
  const { device, server, userId } = stage
  const { page } = device
  const made = await stage.call(device, 'POST', '/v1/me/apps', { name: 'For many', kind: 'initiator' })
  const { client_id } = await made.json()
  const read = async () =>
    (await (await stage.call(device, 'GET', `/v1/me/apps/${client_id}`)).json()) as AppCard
  await device.open(`/apps/${client_id}/settings`)
  await headed(page, 'For many')
  const method = page.getByLabel('How it makes itself known')
  assert.ok(!(await method.isVisible()))
  await page.getByText('OpenID CIBA, for developers').click()
  await method.selectOption('private_key_jwt')
  await page.getByText('the secrets of this app end for good').waitFor()
  await page.getByLabel('Public keys', { exact: true }).fill('no keys')
  const save = page.getByRole('button', { name: 'Save delivery' })
  await save.click()
  await page.getByText('These are no keys').waitFor()
  await page.getByLabel('Public keys', { exact: true }).fill(JSON.stringify((await signingPair()).jwks))
  await page.getByLabel('Its requests').selectOption('ES256')
  await page.getByLabel('Access tokens').selectOption('opaque')
  await page.getByLabel('Access is good only together with').selectOption('dpop')
  await page.getByLabel('Kinds of details it may ask for').fill('payment')
  await page.getByLabel('Users type six digits').check()
  await page.getByLabel('Hold it to the FAPI profile').check()
  await accessibleOnAnyPaper(page, 'OpenID CIBA of an app for many')
  await fits(page, 'OpenID CIBA of an app for many')
  await save.click()
  await page.getByText('Saved.').waitFor()
  const { ciba, secrets } = await read()
  assert.deepEqual(secrets, [])
  assert.deepEqual(
    [
      ciba?.token_endpoint_auth_method,
      ciba?.jwks?.keys.length,
      ciba?.backchannel_authentication_request_signing_alg,
      ciba?.access_token_format,
      ciba?.dpop_bound_access_tokens,
      ciba?.authorization_details_types,
      ciba?.require_match_code,
      ciba?.profile,
    ],
    ['private_key_jwt', 1, 'ES256', 'opaque', true, ['payment'], true, 'fapi'],
  )
  // What is refused is said, and what was there stays.
  await page.getByLabel('Hold it to the FAPI profile').uncheck()
  await save.click()
  await page.getByText('stays so').waitFor()
  assert.deepEqual((await read()).ciba, ciba)

  await server.admin(`/v1/admin/users/${userId}/role`, { role: 'operator' })
  await device.open('/operator/apps')
  const card = page.locator('li', { hasText: 'For many' })
  await card.getByText('OpenID CIBA').click()
  await card.getByText('A key that the app proves to hold (DPoP)').waitFor()
  await card.getByText('It is held to the FAPI profile').waitFor()
  await accessibleOnAnyPaper(page, 'OpenID CIBA of an app, for operators')
  await fits(page, 'OpenID CIBA of an app, for operators')
})

const DETAILS = { COUNTERSIGN_AUTHORIZATION_DETAILS: '{"payment":{"en":"Make one payment"}}' }
