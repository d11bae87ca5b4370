import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { accessibleOnAnyPaper } from '../support/axe.ts'
import { startBrowser } from '../support/browser.ts'
import { heldClock } from '../support/server.ts'
import { headed, startStage } from './stage.ts'

const browser = await startBrowser()

const PAGES = [
  ['/operator', 'Health', 'हालत'],
  ['/operator/reviews', 'Apps to review', 'समीक्षा के लिए ऐप'],
  ['/operator/users', 'Users', 'उपयोगकर्ता'],
  ['/operator/apps', 'All apps', 'सभी ऐप'],
  ['/operator/events', 'Audit log', 'ऑडिट लॉग'],
  ['/operator/feedback', 'Feedback', 'सुझाव'],
  ['/operator/settings', 'Settings in force', 'लागू सेटिंग'],
] as const

async function startOperator(options: Parameters<typeof startStage>[1] = {}) {
  const stage = await startStage(browser, options)
  await stage.server.admin(`/v1/admin/users/${stage.userId}/role`, { role: 'operator' })
  return stage
}

const shots = process.env.SCREENSHOTS

/** Nothing is wider than the window, at 320 and 1280 px, and axe finds nothing. */
async function looksWell(page: Page, what: string) {
  for (const width of [320, 1280]) {
    await page.setViewportSize({ width, height: 800 })
    const over = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    )
    assert.equal(over, 0, `${what} at ${width} px`)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      if (shots)
        await page.screenshot({ path: `${shots}/${what}-${width}-${colorScheme}.png`, fullPage: true })
    }
  }
  await accessibleOnAnyPaper(page, what)
}

for (const [locale, at] of [
  ['en-IN', 1],
  ['hi-IN', 2],
] as const) {
  test(`every operator page reads well while there is little and when there is more: ${locale}`, async () => {
    await using stage = await startOperator({ device: { locale } })
    const { page, open } = stage.device
    for (const path of PAGES) {
      await open(path[0])
      await headed(page, path[at])
      await page.locator('main .card, main .panel, main > p, main section').last().waitFor()
      await page.locator('.skeleton').waitFor({ state: 'detached' })
      await looksWell(page, `${locale}${path[0].replaceAll('/', '-')}`)
    }
    await open(`/operator/users/${stage.userId}`)
    await headed(page, 'Asha Rao')
    await page.locator('main section').last().waitFor()
    await looksWell(page, `${locale}-user`)
  })
}

test('who has no role sees no operator pages, and is told so', async () => {
  await using stage = await startStage(browser)
  const { page, open } = stage.device
  await page.getByRole('link', { name: 'Apps' }).waitFor()
  assert.equal(await page.getByRole('link', { name: 'Operator' }).count(), 0)
  await open('/operator')
  await page.getByText('Only an operator of this server may do this.').waitFor()
})

test('an operator adds a user, whose link works, disables and enables them', async () => {
  await using stage = await startOperator()
  const { page } = stage.device
  await page.reload()
  await page.getByRole('link', { name: 'Operator', exact: true }).click()
  await page.getByRole('link', { name: 'Users' }).click()
  await page.locator('summary', { hasText: 'Add a user' }).click()
  await page.getByLabel('Handle', { exact: true }).fill('ravi')
  await page.getByLabel('Name', { exact: true }).fill('Ravi Iyer')
  await page.getByRole('button', { name: 'Add a user' }).click()
  const link = (await page.locator('.once code').textContent()) ?? ''
  const other = await stage.newDevice()
  await other.page.goto(link)
  await other.page.getByRole('button', { name: 'Create passkey' }).click()
  await headed(other.page, 'Inbox')

  await page.getByRole('searchbox').fill('nobody like that')
  await page.getByRole('button', { name: 'Search' }).click()
  await page.getByText('Nothing matches.').waitFor()
  await page.getByRole('searchbox').fill('RAVI')
  await page.getByRole('button', { name: 'Search' }).click()
  await page.getByRole('link', { name: 'Ravi Iyer' }).click()
  await headed(page, 'Ravi Iyer')
  await page.getByRole('button', { name: 'Disable account' }).click()
  await looksWell(page, 'question')
  await page.getByRole('dialog').getByRole('button', { name: 'Disable account' }).click()
  await page.getByText('Disabled', { exact: true }).waitFor()
  await other.page.reload()
  await headed(other.page, 'Sign in')
  await page.getByRole('button', { name: 'Enable account' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Enable account' }).click()
  await page.getByRole('button', { name: 'Disable account' }).waitFor()
})

test('after a while a change asks for the passkey once more, and then goes on by itself', async () => {
  const clock = heldClock(Date.now())
  await using stage = await startOperator({ now: clock.now })
  const { page, open } = stage.device
  const { client_id } = await stage.server.addClient({ kind: 'initiator', name: 'Rebalancer' })
  clock.minutes(30)
  await open('/operator/apps')
  await page.getByRole('button', { name: 'Switch off Rebalancer' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Switch off' }).click()
  await page.getByRole('button', { name: 'Switch on Rebalancer' }).waitFor()
  const [app] = await stage.server.select(`select state from clients where id = '${client_id}'`)
  assert.equal(app?.state, 'disabled')
  await open('/operator/events')
  await page.getByText('app_disabled').waitFor()
})

test('an app is rejected with a reason, handed in again and accepted', async () => {
  await using stage = await startOperator()
  const { page, open } = stage.device
  const made = await stage.call(stage.device, 'POST', '/v1/me/apps', {
    name: 'Rebalancer',
    kind: 'initiator',
  })
  const { client_id } = (await made.json()) as { client_id: string }
  await open('/operator')
  await page.getByRole('link', { name: '1 app waits for a review' }).click()
  await page.getByRole('button', { name: 'Reject Rebalancer' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Reject' }).click()
  await dialog.getByText('Say why').waitFor()
  await dialog.getByLabel('Reason, for its owner').fill('Say who runs it.')
  await dialog.getByRole('button', { name: 'Reject' }).click()
  await page.getByText('Nothing waits for you.').waitFor()
  await open(`/apps/${client_id}`)
  await page.getByText('Say who runs it.').waitFor()

  const path = `/v1/me/apps/${client_id}`
  assert.ok((await stage.call(stage.device, 'PATCH', path, { purpose: 'Run by Northwind' })).ok())
  await open('/operator/reviews')
  await page.getByRole('button', { name: 'Accept Rebalancer' }).click()
  await dialog.getByRole('button', { name: 'Accept' }).click()
  await page.getByText('Nothing waits for you.').waitFor()
  const [app] = await stage.server.select(`select state from clients where id = '${client_id}'`)
  assert.equal(app?.state, 'active')
})

test('whoever did not ask for new passkeys reads of them and calls them off', async () => {
  await using stage = await startStage(browser)
  const { page, open } = stage.device
  await stage.server.admin(`/v1/admin/users/${stage.userId}/enrolment`, {})
  await open('/security')
  await page.getByText('The operator made a link that replaces your passkeys.').waitFor()
  await page.getByRole('button', { name: 'Call it off' }).click()
  await page.getByRole('button', { name: 'Call it off' }).waitFor({ state: 'detached' })
  assert.deepEqual(await stage.server.select('select user_id from enrolments where used_at is null'), [])
})

test('what people wrote is read and cleared away by the operator', async () => {
  await using stage = await startOperator()
  const { page, open } = stage.device
  const written = await stage.call(stage.device, 'POST', '/v1/feedback', {
    text: 'Where is the dark mode? <b>',
    page: '/apps',
  })
  assert.equal(written.status(), 201)
  await open('/operator/feedback')
  await page.getByText('Where is the dark mode? <b>').waitFor()
  await looksWell(page, 'feedback')
  await page.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await page.getByText('Nobody has written anything yet.').waitFor()
})
