import type { Page } from 'playwright-core'
import { createWebhook, textValue } from '../../demo/whatsapp/webhook.ts'
import type { Device } from '../support/browser.ts'
import { addInitiator } from '../support/ciba.ts'
import { startPushService } from '../support/push-service.ts'
import { basic } from '../support/server.ts'
import { inDetail, linkedApp, PAYMENT, STATEMENTS, WORDED } from './asked.ts'
import { equip } from './equipped.ts'
import type { startStage } from './stage.ts'

type Stage = Awaited<ReturnType<typeof startStage>>
/** Looks at the page as it stands. */
export type Look = (page: Page, what: string) => Promise<void>

const META = { appSecret: 'secret of Meta', verifyToken: 'verify', phoneNumberId: '106540352242922' }
/** Settings of a server that has every state: with words for what is asked, and with WhatsApp and an app of its own, at addresses where nobody is. */
export const WHOLE = {
  ...WORDED,
  COUNTERSIGN_WHATSAPP_API: 'http://127.0.0.1:9',
  COUNTERSIGN_WHATSAPP_PHONE_NUMBER_ID: META.phoneNumberId,
  COUNTERSIGN_WHATSAPP_NUMBER: '+1 555 010 0199',
  COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: 'token',
  COUNTERSIGN_WHATSAPP_APP_SECRET: META.appSecret,
  COUNTERSIGN_WHATSAPP_VERIFY_TOKEN: META.verifyToken,
  COUNTERSIGN_APP_BACKEND_URL: 'http://127.0.0.1:9',
  COUNTERSIGN_APP_BACKEND_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
}

const REASON = 'Rebalances the model portfolio before the market opens'

/** What the journeys below provoke on purpose. */
export const TOLERATED =
  /^console: Failed to load resource.*(404.*\/nowhere|ERR_INTERNET_DISCONNECTED|ERR_FAILED)|ERR_INTERNET_DISCONNECTED/

/** Every state of a request, from the empty inbox to all the ways it can end. */
async function requestStates(stage: Stage, look: Look) {
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
async function askedStates(stage: Stage, look: Look) {
  const { device } = stage
  const app = await linkedApp(stage)
  const { requestId } = await app.ask({
    ...inDetail(PAYMENT, STATEMENTS),
    binding_message: 'Electricity bill, March: 12.50 €',
    request_context: JSON.stringify({ device: { name: 'Chrome on Windows' }, place: 'Köln' }),
  })
  await show(device, requestId)
  await device.page.locator('.letter summary').click()
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

/** What an app that asked for a moment leaves behind, and a request of somebody who was away. */
async function endStates(stage: Stage, look: Look) {
  const { device } = stage
  const app = await linkedApp(stage)
  const { requestId } = await app.ask({ requested_expiry: '1' })
  await device.open(`/r/${requestId}`)
  await device.page.locator('.settled.expired').waitFor()
  await look(device.page, 'request, expired')

  const reported = await stage.ask(REASON)
  await show(device, reported)
  await device.page.locator('main .danger').last().click()
  await device.page.locator('dialog .danger').click()
  await device.page.locator('.settled.rejected').waitFor()
  await device.open('/security')
  await device.page.locator('.card').first().waitFor()
  await look(device.page, '/security, with a blocked app')
}

/** All that the page of alerts can say of a device, and of a phone. */
async function alertStates(stage: Stage, look: Look) {
  await using push = await startPushService()
  const { device, server } = stage
  const { page, context } = device
  await equip(device, push.subscribe())
  const open = async (what: string, mark: string) => {
    await device.open('/alerts')
    await page.locator(mark).first().waitFor()
    await page.locator('form').last().waitFor()
    await look(page, `/alerts, ${what}`)
  }
  const device1 = 'main section:first-of-type'
  await open('off', `${device1} .primary`)
  await page.locator('.card .danger').click()
  await page.locator('dialog .danger').click()
  await page.locator('.card .button:not(.danger)').waitFor()
  await look(page, '/alerts, the app of the service is taken away')
  await page.locator(`${device1} .primary`).click()
  await page.locator(`${device1} .pair`).waitFor()
  await look(page, '/alerts, on')
  await page.locator(`${device1} .pair .button`).last().click()
  await page.locator(`${device1} p[role="status"]`).nth(1).waitFor()
  await look(page, '/alerts, tested')

  await page
    .locator('main section:nth-of-type(2) > .button, main section:nth-of-type(2) .single .button')
    .first()
    .click()
  const link = page.locator('a[href^="https://wa.me/"]')
  await link.waitFor()
  for (const summary of await page.locator('summary').all()) await summary.click()
  await look(page, '/alerts, connecting a phone')
  const webhook = createWebhook(META)
  const write = (text: string) =>
    webhook.post(`${server.origin}/channels/whatsapp/webhook`, webhook.body(textValue('919812345678', text)))
  await write(new URL((await link.getAttribute('href')) ?? '').searchParams.get('text') ?? '')
  await link.waitFor({ state: 'detached' })
  await look(page, '/alerts, a phone is connected')
  await write('STOP')
  await open('a phone was stopped', '.card')

  const allow = (permission: string) =>
    page.evaluate((permission) => localStorage.setItem('test-permission', permission), permission)
  await allow('default')
  await open('lost', `${device1} .primary`)
  await allow('denied')
  await open('blocked', '.guide')
  await context.addInitScript(() => Reflect.deleteProperty(window, 'PushManager'))
  await allow('default')
  await open('no notices in this browser', `${device1} .lead`)
  await context.addInitScript(() => {
    const userAgent = 'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15'
    Object.defineProperty(navigator, 'userAgent', { get: () => userAgent })
  })
  await open('an iPhone', '.guide')
}

/** Linking an app, and what is linked. */
async function linkStates(stage: Stage, look: Look) {
  const { device, server } = stage
  const { page, open } = device
  const client = await addInitiator(server, [], {
    scope: 'openid accounts payments trading:model',
    purpose: 'Keeps your household book, and pays the bills that you have marked',
  })
  await open('/links')
  await page.locator('main .links a').waitFor()
  await look(page, '/links, none')
  await open('/link')
  await page.locator('input.code').fill('NOTACODE')
  await look(page, '/link')
  await page.locator('form .primary').click()
  await page.locator('main .failure').waitFor()
  await look(page, '/link, a wrong code')

  const made = await fetch(`${server.origin}/v1/links/codes`, { method: 'POST', headers: basic(client) })
  await page.locator('input.code').fill(((await made.json()) as { code: string }).code)
  await page.locator('form .primary').click()
  await page.locator('.link-offer').waitFor()
  await look(page, '/link, an app')
  await page.locator('.decide .primary').click()
  await page.locator('.link-offer').waitFor({ state: 'detached' })
  await look(page, '/link, linked')
  await open(`/link/${client.client_id}`)
  await page.locator('.link-offer').waitFor()
  await look(page, '/link/:id, linked before')
  await open('/links')
  await page.locator('.card').waitFor()
  await look(page, '/links')
  await page.locator('.card button.danger').click()
  await page.locator('dialog').waitFor()
  await look(page, '/links, unlink?')
}

/** What an operator sees. */
async function operatorStates(stage: Stage, look: Look) {
  const { device, server, userId } = stage
  const { page, open } = device
  await open('/operator')
  await page.locator('main .failure, main p').first().waitFor()
  await look(page, '/operator, for whoever has no role')
  await server.admin(`/v1/admin/users/${userId}/role`, { role: 'operator' })
  await stage.call(device, 'POST', '/v1/feedback', {
    text: 'Where do I see what an app may do?',
    page: '/docs',
  })
  await stage.call(device, 'POST', '/v1/me/apps', {
    kind: 'initiator',
    name: 'Rebalancer',
    scope: 'openid accounts',
  })
  for (const path of [
    '',
    '/reviews',
    '/users',
    `/users/${userId}`,
    '/apps',
    '/events',
    '/feedback',
    '/settings',
  ]) {
    await open(`/operator${path}`)
    await page.locator('main .card, main .panel, main section').last().waitFor()
    await page.locator('.skeleton').waitFor({ state: 'detached' })
    for (const summary of await page.locator('main summary').all()) await summary.click()
    await look(page, `/operator${path.replace(userId, ':id')}`)
  }
}

/** What goes wrong around a request. */
async function troubleStates(stage: Stage, look: Look) {
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
async function pageStates(stage: Stage, look: Look) {
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
async function doorStates(stage: Stage, look: Look, more: Parameters<Stage['newDevice']>[0] = {}) {
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

/** All states, in visits that each begin with a stage of their own. */
export const VISITS: readonly ((
  stage: Stage,
  look: Look,
  device?: Parameters<typeof doorStates>[2],
) => Promise<void>)[] = [
  requestStates,
  askedStates,
  endStates,
  troubleStates,
  pageStates,
  alertStates,
  linkStates,
  operatorStates,
  doorStates,
]
