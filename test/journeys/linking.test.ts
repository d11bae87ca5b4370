import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accessibleOnAnyPaper } from '../support/axe.ts'
import { startBrowser } from '../support/browser.ts'
import { addInitiator, cibaCalls, errorOf, type TestClient } from '../support/ciba.ts'
import { basic } from '../support/server.ts'
import { fits } from './fits.ts'
import { headed, startStage } from './stage.ts'

const browser = await startBrowser()

const SCOPES = {
  accounts: { en: 'See your accounts and what is in them', hi: 'आपके खाते और उनमें क्या है, यह देखना' },
  payments: { en: 'Send money to others', hi: 'दूसरों को पैसे भेजना', dangerous: true },
}
const scope = 'openid accounts payments trading:model'
const purpose = 'Keeps your household book, and pays the bills that you have marked'
const env = { COUNTERSIGN_SCOPES: JSON.stringify(SCOPES) }

async function newCode(origin: string, client: TestClient) {
  const answer = await fetch(`${origin}/v1/links/codes`, { method: 'POST', headers: basic(client) })
  return (await answer.json()) as { id: string; code: string; url: string }
}

test('an app sends its user here; they read who it is, link it by passkey, come back, and may be asked', async () => {
  await using stage = await startStage(browser, { env })
  const { server, receiver } = stage
  const device = await stage.secondDevice({ alsoVisits: [new URL(receiver.url).origin] })
  const { page } = device
  const client = await addInitiator(server, [], { scope, purpose, redirect_url: receiver.url })
  const query = new URLSearchParams({ redirect_uri: receiver.url, state: 'a state' })
  await device.open(`/link/${client.client_id}?${query}`)
  await headed(page, 'Let Northwind Agent ask you?')
  const scopes = await page.locator('.scopes li').allInnerTexts()
  assert.deepEqual(scopes, [
    'Can do harm: Send money to others',
    'See your accounts and what is in them',
    'Not explained by whoever runs this server: trading:model',
    'Know that it was you who approved, and when',
  ])
  await page.getByText('Registered by the people who run this service.').waitFor()
  await page.getByText(new URL(receiver.url).host).waitFor()
  // Nothing is linked by opening a link.
  const links = async () =>
    (await server.select('select subject from client_links')).map(({ subject }) => subject)
  assert.deepEqual(await links(), [])
  const buttons = await page.locator('.decide button').allInnerTexts()
  assert.deepEqual(buttons, ['Not now', 'Link with passkey'])

  await page.getByRole('button', { name: 'Link with passkey' }).click()
  await headed(page, 'Northwind Agent is linked')
  await page.waitForURL((url) => url.href.startsWith(receiver.url))
  const back = new URL(page.url()).searchParams
  assert.equal(back.get('state'), 'a state')
  const login_hint = back.get('link_id') ?? ''
  assert.deepEqual(await links(), [login_hint])
  await cibaCalls(server.origin).ask(client, { login_hint })
})

test('who would rather not goes back with a no, and nothing is linked', async () => {
  await using stage = await startStage(browser)
  const { server, receiver } = stage
  const device = await stage.secondDevice({ alsoVisits: [new URL(receiver.url).origin] })
  const client = await addInitiator(server, [], { redirect_url: receiver.url })
  const query = new URLSearchParams({ redirect_uri: receiver.url, state: 's' })
  await device.open(`/link/${client.client_id}?${query}`)
  await device.page.getByRole('button', { name: 'Not now' }).click()
  await headed(device.page, 'Not linked')
  await device.page.waitForURL((url) => url.searchParams.get('error') === 'access_denied')
  assert.deepEqual(await server.select('select subject from client_links'), [])
})

test('a code that an app shows is kept over the sign-in, leaves the address bar, and works once; a wrong one is said', async () => {
  await using stage = await startStage(browser, { env })
  const { server } = stage
  const client = await addInitiator(server, [], { scope })
  const { code, url } = await newCode(server.origin, client)
  const device = await stage.newDevice({ tolerates: /^console: Failed to load resource.*40[14]/ })
  await device.passkeys.copyFrom(stage.device.passkeys)
  const { page } = device
  await page.goto(url)
  await page.getByRole('button', { name: 'Sign in with your passkey' }).click()
  await headed(page, 'Let Northwind Agent ask you?')
  assert.equal(page.url(), `${server.origin}/link`)
  await page.getByRole('button', { name: 'Link with passkey' }).click()
  await headed(page, 'Northwind Agent is linked')
  await page.getByRole('link', { name: 'Linked apps' }).click()
  await page.getByText('One app may ask you.').waitFor()

  await page.getByRole('link', { name: 'Link an app by a code' }).click()
  await page.getByLabel('Code').fill(code.toLowerCase())
  await page.getByRole('button', { name: 'Show the app' }).click()
  await page.getByText('The code is wrong, was used before, or is too old.').waitFor()
  const { code: next } = await newCode(server.origin, client)
  await page.getByLabel('Code').fill(`${next.slice(0, 4)} ${next.slice(4)}`)
  await page.getByRole('button', { name: 'Show the app' }).click()
  await page.getByText('You have linked this app already').waitFor()
})

test('an app is unlinked with one question; what it asked goes with it', async () => {
  await using stage = await startStage(browser, { env })
  const { server, device, userId } = stage
  const { page } = device
  const client = await addInitiator(server, [userId], { scope })
  const calls = cibaCalls(server.origin)
  const { auth_req_id } = await calls.ask(client, { login_hint: userId })
  await device.open('/security')
  await page.getByRole('link', { name: 'Linked apps' }).click()
  await page.getByText('Last asked').waitFor()
  await page.getByRole('button', { name: 'Unlink Northwind Agent' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Unlink' }).click()
  await page.getByText('No app may ask you.').waitFor()
  assert.deepEqual(await errorOf(await calls.poll(client, auth_req_id)), [400, 'access_denied'])
  await page.getByRole('link', { name: 'Inbox' }).click()
  await page.getByText('Nothing waits for your decision.').waitFor()
})

for (const locale of ['en-IN', 'hi-IN']) {
  test(`the pages of linking fit any window, and axe finds nothing on them: ${locale}`, async () => {
    await using stage = await startStage(browser, { env, device: { locale } })
    const { server, device, userId } = stage
    const { page, open } = device
    const name = 'Internationalisierungsgesellschaft Research & Trading Tools'
    const client = await addInitiator(server, [], { name, scope, purpose })
    const look = async (path: string, mark: string) => {
      await open(path)
      await page.locator(mark).first().waitFor()
      await fits(page, path)
      await accessibleOnAnyPaper(page, path)
    }
    await look('/links', '.links')
    await look('/link', 'input.code')
    await open(`/link/${client.client_id}`)
    await page.locator('.primary[aria-disabled="false"]').waitFor()
    await fits(page, 'offer')
    await accessibleOnAnyPaper(page, 'offer')
    await page.locator('.decide .primary').click()
    await page.locator('main .links').waitFor()
    await fits(page, 'linked')
    await accessibleOnAnyPaper(page, 'linked')
    await addInitiator(server, [userId], { name: 'Two', scope: 'openid' })
    await look('/links', '.card .scopes')
    await page.locator('.card .danger').last().click()
    await page.locator('dialog').waitFor()
    await fits(page, 'question')
    await accessibleOnAnyPaper(page, 'question')
  })
}
