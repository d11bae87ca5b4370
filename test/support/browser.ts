import assert from 'node:assert/strict'
import { after, afterEach } from 'node:test'
import type { BrowserContext, CDPSession, ConsoleMessage } from 'playwright-core'
import { openChromium } from './chromium.ts'

interface DeviceOptions {
  width?: number
  height?: number
  colorScheme?: 'light' | 'dark'
  reducedMotion?: 'reduce' | 'no-preference'
  locale?: string
  /** Origins besides the device's own that its journey leads to. */
  alsoVisits?: string[]
  /** Complaints of Chromium that the journey itself provokes. */
  tolerates?: RegExp
}

/**
 * A real Chromium for the tests of one file, closed after the last of them. Each device in it has storage, sessions and
 * passkeys of its own, and a test fails if a page on one of them did what a page of ours must never do.
 */
export async function startBrowser() {
  const browser = await openChromium()
  const devices: { assertClean: () => void }[] = []
  after(() => browser.close())
  afterEach(() => {
    for (const device of devices.splice(0)) device.assertClean()
  })

  return {
    async newDevice(origin: string, options: DeviceOptions = {}) {
      const { width = 390, height = 844, alsoVisits = [], tolerates, locale = 'en-IN', ...look } = options
      const context = await browser.newContext({
        viewport: { width, height },
        timezoneId: 'Asia/Kolkata',
        locale,
        ...look,
      })
      context.setDefaultTimeout(20_000)
      const complaints = await watch(context, [origin, ...alsoVisits])
      const page = await context.newPage()
      const passkeys = await addAuthenticator(await context.newCDPSession(page))

      const device = {
        page,
        context,
        passkeys,
        open: (path: string) => page.goto(`${origin}${path}`),
        /** Fails if a page broke the content security policy, threw, complained, or called another origin. */
        assertClean: () =>
          assert.deepEqual(
            complaints.filter((each) => !tolerates?.test(each)),
            [],
          ),
        [Symbol.asyncDispose]: () => context.close(),
      }
      devices.push(device)
      return device
    },
  }
}

export type Browser = Awaited<ReturnType<typeof startBrowser>>
export type Device = Awaited<ReturnType<Browser['newDevice']>>

/** Notes all that a page of ours must never do. */
async function watch(context: BrowserContext, origins: string[]): Promise<string[]> {
  const complaints: string[] = []
  await context.addInitScript(() =>
    addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sample }) =>
      console.error(`The policy was broken: ${violatedDirective} ${blockedURI} ${sample}`),
    ),
  )
  context.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !isRefusal(message))
      complaints.push(`console: ${message.text()} (${message.location().url})`)
  })
  context.on('weberror', (error) => complaints.push(`thrown: ${error.error().stack}`))
  context.on('request', (request) => {
    if (!origins.includes(new URL(request.url()).origin)) complaints.push(`called: ${request.url()}`)
  })
  return complaints
}

/** Chromium writes a line for each call that is answered with 4xx; for our API a no is an answer like any other. */
const isRefusal = (message: ConsoleMessage) =>
  /^Failed to load resource: the server responded with a status of 4\d\d\b/.test(message.text()) &&
  new URL(message.location().url).pathname.startsWith('/v1/')

/** The fingerprint reader of a phone, without the finger (WebDriver's virtual authenticator, by way of CDP). */
async function addAuthenticator(cdp: CDPSession) {
  await cdp.send('WebAuthn.enable', { enableUI: false })
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      ctap2Version: 'ctap2_1',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  const all = async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials
  return {
    all,
    /** Whether the user is recognised from now on. */
    verifyUser: (isUserVerified: boolean) =>
      cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
    /** Takes over the passkeys of another device. */
    async copyFrom(other: { all: typeof all }) {
      for (const credential of await other.all()) {
        // A counter that went back would look like a cloned passkey.
        const signCount = credential.signCount + 1_000
        await cdp.send('WebAuthn.addCredential', {
          authenticatorId,
          credential: { ...credential, signCount },
        })
      }
    },
    forgetAll: () => cdp.send('WebAuthn.clearCredentials', { authenticatorId }),
    /** Whether the sensor is touched as soon as it is asked for. */
    touch: (enabled: boolean) =>
      cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled }),
  }
}
