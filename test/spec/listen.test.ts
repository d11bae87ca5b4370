import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Webhook } from 'standardwebhooks'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { basic, startServer, type TestServer } from '../support/server.ts'

// countersign listen (docs/listen.md): deliveries to a developer's machine, by the queue of all deliveries.

type App = { client_id: string; client_secret: string; signing_secret: string }

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

let server: TestServer
let endpoint: Awaited<ReturnType<typeof startReceiver>>
let person: Person

before(async () => {
  endpoint = await startReceiver()
  server = await startServer({ env: { COUNTERSIGN_NOTIFIER_PROOF: 'reachable' } })
  person = await server.person()
})
after(async () => {
  await server[Symbol.asyncDispose]()
  await endpoint[Symbol.asyncDispose]()
})

/** Its endpoint has never answered, as that of an app whose developer sits behind a router. */
const addTestApp = (form: Record<string, unknown> = {}): Promise<App> =>
  server.addClient({
    user_id: person.userId,
    notifier_url: 'http://127.0.0.1:9/token',
    mode: 'test',
    simulate: 'approve',
    ...form,
  })

/** The command in a process of its own. */
function listen(app: App, forwardTo: string, { env = {}, words = [] as string[], at = server.origin } = {}) {
  const args = [
    '--disable-warning=ExperimentalWarning',
    CLI,
    'listen',
    '--server',
    at,
    '--forward-to',
    forwardTo,
  ]
  const child = spawn(process.execPath, [...args, ...words], {
    env: {
      PATH: process.env.PATH,
      CS_CLIENT_ID: app.client_id,
      CS_CLIENT_SECRET: app.client_secret,
      CS_SIGNING_SECRET: app.signing_secret,
      ...env,
    },
  })
  let output = ''
  const hears = new Set<() => void>()
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (part) => {
      output += part
      for (const hear of hears) hear()
    })
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  return {
    exited,
    output: () => output,
    type: (text: string) => child.stdin.write(text),
    says: (pattern: RegExp) =>
      new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error(`Not said in 20 s: ${pattern}\n${output}`)), 20_000)
        const hear = () => {
          if (!pattern.test(output)) return
          clearTimeout(late)
          hears.delete(hear)
          resolve()
        }
        hears.add(hear)
        hear()
      }),
    async [Symbol.asyncDispose]() {
      child.kill('SIGINT')
      await exited
    },
  }
}

async function settled(app: App, id: string, state: string) {
  for (const end = performance.now() + 20_000; performance.now() < end; ) {
    const { delivery } = await server.requestStatus(app, id)
    if (delivery?.status === state) return delivery
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.fail(`${id} is not ${state}`)
}

test('a delivery reaches a program on this machine, to the byte, and its 2xx is the acknowledgement', async () => {
  await using program = await startReceiver()
  const app = await addTestApp()
  const refused = await server.ask(app.client_id, { client_secret: app.client_secret })
  assert.notEqual(refused.status, 200, 'while nobody listens the rules of the endpoint hold')

  await using command = listen(app, program.url)
  await command.says(/Listening for “Northwind Research” \(test\)/)
  const id = await server.openRequest(app, 'To a laptop')
  const [post] = await program.received(1, 20_000)
  new Webhook(app.signing_secret).verify(post?.body ?? '', post?.headers as never)
  assert.equal(post?.headers['countersign-by'], 'listen')
  assert.equal(post?.headers['content-type'], 'application/json')
  assert.equal(post?.headers['countersign-request'], id)
  const delivery = await settled(app, id, 'delivered')
  assert.deepEqual(
    delivery.attempts.map(({ status }) => status),
    ['succeeded'],
  )
  await command.says(/dlv_\w+ #1 {2}→ {2}200 {2}\d+ ms/)
  const { access_token } = JSON.parse(post?.body ?? '')
  assert.ok(!command.output().includes(access_token), 'no token is printed')
  const rows = await server.select('select count(*) as count from listen_posts')
  assert.equal(Number(rows[0]?.count), 0)
  const [attempt] = await server.select(
    `select sent_headers from delivery_attempts where delivery_id = '${delivery.id}'`,
  )
  assert.match(String(attempt?.sent_headers), /"countersign-by": ?"listen"/)

  command.type('r\n')
  const [, again] = await program.received(2, 20_000)
  assert.equal(again?.body, post?.body)
  await command.says(/\(again\)/)
})

test('what the program refuses is repeated by the schedule; what it misses comes when it is there', async () => {
  await using program = await startReceiver((_http, response, nth) => {
    response.statusCode = nth === 1 ? 500 : 204
    response.end()
  })
  const app = await addTestApp()
  await using command = listen(app, program.url)
  await command.says(/Listening/)
  const id = await server.openRequest(app)
  await command.says(/→ {2}500/)
  await program.received(2, 20_000)
  const delivery = await settled(app, id, 'delivered')
  assert.deepEqual(
    delivery.attempts.map(({ status }) => status),
    ['failed', 'succeeded'],
  )
})

test('a delivery that waits comes when somebody begins to listen, and when they come back', async () => {
  await using program = await startReceiver()
  const app = await addTestApp({ simulate: undefined, notifier_url: endpoint.url })
  // Its endpoint is proven, and then out of order.
  const play = async (id: string) => {
    const answer = await fetch(`${server.origin}/v1/requests/${id}/simulate`, {
      method: 'POST',
      headers: { ...basic(app), 'content-type': 'application/json' },
      body: '{"outcome":"approve"}',
    })
    assert.equal(answer.status, 200)
  }
  let id = ''
  {
    await using first = listen(app, 'http://127.0.0.1:9/token')
    await first.says(/Listening/)
    id = await server.openRequest(app)
    await play(id)
    await first.says(/→ {2}failed .*did not answer/)
  }
  const { delivery } = await server.requestStatus(app, id)
  assert.equal(delivery?.status, 'queued')
  await using second = listen(app, program.url)
  await second.says(/Listening/)
  await program.received(1, 20_000)
  await settled(app, id, 'delivered')
})

test('a wrong signing secret lets nothing through', async () => {
  await using program = await startReceiver()
  const app = await addTestApp()
  const other = `whsec_${Buffer.alloc(32, 9).toString('base64')}`
  await using command = listen(app, program.url, { env: { CS_SIGNING_SECRET: other } })
  await command.says(/Listening/)
  await server.openRequest(app)
  await command.says(/the signature is wrong; not forwarded/)
  assert.equal(program.posts.length, 0)
})

test('who listens last is heard; the other one is told and ends', async () => {
  await using program = await startReceiver()
  const app = await addTestApp()
  await using first = listen(app, program.url)
  await first.says(/Listening/)
  await using second = listen(app, program.url)
  await second.says(/Listening/)
  await first.says(/Somebody else listens/)
  assert.equal(await first.exited, 1)
})

test('only apps in test mode are listened to unless the operator says so, and only by their own secret', async () => {
  const live = await server.addClient({ user_id: person.userId, notifier_url: endpoint.url })
  const call = (app: { client_id: string; client_secret: string }, path = '/v1/listen') =>
    fetch(`${server.origin}${path}`, { headers: basic(app), signal: AbortSignal.timeout(5_000) })
  const refused = await call(live)
  assert.equal(refused.status, 403)
  assert.equal(((await refused.json()) as { code: string }).code, 'client_not_listenable')
  const app = await addTestApp()
  assert.equal((await call({ ...app, client_secret: live.client_secret })).status, 401)

  const command = listen(live, endpoint.url)
  assert.equal(await command.exited, 1)
  assert.match(command.output(), /not in test mode/)
  const clear = listen(app, 'http://elsewhere.example/token')
  assert.equal(await clear.exited, 1)
  assert.match(clear.output(), /https:\/\//)

  const answer = (by: App, path: string) =>
    fetch(`${server.origin}/v1/listen/${path}`, {
      method: 'POST',
      headers: { ...basic(by), 'content-type': 'application/json' },
      body: '{"status":200}',
    })
  assert.equal((await answer(app, 'dlv_none/1')).status, 410)
})
