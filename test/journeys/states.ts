import type { Page } from 'playwright-core'
import type { Device } from '../support/browser.ts'
import { inDetail, linkedApp, PAYMENT, STATEMENTS } from './asked.ts'
import type { startStage } from './stage.ts'

type Stage = Awaited<ReturnType<typeof startStage>>
/** Looks at the page as it stands. */
export type Look = (page: Page, what: string) => Promise<void>

const REASON = 'Rebalances the model portfolio before the market opens'

/** What the journeys below provoke on purpose. */
export const TOLERATED =
  /^console: Failed to load resource.*(404.*\/nowhere|ERR_INTERNET_DISCONNECTED|ERR_FAILED)|ERR_INTERNET_DISCONNECTED/

/** Every state of a request, from the empty inbox to all the ways it can end. */
export async function requestStates(stage: Stage, look: Look) {
  const { device } = stage
  const { page, open } = device
  await look(page, 'inbox, empty')
  const id = await stage.ask(REASON)
  await page.locator('.card').waitFor()
  await look(page, 'inbox, one waits')
  await show(device, id)
  await look(page, 'request, waiting')
  await page.locator('main .danger').last().click()
  await page.locator('dialog').waitFor()
  await look(page, 'request, report and block?')
  await page.keyboard.press('Escape')
  await page.locator('.decide .primary[aria-disabled="false"]').click()
  await page.locator('.settled.approved').waitFor()
  await page.locator('details').click()
  await look(page, 'request, approved')
  await page.locator('.handover .danger').click()
  await page.locator('dialog').waitFor()
  await look(page, 'request, revoke?')
  await page.locator('dialog .danger').click()
  await page.locator('.handover .danger').first().waitFor({ state: 'detached' })
  await look(page, 'request, revoked')

  const rejected = await stage.ask(REASON)
  await show(device, rejected)
  await page.locator('.decide .button').first().click()
  await page.locator('.settled.rejected').waitFor()
  await look(page, 'request, rejected')
  const withdrawn = await stage.ask()
  await show(device, withdrawn)
  await stage.withdraw(withdrawn)
  await page.locator('.settled.withdrawn').waitFor()
  await look(page, 'request, withdrawn')
  await open('/r/req_00000000000000000000000000000000')
  await page.locator('main .failure').waitFor()
  await look(page, 'request, not there')
}

/** What an app that asks many users may ask, as it is read and decided. The stage speaks the words of `WORDED`. */
export async function askedStates(stage: Stage, look: Look) {
  const { device } = stage
  const app = await linkedApp(stage)
  const { requestId } = await app.ask({
    ...inDetail(PAYMENT, STATEMENTS),
    binding_message: 'Electricity bill, March: 12.50 €',
  })
  await show(device, requestId)
  await look(device.page, 'request, in detail')
  await device.page.locator('.tick input').first().uncheck()
  await device.page.locator('.tick input:enabled:not(:checked)').waitFor()
  await look(device.page, 'request, in part')

  const shows = await linkedApp(stage, { require_match_code: true })
  const { requestId: id, match_code } = await shows.ask()
  const wrong = String((Number(match_code) + 1) % 1_000_000).padStart(6, '0')
  await show(device, id)
  await look(device.page, 'request, a code to type')
  for (let i = 0; i < 5; i += 1) {
    await device.page.locator('.match input').fill(wrong)
    await device.page.locator('.decide .primary[aria-disabled="false"]').click()
    await device.page.locator(`main .failure`).waitFor()
    if (i === 0) await look(device.page, 'request, a wrong code')
  }
  await look(device.page, 'request, no more codes')

  await device.open('/security')
  await device.page.locator('.user-code input').fill('Kite 42')
  await device.page.locator('.user-code .button').click()
  await device.page.locator('.user-code .danger').waitFor()
  await look(device.page, '/security, a code for apps')
}

/** What goes wrong around a request. */
export async function troubleStates(stage: Stage, look: Look) {
  const { device } = stage
  const { page, context } = device
  const id = await stage.ask(REASON)
  await page.route('**/review', async (route) => {
    const answer = await route.fetch()
    const review = await answer.json()
    await route.fulfill({ json: { ...review, approval: review.approval.replace('Northwind', 'Southwind') } })
  })
  await device.open(`/r/${id}`)
  await page.locator('.warning, .failure').first().waitFor()
  await look(page, 'request, altered on the way')
  await page.unroute('**/review')

  await show(device, id)
  await context.setOffline(true)
  await page.locator('.decide .button').first().click()
  await page.locator('main .failure').waitFor()
  await look(page, 'request, offline')
  await context.setOffline(false)

  await page.addInitScript(() => Reflect.deleteProperty(window, 'PublicKeyCredential'))
  await show(device, id)
  await page.locator('.decide .primary[aria-disabled="false"]').click()
  await page.locator('main .failure').waitFor()
  await look(page, 'request, no passkeys in this browser')

  await stage.call(device, 'DELETE', '/v1/session')
  await device.open(`/r/${id}`)
  await page.locator('.single .primary').waitFor()
  await look(page, 'sign-in, the session has ended')
}

/** The pages around it. */
export async function pageStates(stage: Stage, look: Look) {
  const { page, open } = stage.device
  await show(stage.device, await stage.ask(REASON))
  await page.locator('.decide .primary[aria-disabled="false"]').click()
  await page.locator('.settled.approved').waitFor()
  for (const path of ['/tokens', '/history', '/security', '/alerts', '/apps', '/apps/new']) {
    await open(path)
    await page.locator('.card, .panel, details, .guide, form').first().waitFor()
    for (const summary of await page.locator('summary').all()) await summary.click()
    await look(page, path)
  }
  await open('/security')
  await page.locator('.card').first().waitFor()
  await page.locator('section:nth-of-type(2) > .button').click()
  await page.locator('.once').waitFor()
  await look(page, '/security, new recovery codes')
  for (const part of ['', '/keys', '/deliveries', '/settings']) {
    await open(`/apps/${stage.app.client_id}${part}`)
    await page.locator('main h2, main table, main form').first().waitFor()
    await look(page, `/apps/:id${part}`)
  }
}

/** For whoever is not signed in. */
export async function doorStates(stage: Stage, look: Look, more: Parameters<Stage['newDevice']>[0] = {}) {
  const stranger = await stage.newDevice({ ...more, tolerates: TOLERATED })
  const { enrolment_url } = await stage.server.addUser({ name: 'Asha Rao' })
  for (const [address, mark] of [
    ['/sign-in', '.primary'],
    ['/recover', '.primary'],
    ['/nowhere', 'main .button'],
    ['/enrol', 'main a'],
    [enrolment_url.replace(stage.server.origin, ''), '.primary'],
  ] as const) {
    // Of two addresses that differ only after the #, the second would not load a document.
    await stranger.page.goto('about:blank')
    await stranger.open(address)
    await stranger.page.locator(mark).first().waitFor()
    await look(stranger.page, address.replace(/#.*/, ' with a link'))
  }
}

async function show(device: Device, id: string) {
  await device.open(`/r/${id}`)
  await device.page.locator('.decide').waitFor()
}
