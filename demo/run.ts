import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jsonLog } from '#base/log.ts'
import { verifyEvidence } from '#requests/evidence.ts'
import { startApp } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import { type Credentials, startInitiator } from './initiator.ts'
import { startPerson } from './person.ts'
import { createSteps, shortened } from './steps.ts'
import { startWhatsappSimulator } from './whatsapp-simulator.ts'

interface DemoOptions {
  /** Folder of the built pages. */
  pages: string
  write: (line: string) => void
  /** Called when the flow is over and a person may try by hand; the demo ends when it resolves. */
  linger: () => Promise<void>
}

const PHONE = { asha: '919812345678', you: '919800000001' }
/** How long a step may take before it counts as failed. */
const PATIENCE_MS = 10_000

/**
 * The whole of it on one machine: the server on a temporary store, a sample initiator and a phone with WhatsApp. One
 * flow is driven by a software passkey; after that a person can try by hand.
 */
export async function runDemo({ pages, write, linger }: DemoOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-demo-'))
  const port = await freePort(8080)
  const origin = `http://localhost:${port}`
  const secrets = {
    appSecret: secret(),
    accessToken: secret(),
    verifyToken: secret(),
    phoneNumberId: '106540352242922',
  }
  const faults: string[] = []

  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const phone = stack.use(
    await startWhatsappSimulator({
      port: await freePort(8082),
      webhookUrl: `http://127.0.0.1:${port}/channels/whatsapp/webhook`,
      origin,
      phones: Object.values(PHONE),
      ...secrets,
    }),
  )
  const adminKey = secret()
  const app = await startApp({
    config: readConfig({
      COUNTERSIGN_PORT: String(port),
      COUNTERSIGN_DATA: folder,
      COUNTERSIGN_DEV: '1',
      COUNTERSIGN_ADMIN_KEY: adminKey,
      COUNTERSIGN_WHATSAPP_API: phone.url,
      COUNTERSIGN_WHATSAPP_PHONE_NUMBER_ID: secrets.phoneNumberId,
      COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: secrets.accessToken,
      COUNTERSIGN_WHATSAPP_APP_SECRET: secrets.appSecret,
      COUNTERSIGN_WHATSAPP_VERIFY_TOKEN: secrets.verifyToken,
    }),
    log: jsonLog((line) => line.includes('"level":"error"') && faults.push(line)),
    pages,
  })
  stack.defer(() => app.stop())
  const tool = stack.use(await startInitiator({ port: await freePort(8081), countersign: origin }))

  const admin = async <T>(path: string, body: unknown): Promise<T> => {
    const answer = await fetch(`${origin}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`POST ${path} answered ${answer.status}.`)
    return (await answer.json()) as T
  }
  const addUser = (handle: 'asha' | 'you', name: string) =>
    admin<{ user_id: string; enrolment_url: string }>('/v1/admin/users', {
      handle,
      name,
      phone: PHONE[handle],
    })
  const addApp = async (userId: string): Promise<Credentials> => {
    const form = {
      kind: 'individual',
      user_id: userId,
      name: 'Sample trading tool',
      notifier_url: tool.notifierUrl,
    }
    const made = await admin<Record<'client_id' | 'client_secret' | 'signing_secret', string>>(
      '/v1/admin/clients',
      form,
    )
    const app = {
      clientId: made.client_id,
      clientSecret: made.client_secret,
      signingSecret: made.signing_secret,
    }
    tool.know(app)
    return app
  }

  write('Countersign demo: one whole flow, by a software passkey.')
  const { step } = createSteps(write)

  const asha = await step('An account holder enrols with a passkey', async () => {
    const { user_id, enrolment_url } = await addUser('asha', 'Asha Rao')
    const person = await startPerson(origin, user_id, enrolment_url)
    return { result: person, shown: [`POST /v1/enrolment  →  201 {"user_id":"${user_id}"}`] }
  })
  const ashasApp = await step('Her app gets an id and a secret', async () => {
    const app = await addApp(asha.userId)
    return {
      result: app,
      shown: [`client_id ${app.clientId}`, `client_secret ${shortened(app.clientSecret)}`],
    }
  })

  const arrival = tool.next()
  const requestId = await step('The tool asks for access', async () => {
    const { status, location, body } = await tool.ask(ashasApp, 'Morning run of the sample tool')
    if (status !== 200) throw new Error(`The ask was answered ${status}: ${body}`)
    const shown = [
      `POST /v3/login/auth/token/request/${ashasApp.clientId}`,
      `{"client_secret":"${shortened(ashasApp.clientSecret)}","reason":"Morning run of the sample tool"}`,
      `→  200 ${body}`,
      `   location: ${location}`,
    ]
    return { result: location.replace('/v1/requests/', ''), shown }
  })
  await step('Asha is told on WhatsApp', async () => {
    const message = await until(() => phone.messages.find(({ to }) => to === PHONE.asha))
    const [first = ''] = message.text.split('\n')
    return {
      result: undefined,
      shown: [
        `to +${message.to}: “${first}”`,
        `buttons: ${message.buttons.map(({ text }) => text).join(' · ')}`,
      ],
    }
  })
  await step('She reads it and approves with her passkey', async () => {
    const { approval, options } = await asha.review(requestId)
    const answer = await asha.approveWith(requestId, asha.passkey.assert(options))
    const body = await answer.text()
    if (answer.status !== 200) throw new Error(`The approval was answered ${answer.status}: ${body}`)
    const shown = [
      `POST /v1/me/requests/${requestId}/review  →  what is shown, and so what is signed:`,
      approval,
      `POST /v1/me/requests/${requestId}/approve  →  200 ${body}`,
    ]
    return { result: undefined, shown }
  })
  await step('The token is delivered to the notifier endpoint, signed', async () => {
    const { token, userId, expiresAt, webhookId } = await within(arrival)
    const shown = [
      `POST ${tool.notifierUrl}   webhook-id: ${webhookId}   webhook-signature: v1,… (checked)`,
      `{"client_id":"${ashasApp.clientId}","user_id":"${userId}","access_token":"${token}",`,
      ` "token_type":"Bearer","expires_at":"${expiresAt}",…,"message_type":"access_token"}  →  200`,
    ]
    return { result: undefined, shown }
  })
  await step('The proof of her approval is checked', async () => {
    const evidence = await (await asha.call('GET', `/v1/me/requests/${requestId}/evidence`)).text()
    const { passkeyFingerprint } = await verifyEvidence(evidence)
    return {
      result: undefined,
      shown: [`the passkey ${passkeyFingerprint.slice(0, 16)}… signed exactly that text`],
    }
  })
  if (faults.length > 0) throw new Error(`The server logged a fault: ${faults[0]}`)

  const you = await addUser('you', 'You')
  tool.actAs(await addApp(you.user_id))
  write(`
All steps done. Now try it by hand, in this order:

  1. make your passkey:    ${you.enrolment_url}
  2. let the tool ask:     ${tool.url}
  3. look at your phone:   ${phone.url}
`)
  await linger()
}

const secret = () => randomBytes(32).toString('hex')

/** The port that people expect, or any free one. */
export async function freePort(wished: number): Promise<number> {
  const listen = (port: number) =>
    new Promise<number>((resolve, reject) => {
      const probe = createServer()
      probe.once('error', reject).listen(port, '127.0.0.1', () => {
        const address = probe.address()
        probe.close(() => resolve(typeof address === 'object' && address ? address.port : port))
      })
    })
  return listen(wished).catch(() => listen(0))
}

async function until<T>(look: () => T | undefined): Promise<T> {
  const giveUpAt = performance.now() + PATIENCE_MS
  while (performance.now() < giveUpAt) {
    const found = look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  throw new Error(`Nothing came in ${PATIENCE_MS} ms.`)
}

function within<T>(promise: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`Nothing came in ${PATIENCE_MS} ms.`)), PATIENCE_MS).unref()
  })
  return Promise.race([promise, late])
}
