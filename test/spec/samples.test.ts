import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { readPages } from '../../web/docs/page.ts'
import type { Person } from '../support/person.ts'
import { freePort } from '../support/process.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, basic, startServer, type TestServer } from '../support/server.ts'

/** How each language is run, from standard input. */
const RUNNERS = {
  sh: { tool: 'curl', command: 'sh', args: ['-e'] },
  js: { tool: process.execPath, command: process.execPath, args: ['--input-type=module', '-'] },
  py: { tool: 'python3', command: 'python3', args: ['-'] },
} as const
type Language = keyof typeof RUNNERS
const ALL = ['sh', 'js', 'py'] as const

const samples = new Map<string, string>()
for (const { markdown } of await readPages()) {
  for (const [, language, name, code = ''] of markdown.matchAll(/^```(sh|js|py) ([\w-]+)\n([\s\S]*?)^```$/gm))
    samples.set(`${language} ${name}`, code)
}
const tried = new Set<string>()

let server: TestServer
let person: Person
let app: { client_id: string; client_secret: string; signing_secret: string }
const endpoint = await startReceiver()
before(async () => {
  server = await startServer()
  person = await server.person({ handle: 'asha' })
  app = await server.addClient({ user_id: person.userId, notifier_url: endpoint.url })
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await endpoint[Symbol.asyncDispose]()
})

const variables = () => ({
  PATH: process.env.PATH ?? '',
  COUNTERSIGN: server.origin,
  CLIENT_ID: app.client_id,
  CLIENT_SECRET: app.client_secret,
  SIGNING_SECRET: app.signing_secret,
  ADMIN_KEY,
  NOTIFIER_URL: endpoint.url,
  COOKIE: person.cookie(),
})

const known = new Map<string, boolean>()
function isThere(tool: string): boolean {
  const there = known.get(tool) ?? spawnSync(tool, ['--version']).status === 0
  known.set(tool, there)
  return there
}

function sampleOf(language: Language, name: string): string {
  const code = samples.get(`${language} ${name}`)
  assert.ok(code, `There is no sample “${name}” in ${language}.`)
  const { tool } = RUNNERS[language]
  // Not left out in silence: a sample that was not run is a promise that nobody kept.
  assert.ok(
    isThere(tool),
    `${tool} is not on this machine, so the samples that need it cannot be tried. Install it, then run the tests again.`,
  )
  tried.add(`${language} ${name}`)
  return code
}

function start(language: Language, name: string, env: Record<string, string>) {
  const { command, args } = RUNNERS[language]
  const child = spawn(command, args, { env: { ...variables(), ...env }, stdio: 'pipe' })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part) => (output += part))
  child.stdin.end(sampleOf(language, name))
  return { child, output: () => output }
}

/** Runs a sample to its end. */
async function run(language: Language, name: string, env: Record<string, string> = {}) {
  const { child, output } = start(language, name, env)
  const limit = setTimeout(() => child.kill(), 20_000)
  const [code] = await once(child, 'close')
  clearTimeout(limit)
  return { code: code as number, output: output() }
}

async function must(language: Language, name: string, env: Record<string, string> = {}) {
  const { code, output } = await run(language, name, env)
  assert.equal(code, 0, output)
  return output
}

const open = async () => `/v1/requests/${await server.openRequest(app)}`
const settle = async () => {
  // Withdrawn and not rejected: an app that is rejected twice in a row has to wait.
  for (const { id } of (
    await person.must<{ requests: { id: string }[] }>('GET', '/v1/me/requests?status=pending')
  ).requests)
    await fetch(`${server.origin}/v1/requests/${id}`, { method: 'DELETE', headers: basic(app) })
}

for (const language of ALL) {
  describe(`the samples in ${language}`, () => {
    test('ask for a token', async () => {
      const output = await must(language, 'ask')
      assert.match(output, /\/v1\/requests\/req_\w+/)
      await settle()
      const wrong = await run(language, 'ask', { CLIENT_SECRET: 'wrong' })
      assert.notEqual(wrong.code, 0)
    })

    test('read the status of a request, and withdraw it', async () => {
      const REQUEST = await open()
      assert.match(await must(language, 'status', { REQUEST }), /pending/)
      await must(language, 'withdraw', { REQUEST })
      assert.match(await must(language, 'status', { REQUEST }), /withdrawn/)
      assert.notEqual((await run(language, 'withdraw', { REQUEST })).code, 0)
    })

    test('set up an app as its owner', async () => {
      const output = await must(language, 'set-up-app')
      const { apps } = await person.must<{ apps: { client_id: string }[] }>('GET', '/v1/me/apps')
      assert.ok(
        apps.some(({ client_id }) => output.includes(client_id)),
        output,
      )
    })

    test('add a user and register their app as the operator', async () => {
      const HANDLE = `maker-${language}`
      assert.match(await must(language, 'add-user', { HANDLE }), /\/enrol#cs_enrol_\w+/)
      const output = await must(language, 'add-client', { HANDLE })
      assert.match(output, /[0-9a-f]{8}-[0-9a-f-]{27}/)
      assert.notEqual((await run(language, 'add-user', { HANDLE, ADMIN_KEY: 'wrong' })).code, 0)
    })
  })
}

for (const language of ['js', 'py'] as const) {
  test(`the endpoint in ${language} takes what is ours, once, and nothing else`, async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}/token`
    const made = await server.addClient({ user_id: person.userId, notifier_url: url })
    const { child, output } = start(language, 'receive', {
      PORT: String(port),
      SIGNING_SECRET: made.signing_secret,
    })
    const says = async (text: string) => {
      for (let waited = 0; !output().includes(text); waited += 50) {
        assert.ok(waited < 10_000 && child.exitCode === null, `It never said “${text}”: ${output()}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    try {
      await says('Listening.')
      const forged = await fetch(url, {
        method: 'POST',
        headers: {
          'webhook-id': 'dlv_1',
          'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
          'webhook-signature': 'v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=',
        },
        body: '{"message_type":"access_token","user_id":"forged","expires_at":"0"}',
      })
      assert.equal(forged.status, 401)
      const id = await server.openRequest(made)
      assert.equal((await person.approve(id)).status, 200)
      await says(`A token of ${person.userId}`)
      assert.doesNotMatch(output(), /forged/)
    } finally {
      child.kill()
      await once(child, 'close')
    }
  })
}

test('a POST that was kept is verified by the official library', async () => {
  const id = await server.openRequest(app)
  assert.equal((await person.approve(id)).status, 200)
  const [post] = await endpoint.received(1)
  assert.ok(post)
  const POST = join(server.folder, 'post.json')
  await writeFile(POST, JSON.stringify(post))
  assert.match(
    await must('js', 'verify', { POST }),
    new RegExp(`It is ours: access_token for ${person.userId}`),
  )
  await writeFile(POST, JSON.stringify({ ...post, body: `${post.body} ` }))
  assert.notEqual((await run('js', 'verify', { POST })).code, 0)
})

test('no sample is left untried', () => {
  assert.deepEqual([...tried].toSorted(), [...samples.keys()].toSorted())
})
