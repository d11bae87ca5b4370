import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import type { Clock } from '#base/clock.ts'
import type { Browser, Device } from '../support/browser.ts'
import { startReceiver } from '../support/receiver.ts'
import { basic, startServer } from '../support/server.ts'

interface StageOptions {
  env?: Record<string, string>
  now?: Clock
  /** How the notifier endpoint answers. */
  behave?: Parameters<typeof startReceiver>[0]
  phone?: string
  device?: Parameters<Browser['newDevice']>[1]
}

/** All parts of a journey: a server, an app with its notifier endpoint, and its owner, enrolled on a device. */
export async function startStage(browser: Browser, options: StageOptions = {}) {
  const { env = {}, now, behave, phone, device: look } = options
  await using unfinished = new AsyncDisposableStack()
  let parts = unfinished
  const receiver = parts.use(await startReceiver(behave))
  const server = parts.use(await startServer({ env, ...(now ? { now } : {}) }))
  const { user_id, enrolment_url } = await server.addUser({ name: 'Asha Rao', ...(phone ? { phone } : {}) })
  const app = await server.addClient({ user_id, notifier_url: receiver.url })
  const newDevice = async (more: typeof look = {}) =>
    parts.use(await browser.newDevice(server.origin, { ...look, ...more }))

  const device = await newDevice()
  await device.page.goto(enrolment_url)
  await device.page.locator('.single button').click()
  await device.page.locator('.empty button').waitFor()

  parts = unfinished.move()
  return {
    server,
    receiver,
    app,
    userId: user_id,
    enrolmentUrl: enrolment_url,
    device,
    /** A fresh device, where nobody is signed in. */
    newDevice,
    /** One more device of the owner, signed in by the same passkey. */
    async secondDevice(more: typeof look = {}) {
      const second = await newDevice(more)
      await second.passkeys.copyFrom(device.passkeys)
      await second.open('/sign-in')
      await second.page.getByRole('button', { name: 'Sign in with your passkey' }).click()
      await headed(second.page, 'Inbox')
      return second
    },
    ask: (reason?: string) => server.openRequest(app, reason),
    async withdraw(id: string) {
      const headers = basic(app)
      const answer = await fetch(`${server.origin}/v1/requests/${id}`, { method: 'DELETE', headers })
      assert.equal(answer.status, 204)
    },
    stateOf: async (id: string) => (await server.requestStatus(app, id)).status,
    /** Calls as the pages of a device do, with its session. */
    call: (from: Device, method: string, path: string, data: object = {}) =>
      from.context.request.fetch(`${server.origin}${path}`, {
        method,
        headers: { origin: server.origin, 'content-type': 'application/json' },
        data,
      }),
    /** Has the results of the app go elsewhere, confirmed by the passkey of the device, behind the back of its page. */
    changeNotifier: ({ page }: Device, notifier_url: string) =>
      page.evaluate(
        async ([path, form]) => {
          const call = async (method: string, to: string, body: object) => {
            const headers = { 'content-type': 'application/json' }
            const answer = await fetch(to, { method, headers, body: JSON.stringify(body) })
            if (!answer.ok) throw new Error(await answer.text())
            return answer.json()
          }
          const { options } = await call('POST', `${path}/confirm`, form)
          const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
          const credential = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential
          await call('PATCH', path, { ...form, credential: credential.toJSON() })
        },
        [`/v1/me/apps/${app.client_id}`, { notifier_url }] as const,
      ),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  }
}

/** Waits until the page has this title, as its reader sees it. */
export const headed = (page: Page, name: string) => page.getByRole('heading', { level: 1, name }).waitFor()

export const approveButton = (page: Page) => page.getByRole('button', { name: 'Approve with passkey' })
export const rejectButton = (page: Page) => page.getByRole('button', { name: 'Reject' })

/** Opens a request and waits until it can be read. */
export async function read(device: Device, id: string) {
  await device.open(`/r/${id}`)
  await approveButton(device.page).waitFor()
}

/** Presses Approve as soon as it can be pressed, and waits for the result. */
export async function approve({ page }: Device) {
  await approveButton(page).click()
  await headed(page, 'Approved')
}

/** The lines of the letter: what it says under each label, as it is read. */
export async function letterOf(page: Page): Promise<Record<string, string>> {
  const labels = await page.locator('.letter dt').allInnerTexts()
  const answers = await page.locator('.letter dd').allInnerTexts()
  return Object.fromEntries(labels.map((label, i) => [label, (answers[i] ?? '').replace(/\n+/g, '\n')]))
}

/** Tells one document from the next: it stays the same as long as nothing is loaded anew. */
export const documentOf = (page: Page) => page.evaluate(() => performance.timeOrigin)

export async function hasNoButtons(page: Page) {
  assert.equal(await approveButton(page).count(), 0)
  assert.equal(await rejectButton(page).count(), 0)
}
