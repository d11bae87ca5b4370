import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { approvalChallenge } from '#requests/summary.ts'
import type { Review } from '../../src/api/contract.ts'
import { startBrowser } from '../support/browser.ts'
import { startReceiver } from '../support/receiver.ts'
import {
  approve,
  approveButton,
  hasNoButtons,
  headed,
  letterOf,
  read,
  rejectButton,
  startStage,
} from './stage.ts'

const browser = await startBrowser()

const alterations = [
  { what: 'the name of the app', alter: (text: string) => text.replace('Northwind Research', 'Northwind') },
  { what: 'the notifier endpoint', alter: (text: string) => text.replace('/token"', '/other"') },
  { what: 'the end of the token', alter: (text: string) => text.replace(/("token_expires_at":)\d/, '$13') },
]
for (const { what, alter } of alterations) {
  test(`a page that was told another story than will be signed shows nothing to approve: ${what}`, async () => {
    await using stage = await startStage(browser)
    const { page } = stage.device
    const id = await stage.ask()
    await onReview(page, (review) => ({ ...review, approval: changed(review.approval, alter) }))

    await stage.device.open(`/r/${id}`)

    await headed(page, 'Do not approve this request')
    await hasNoButtons(page)
    assert.equal(await page.locator('.letter').count(), 0)
    assert.equal(await stage.stateOf(id), 'pending')
  })
}

test('a review of another request is not shown as this one', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  const id = await stage.ask()
  const other = await stage.call(stage.device, 'POST', '/v1/me/test-request')
  const { request_id } = await other.json()
  const review = await stage.call(stage.device, 'POST', `/v1/me/requests/${request_id}/review`)
  const json = await review.json()
  await onReview(page, () => json)

  await stage.device.open(`/r/${id}`)

  await headed(page, 'Do not approve this request')
  await hasNoButtons(page)
})

test('a text altered together with its challenge is signed in vain', async () => {
  await using stage = await startStage(browser)
  const { page } = stage.device
  const id = await stage.ask()
  await onReview(page, (review) => challenged(review, (text) => text.replace('/token"', '/other"')))
  await read(stage.device, id)

  await approveButton(page).click()

  await page.getByRole('alert').waitFor()
  assert.equal(await stage.stateOf(id), 'pending')
  assert.deepEqual(stage.receiver.posts, [])
})

test('an app that changes its notifier endpoint after display is read again, then approved', async () => {
  await using second = await startReceiver()
  await using stage = await startStage(browser)
  const { page } = stage.device
  const id = await stage.ask()
  await read(stage.device, id)
  await stage.changeNotifier(stage.device, second.url)

  await approveButton(page).click()

  await page.getByText('This request changed while you looked at it. Read it again.').waitFor()
  assert.equal((await letterOf(page))['Sent to'], `${new URL(second.url).host}\n${second.url}`)
  assert.equal(await stage.stateOf(id), 'pending')
  assert.equal(await approveButton(page).getAttribute('aria-disabled'), 'true')
  await approve(stage.device)
  await second.received(1)
  assert.deepEqual(stage.receiver.posts, [])
})

const LINK = '<a href="https://evil.example">https://evil.example</a>'
const MARKUP = '<img src=x onerror=alert(1)><script>alert(2)</script><h1>Approved</h1>'
const HOSTILE = `${MARKUP}${LINK}\u202e\u2066desrever\u200b\u200d\ufeff\u0007\n\n${'long'.repeat(2_500)}`

test('the words of an app are quoted, cut and inert, whatever they hold', async () => {
  await using stage = await startStage(browser, { device: { width: 320, height: 640 } })
  const { page } = stage.device
  const id = await stage.ask(HOSTILE)

  await page.locator('.card .reason').waitFor()
  await isInert(page, '.card .reason')
  await read(stage.device, id)

  const quote = page.locator('blockquote')
  await isInert(page, 'blockquote')
  const text = (await quote.textContent()) ?? ''
  assert.ok(text.startsWith(MARKUP), text)
  assert.ok([...text].length <= 140, text)
  assert.doesNotMatch(text, /\p{C}/u)
  await rejectButton(page).click()
  await headed(page, 'Rejected')
  await isInert(page, 'q.reason')
})

test('even words that the server let pass are inert, and stay in their place', async () => {
  await using stage = await startStage(browser, { device: { width: 320, height: 640 } })
  const { page } = stage.device
  const id = await stage.ask('reason')
  const story = { reason: HOSTILE, client_name: `${'W'.repeat(60)}\u202eevil`, from: `${LINK}\u202e` }
  await onReview(page, (review) =>
    challenged(review, (text) => JSON.stringify({ ...JSON.parse(text), ...story })),
  )

  await read(stage.device, id)

  await isInert(page, 'blockquote')
  await isInert(page, 'h1')
  await isInert(page, '.letter')
  // Our own words after a name that turns the direction still read from left to right.
  assert.equal(await page.locator('h1').evaluate((h1) => getComputedStyle(h1).direction), 'ltr')
  assert.equal(await page.locator('h1 bdi').count(), 1)
})

test('an app of the longest name fits the narrowest page', async () => {
  await using stage = await startStage(browser, { device: { width: 320, height: 640 } })
  const form = { name: '<b>&amp;'.repeat(10) }
  const edited = await stage.call(stage.device, 'PATCH', `/v1/me/apps/${stage.app.client_id}`, form)
  assert.equal(edited.status(), 200)
  const id = await stage.ask()

  for (const path of ['/', `/r/${id}`, '/history', '/apps']) {
    await stage.device.open(path)
    await page(stage).getByText(form.name).first().waitFor()
    await fits(page(stage))
  }
})

const page = (stage: { device: { page: Page } }) => stage.device.page

/** Answers a review with another one. */
const onReview = (page: Page, alter: (review: Review) => Review) =>
  page.route('**/review', async (route) => {
    const response = await route.fetch()
    await route.fulfill({ response, json: alter(await response.json()) })
  })

/** As an attacker would who may change the text and its challenge. */
function challenged(review: Review, alter: (text: string) => string): Review {
  const approval = changed(review.approval, alter)
  const challenge = approvalChallenge(approval, Buffer.from(review.nonce, 'base64url'))
  return { ...review, approval, options: { ...review.options, challenge } }
}

function changed(text: string, alter: (text: string) => string): string {
  assert.notEqual(alter(text), text)
  return alter(text)
}

/** Foreign words are text and nothing else, and push nothing out of the page. */
async function isInert(page: Page, selector: string) {
  const made = await page.locator(`${selector} :is(a, img, script, b, h1, svg)`).count()
  assert.equal(made, 0)
  await fits(page)
}

async function fits(page: Page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  assert.ok(over <= 0, `${over} px wider than the page`)
}
