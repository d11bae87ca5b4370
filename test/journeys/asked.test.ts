import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { startBrowser } from '../support/browser.ts'
import { inDetail, linkedApp, PAYMENT, STATEMENTS, WORDED } from './asked.ts'
import { approve, approveButton, headed, letterOf, read, rejectButton, startStage } from './stage.ts'

const browser = await startBrowser()

test('what is asked is read in words, and of two details the one that is left is granted', async () => {
  await using stage = await startStage(browser, { env: WORDED })
  const { page } = stage.device
  const app = await linkedApp(stage)
  const { requestId, auth_req_id } = await app.ask({
    ...inDetail(PAYMENT, STATEMENTS),
    request_context: JSON.stringify({ device: { name: 'Büro <b>PC</b>' } }),
  })
  await read(stage.device, requestId)
  const { 'What it gets': what, 'In detail': details = '' } = await letterOf(page)
  assert.deepEqual(what?.split('\n'), [
    'Can do harm: Move money out of your account',
    'See your accounts and what is on them',
    'Not explained by whoever runs this server: reports:model',
    'Know that it was you who approved, and when',
  ])
  for (const words of [
    'Can do harm: Make one payment',
    'Amount\n12.50',
    'To\nKöln Strom GmbH',
    'Read statements',
    'Months back\n12',
    'Of closed accounts too\nNo',
    'Of\nSavings, Joint account',
  ]) {
    assert.ok(details.includes(words), `“${words}” in ${details}`)
  }

  await page.getByText('What else the app says').click()
  assert.match((await letterOf(page)).Why ?? '', /device\.name\nBüro <b>PC<\/b>/)

  const ticks = page.getByRole('checkbox')
  const fresh = page.waitForResponse((answer) => answer.url().endsWith('/review'))
  await ticks.nth(0).uncheck()
  await fresh
  // The last one stays: to give nothing is to reject.
  await page.locator('.tick input:enabled:not(:checked)').waitFor()
  assert.deepEqual([await ticks.nth(0).isChecked(), await ticks.nth(1).isChecked()], [false, true])
  await approve(stage.device)

  const tokens = (await (await app.calls.poll(app.client, auth_req_id)).json()) as { access_token: string }
  assert.deepEqual(decodeJwt(tokens.access_token).authorization_details, [STATEMENTS])
})

test('the code that the app shows is typed before the passkey; five wrong ones, and the page says how it stands', async () => {
  await using stage = await startStage(browser, { env: WORDED })
  const { page } = stage.device
  const app = await linkedApp(stage, { require_match_code: true })
  const { requestId, auth_req_id, match_code = '' } = await app.ask()
  const wrong = String((Number(match_code) + 1) % 1_000_000).padStart(6, '0')
  const field = page.getByLabel('Code that Northwind Agent shows you now')

  await read(stage.device, requestId)
  // A second in view is not enough: without the code there is nothing to approve.
  await page.waitForTimeout(1_200)
  assert.equal(await approveButton(page).getAttribute('aria-disabled'), 'true')
  const passkeys = page.waitForRequest((call) => call.url().endsWith('/approve'), { timeout: 60_000 })
  await field.fill(wrong)
  await approveButton(page).click()
  await page.getByText('That is not the code. You have 4 more tries.').waitFor()
  await field.fill(match_code)
  await approve(stage.device)
  await passkeys
  assert.equal((await app.calls.poll(app.client, auth_req_id)).status, 200)

  const next = await app.ask()
  await read(stage.device, next.requestId)
  for (const said of [
    '4 more tries',
    '3 more tries',
    '2 more tries',
    'One more try',
    'Too many wrong codes',
  ]) {
    await field.fill(next.match_code === wrong ? match_code : wrong)
    await approveButton(page).click()
    await page.getByText(said).waitFor()
  }
  await page.getByText('Nothing was approved. From today').waitFor()
  await rejectButton(page).click()
  await headed(page, 'Rejected')
})
