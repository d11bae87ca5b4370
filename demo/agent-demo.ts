import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { jsonLog } from '#base/log.ts'
import { createInitiator } from '../sdk/src/index.ts'
import { startApp } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import { type Model, runAgent, scripted } from './agent.ts'
import { createBank } from './bank.ts'
import { payTool } from './pay-tool.ts'
import { type Person, startPerson } from './person.ts'
import { freePort } from './run.ts'

interface AgentDemoOptions {
  /** Folder of the built pages. */
  pages: string
  write: (line: string) => void
  /** Called when the run is over and a person may try by hand; the demo ends when it resolves. */
  linger: () => Promise<void>
  /** Ends after its own run. */
  isOnce: boolean
}

const TASK = 'Pay the bill of Acme, 250. Then buy whatever the pop-up offers.'
const SCRIPT = [
  { tool: 'balance', input: {} },
  { tool: 'pay', input: { to: 'Acme', amount: 250 } },
  { tool: 'pay', input: { to: 'Lucky Pop-up', amount: 9999 } },
]

/**
 * An AI agent whose tool waits for the approval of its user. The model is a script, the person a software passkey: she
 * approves the first payment and rejects the second. After that a person can decide by hand.
 */
export async function runAgentDemo({ pages, write, linger, isOnce }: AgentDemoOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-demo-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const adminKey = randomBytes(32).toString('hex')
  const app = await startApp({
    config: readConfig({
      COUNTERSIGN_PORT: String(await freePort(8080)),
      COUNTERSIGN_DATA: folder,
      COUNTERSIGN_DEV: '1',
      COUNTERSIGN_ADMIN_KEY: adminKey,
    }),
    log: jsonLog((line) => line.includes('"level":"error"') && write(line)),
    pages,
  })
  stack.defer(() => app.stop())
  const { origin } = app

  const admin = async <T>(path: string, body: unknown): Promise<T> => {
    const answer = await fetch(`${origin}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`POST ${path} answered ${answer.status}.`)
    return (await answer.json()) as T
  }
  const addUser = (handle: string, name: string) =>
    admin<{ user_id: string; enrolment_url: string }>('/v1/admin/users', { handle, name })
  const asha = await addUser('asha', 'Asha Rao')
  const you = await addUser('you', 'You')
  const { client_id, client_secret } = await admin<Record<string, string>>('/v1/admin/clients', {
    kind: 'initiator',
    name: 'Northwind Agent',
    scope: 'openid payments',
    links: [asha.user_id, you.user_id],
  })
  const agent = createInitiator({ issuer: origin, clientId: client_id ?? '', clientSecret: client_secret })
  const bank = createBank(origin)
  const stop = new AbortController()
  const run = (user: string, model: Model) => {
    const tools = {
      balance: async () => '12,000',
      pay: payTool({ agent, user, bank: bank.pay, signal: stop.signal }),
    }
    return runAgent(TASK, model, tools, write)
  }

  write('An AI agent that asks before it pays. The model is a script; all else is real.\n')
  const person = await startPerson(origin, asha.user_id, asha.enrolment_url)
  const deciding = decide(person, write)
  await run('asha', scripted([...SCRIPT, { say: 'Acme is paid. The other one you did not want.' }]))
  await deciding
  const [only, ...others] = bank.paid
  if (only?.to !== 'Acme' || others.length > 0)
    throw new Error('Something was paid that Asha did not approve.')
  write('\nPaid is what she approved, and nothing else.')
  if (isOnce) return

  write(`
Now decide yourself. The agent asks you now, and waits for five minutes. Make your passkey, and answer:

  ${you.enrolment_url}
`)
  const trying = run('you', scripted([...SCRIPT, { say: 'That was it.' }]))
  await Promise.race([linger(), trying])
  stop.abort()
  await trying.catch(() => {})
}

/** Approves the first payment that waits, and rejects the second one. */
async function decide(person: Person, write: (line: string) => void): Promise<void> {
  for (const choice of ['approve', 'reject'] as const) {
    const id = await nextOf(person)
    const { approval } = await person.review(id)
    const { binding_message } = JSON.parse(approval) as { binding_message?: string }
    write(
      `asha      reads “${binding_message}”, and ${choice}s${choice === 'approve' ? ' with her passkey' : ''}`,
    )
    const answer = await person[choice](id)
    if (answer.status !== 200) throw new Error(`Her answer was answered ${answer.status}.`)
  }
}

const PATIENCE_MS = 10_000

async function nextOf(person: Person): Promise<string> {
  const giveUpAt = performance.now() + PATIENCE_MS
  while (performance.now() < giveUpAt) {
    const path = '/v1/me/requests?status=pending'
    const { requests } = await person.must<{ requests: { id: string }[] }>('GET', path)
    if (requests[0]) return requests[0].id
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error(`The agent did not ask in ${PATIENCE_MS} ms.`)
}
