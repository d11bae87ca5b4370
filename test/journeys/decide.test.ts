import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { verifyEvidence } from '#requests/evidence.ts'
import { startBrowser } from '../support/browser.ts'
import { startReceiver } from '../support/receiver.ts'
import {
  approve,
  approveButton,
  documentOf,
  hasNoButtons,
  headed,
  letterOf,
  read,
  rejectButton,
  startStage,
} from './stage.ts'

const browser = await startBrowser()

test('from the link to enrol to the revoked token: asked, read, approved, delivered, proven, taken back', async () => {
  const answered = Promise.withResolvers<void>()
  await using stage = await startStage(browser, {
    behave: (_http, response) => void answered.promise.then(() => response.end('ok')),
  })
  const { server, receiver, device } = stage
  const { page } = device
  await page.getByText('Nothing waits for your decision.').waitFor()
  const opened = await documentOf(page)

  // It arrives by itself, and is read like a letter.
  const id = await stage.ask('Morning run of the strategy')
  const card = page.getByRole('link', { name: 'Northwind Research' })
  await card.waitFor()
  await watchApprove(page)
  await card.click()
  await headed(page, 'Northwind Research asks for access to your account')
  const host = new URL(receiver.url).host
  const letter = await letterOf(page)
  assert.match(
    letter['For how long'] ?? '',
    /^Until (today|tomorrow), 3:30\sam\. That is .*(hours?|minutes?)/,
  )
  assert.match(
    letter['Asked from'] ?? '',
    /^Network address (127\.0\.0\.1|::1), which shows only roughly where/,
  )
  assert.deepEqual(
    { ...letter, 'For how long': '', 'Asked from': '' },
    {
      'What it gets': 'Full access to your account: it can see everything and act for you.',
      'For how long': '',
      'Sent to': `${host}\n${receiver.url}`,
      Why: 'The app says:\nMorning run of the strategy',
      'Asked from': '',
      'You and this app': '▲ You have never approved this app before.',
    },
  )
  assert.match((await page.locator('.time-left').textContent()) ?? '', /^Time left: \d+ (hours?|minutes?)/)

  // To refuse is as near as to approve, and a tap meant for what was there before approves nothing.
  assert.deepEqual(await page.locator('.decide button').allInnerTexts(), ['Reject', 'Approve with passkey'])
  const [one, other] = [await rejectButton(page).boundingBox(), await approveButton(page).boundingBox()]
  assert.deepEqual([one?.width, one?.height], [other?.width, other?.height])
  assert.ok((one?.height ?? 0) >= 48)
  await approve(device)
  assert.ok((await approveWaited(page)) >= 990)

  // The page follows the delivery to its end.
  await page.getByText(`The access is being sent to ${host}.`).waitFor()
  answered.resolve()
  await page.getByText(`The access was sent to ${host}.`).waitFor()
  const [post] = await receiver.received(1)
  const token: string = JSON.parse(post?.body ?? '').access_token
  assert.equal(await documentOf(page), opened)

  const saving = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Download proof' }).click()
  const proof = await readFile(await (await saving).path(), 'utf8')
  const { approval } = await verifyEvidence(proof)
  assert.equal(approval.request_id, id)
  assert.equal(approval.notifier_url, receiver.url)

  await page.getByRole('button', { name: 'Revoke' }).click()
  const dialog = page.getByRole('dialog', { name: 'Revoke this access?' })
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await page.getByRole('button', { name: 'Revoke' }).click()
  await dialog.getByRole('button', { name: 'Revoke access' }).click()
  await page.getByText('It was revoked and no longer works.').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Revoke' }).count(), 0)

  await page.getByRole('link', { name: 'Out now' }).click()
  await page.getByText('No app has access to your account.').waitFor()
  await page.getByText('One that has ended').click()
  await page.getByText(/^Revoked today/).waitFor()
  const logout = await fetch(`${server.origin}/v2/logout`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token}` },
  })
  assert.equal(logout.status, 401)
})

test('a rejected request hands out nothing, and says so', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  const id = await stage.ask()
  await read(stage.device, id)
  assert.equal((await letterOf(page)).Why, 'The app gave no reason.')

  await rejectButton(page).click()

  await headed(page, 'Rejected')
  await page.getByText('It got nothing.').waitFor()
  await hasNoButtons(page)
  assert.equal(await page.getByRole('link', { name: 'Download proof' }).count(), 0)
  assert.equal(await stage.stateOf(id), 'rejected')
  assert.deepEqual(stage.receiver.posts, [])
})

test('a request that its app takes back while it is read shows so by itself', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  const id = await stage.ask()
  await read(stage.device, id)

  await stage.withdraw(id)

  await headed(page, 'Withdrawn')
  await hasNoButtons(page)
})

test('a user who is not recognised by the passkey has decided nothing, and can try again', async () => {
  await using stage = await startStage(browser)
  const { device } = stage
  const id = await stage.ask()
  await read(device, id)

  await device.passkeys.verifyUser(false)
  await approveButton(device.page).click()
  const alert = device.page.getByRole('alert')
  await alert.waitFor()

  assert.equal(
    await alert.textContent(),
    'The passkey was not used, so nothing has happened. You can try again.',
  )
  assert.equal(await stage.stateOf(id), 'pending')
  await device.passkeys.verifyUser(true)
  await approve(device)
  await stage.receiver.received(1)
})

test('an app that sends the browser here gets it back with a code, and a token for the code', async () => {
  // A page of the app, at another site: its link leads here, as does its redirect address.
  let dialog = ''
  await using landing = await startReceiver((_http, response) =>
    response.setHeader('content-type', 'text/html').end(`<a href="${dialog}">Connect</a>`),
  )
  await using stage = await startStage(browser, { device: { alsoVisits: [new URL(landing.url).origin] } })
  const { server, device } = stage
  const { page } = device
  const app = await server.addClient({ user_id: stage.userId, name: 'Charts', redirect_url: landing.url })
  const query = { response_type: 'code', client_id: app.client_id, redirect_uri: landing.url, state: 'a b&c' }

  dialog = `${server.origin}/v2/login/authorization/dialog?${new URLSearchParams(query)}`.replaceAll(
    '&',
    '&amp;',
  )

  await page.goto(landing.url)
  await page.getByRole('link', { name: 'Connect' }).click()
  await headed(page, 'Charts asks for access to your account')
  assert.equal(
    (await letterOf(page))['Sent to'],
    `Back to this browser, which then opens:\n${new URL(landing.url).host}\n${landing.url}`,
  )
  await approve(device)
  await page.waitForURL(`${landing.url}?**`)

  const landed = new URL(page.url())
  assert.equal(landed.searchParams.get('state'), 'a b&c')
  const answer = await fetch(`${server.origin}/v2/login/authorization/token`, {
    method: 'POST',
    body: new URLSearchParams({
      ...app,
      grant_type: 'authorization_code',
      code: landed.searchParams.get('code') ?? '',
      redirect_uri: landing.url,
    }),
  })
  const { user_id, access_token } = (await answer.json()) as Record<string, string>
  assert.equal(user_id, stage.userId)
  assert.match(access_token ?? '', /^ey/)
})

test('a test request can be approved, and gives nothing to anybody', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  await page.getByRole('button', { name: 'Send me a test request' }).click()
  await headed(page, 'Countersign test asks for access to your account')
  assert.equal(
    (await letterOf(page))['Sent to'],
    'Nowhere by itself: an app that wants it has to collect it.',
  )

  await approve(stage.device)

  await page.getByText('Nothing has been handed out so far.').waitFor()
  await page.getByRole('link', { name: 'History' }).click()
  const card = page.getByRole('listitem').filter({ hasText: 'Countersign test' })
  assert.match((await card.textContent()) ?? '', /Approved today/)
})

/** Notes when Approve is first there, and when it can first be pressed, by the clock of the page. */
const watchApprove = (page: Page) =>
  page.evaluate(() => {
    const seen = { at: 0, armedAt: 0 }
    new MutationObserver(() => {
      const button = document.querySelector('.decide .primary')
      if (!button) return
      seen.at ||= performance.now()
      if (button.getAttribute('aria-disabled') === 'false') seen.armedAt ||= performance.now()
    }).observe(document.body, { subtree: true, childList: true, attributes: true })
    Object.assign(globalThis, { seen })
  })

/** Milliseconds for which Approve was there and could not be pressed. */
const approveWaited = (page: Page) =>
  page.evaluate(() => {
    const { seen } = globalThis as unknown as { seen: { at: number; armedAt: number } }
    return seen.armedAt - seen.at
  })
