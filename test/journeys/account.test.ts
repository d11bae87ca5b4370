import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startBrowser } from '../support/browser.ts'
import { heldClock } from '../support/server.ts'
import { approve, approveButton, headed, read, startStage } from './stage.ts'

const browser = await startBrowser()

const SIGN_IN = { name: 'Sign in with your passkey' }

test('whoever opens a request without being signed in signs in first, and is back at it', async () => {
  await using stage = await startStage(browser)
  const id = await stage.ask()
  const fresh = await stage.newDevice()
  await fresh.passkeys.copyFrom(stage.device.passkeys)

  await fresh.open(`/r/${id}`)
  await headed(fresh.page, 'Sign in')
  assert.equal(await fresh.page.getByText('Northwind').count(), 0)
  await fresh.page.getByRole('button', SIGN_IN).click()

  await approveButton(fresh.page).waitFor()
  assert.equal(fresh.page.url(), `${stage.server.origin}/r/${id}`)
  // There is no way back to the sign-in page, only to where they came from.
  await approve(fresh)
})

const strangers = [
  '//evil.example',
  '/\\evil.example',
  '/\t/evil.example',
  'https://evil.example/',
  'javascript:alert(1)',
]
test('sign-in leads to no other site, whatever its address says', async () => {
  await using stage = await startStage(browser)
  const { page, context, open } = stage.device
  for (const to of strangers) {
    // A page that stays open would find out that it is signed out, and go to sign in by itself.
    await page.goto('about:blank')
    await context.clearCookies()
    await open(`/sign-in?to=${encodeURIComponent(to)}`)
    await page.getByRole('button', SIGN_IN).click()
    await headed(page, 'Inbox')
    assert.equal(page.url(), `${stage.server.origin}/`, to)
  }
})

test('a passkey of nobody signs nobody in, and the page says what to do', async () => {
  await using stage = await startStage(browser)
  const stranger = await stage.newDevice()
  await stranger.open('/sign-in')

  await stranger.page.getByRole('button', SIGN_IN).click()

  await stranger.page
    .getByText('The passkey was not used, so nothing has happened. You can try again.')
    .waitFor()
  assert.equal(new URL(stranger.page.url()).pathname, '/sign-in')
})

test('a link to enrol works once, and says so', async () => {
  await using stage = await startStage(browser)
  const second = await stage.newDevice()

  await second.page.goto(stage.enrolmentUrl)

  await headed(second.page, 'This link no longer works')
  // The token is gone from the address bar, and with it from the history.
  assert.equal(second.page.url(), `${stage.server.origin}/enrol`)
  await second.page.getByRole('link', { name: 'I have a passkey already: sign in' }).click()
  await headed(second.page, 'Sign in')
})

test('sign out ends the session, on this page and at the server', async () => {
  await using stage = await startStage(browser)
  const { device, server } = stage
  const { page } = device
  const [cookie] = await device.context.cookies()
  await page.getByRole('link', { name: 'Security' }).click()

  await page.getByRole('button', { name: 'Sign out' }).click()

  await headed(page, 'Sign in')
  assert.deepEqual(await device.context.cookies(), [])
  const headers = { cookie: `${cookie?.name}=${cookie?.value}` }
  assert.equal((await fetch(`${server.origin}/v1/me`, { headers })).status, 401)
  await page.goBack()
  await headed(page, 'Sign in')
})

test('the cookie of a session is kept from scripts and from other sites', async () => {
  await using stage = await startStage(browser)
  const [cookie, ...more] = await stage.device.context.cookies()
  assert.deepEqual(more, [])
  assert.equal(cookie?.httpOnly, true)
  assert.equal(cookie?.sameSite, 'Strict')
  assert.equal(cookie?.path, '/')
})

test('a second passkey is added and the first removed; the last one stays', async () => {
  await using stage = await startStage(browser)
  const { device } = stage
  const { page } = device
  const cards = page.locator('section', { hasText: 'Passkeys' }).first().getByRole('listitem')
  const remove = async () => {
    await cards.first().getByRole('button', { name: 'Remove' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove passkey' }).click()
  }
  await page.getByRole('link', { name: 'Security' }).click()
  await cards.first().waitFor()

  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await page.getByText('This device already has a passkey for your account.').waitFor()
  await device.passkeys.forgetAll()
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await cards.nth(1).waitFor()

  await remove()
  await cards.nth(1).waitFor({ state: 'detached' })
  await remove()
  await page.getByRole('dialog').getByText('This is the only passkey of the account.').waitFor()
  await page.getByRole('button', { name: 'Cancel' }).click()
  assert.equal(await cards.count(), 1)

  // The one that is left is the one that this device still has.
  const id = await stage.ask()
  await read(device, id)
  await approve(device)
})

test('a page that was left open asks for the old passkey before it adds a new one', async () => {
  const clock = heldClock(Date.now())
  await using stage = await startStage(browser, { now: clock.now })
  const { page } = stage.device
  clock.minutes(11)
  await page.getByRole('link', { name: 'Security' }).click()
  const begun = page.waitForResponse(
    (answer) => answer.url().endsWith('/v1/me/passkeys/options') && answer.ok(),
  )
  await page.getByRole('button', { name: 'Add a passkey' }).click()
  await begun
  // Shown, and then found to be on this device already.
  await page.getByText('This device already has a passkey for your account.').waitFor()
})

test('a session on another device is seen and ended from here', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  const lost = await stage.secondDevice()
  await page.getByRole('link', { name: 'Security' }).click()
  const sessions = page.locator('section', { hasText: 'Where you are signed in' }).getByRole('listitem')
  await sessions.nth(1).waitFor()
  assert.equal(await sessions.filter({ hasText: 'This device' }).count(), 1)

  await sessions.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out there' }).click()

  await sessions.nth(1).waitFor({ state: 'detached' })
  await lost.page.getByRole('link', { name: 'History' }).click()
  await headed(lost.page, 'Sign in')
})

test('an unknown address is a page that says so', async () => {
  await using stage = await startStage(browser, {
    device: { tolerates: /^console: Failed to load resource.*404.*\/nowhere/ },
  })
  const answer = await stage.device.open('/nowhere/at/all')
  assert.equal(answer?.status(), 404)
  await headed(stage.device.page, 'Page not found')
})

test('a request of somebody else is not shown', async () => {
  await using stage = await startStage(browser)
  const id = await stage.ask()
  const { enrolment_url } = await stage.server.addUser()
  const other = await stage.newDevice()
  await other.page.goto(enrolment_url)
  await other.page.getByRole('button', { name: 'Create passkey' }).click()
  await headed(other.page, 'Inbox')

  await other.open(`/r/${id}`)

  await headed(other.page, 'Request not shown')
  await other.page.getByText('No token request has this id.').waitFor()
})

test('the history holds every request, however it ended, and more than fit on its first page', async () => {
  await using stage = await startStage(browser)
  const { device } = stage
  const { page } = device
  for (let count = 0; count < 51; count += 1) await stage.withdraw(await stage.ask(`Ask ${count}`))
  const id = await stage.ask('The newest')
  await stage.call(device, 'POST', `/v1/me/requests/${id}/reject`)

  await page.getByRole('link', { name: 'History' }).click()

  const cards = page.getByRole('main').getByRole('listitem')
  await cards.nth(49).waitFor()
  assert.match((await cards.first().textContent()) ?? '', /The newest[\s\S]*Rejected/)
  await page.getByRole('button', { name: 'Show older' }).click()
  await cards.nth(51).waitFor()
  assert.match((await cards.last().textContent()) ?? '', /Ask 0[\s\S]*Withdrawn/)
  assert.equal(await page.getByRole('button', { name: 'Show older' }).count(), 0)
})

test('whoever has lost their passkey makes a new one by a recovery code, and can approve again', async () => {
  await using stage = await startStage(browser)
  const { page, open } = stage.device
  await open('/security')
  await page.getByText('You have no recovery codes.').waitFor()
  await page.getByRole('button', { name: 'Make recovery codes' }).click()
  await page.getByRole('heading', { name: 'Your new recovery codes' }).waitFor()
  const codes = ((await page.locator('.once code').textContent()) ?? '').split('\n')
  assert.equal(codes.length, 10)
  await page.getByRole('button', { name: 'I have kept them' }).click()
  assert.equal(await page.getByText(codes[0] ?? '').count(), 0)

  const found = await stage.newDevice()
  await found.open('/sign-in')
  await found.page.getByRole('link', { name: 'I have lost my passkey' }).click()
  await headed(found.page, 'Make a new passkey')
  const field = found.page.getByLabel('Recovery code')
  await field.fill('0000-0000-0000-0000')
  await found.page.getByRole('button', { name: 'Create passkey' }).click()
  await found.page.getByText('This recovery code is wrong or was used already.').waitFor()
  await field.fill((codes[3] ?? '').toLowerCase())
  await found.page.getByRole('button', { name: 'Create passkey' }).click()

  await headed(found.page, 'Security')
  await found.page.getByText('9 codes are left').waitFor()
  await read(found, await stage.ask())
  await approve(found)
})
