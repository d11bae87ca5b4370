import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEmbedded } from '../support/engine.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startOtlpReceiver } from '../support/otlp.ts'
import { freePort, READY, startProcess } from '../support/process.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { until } from '../support/until.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CALLER = 'b7ad6b7169203331'

const ask = async (
  server: TestServer,
  { client_id, client_secret }: { client_id: string; client_secret: string },
  traceparent?: string,
) => {
  const answer = await fetch(`${server.origin}/v3/login/auth/token/request/${client_id}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(traceparent ? { traceparent } : {}) },
    body: JSON.stringify({ client_secret }),
  })
  assert.equal(answer.status, 200, await answer.clone().text())
  return (answer.headers.get('location') ?? '').replace('/v1/requests/', '')
}

test('a trace goes from the asker by the request to the message, each attempt and the endpoint', async () => {
  await using collector = await startOtlpReceiver()
  await using app = await startReceiver((_http, response) => response.end('{}'))
  await using receiver = await startReceiver((_http, response, nth) =>
    response.writeHead(nth === 1 ? 500 : 200).end(),
  )
  const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`
  const server = await startServer({
    env: {
      COUNTERSIGN_OTLP_URL: collector.url,
      COUNTERSIGN_OTLP_HEADERS: 'x-team=ops,authorization=Bearer for-the-collector',
      COUNTERSIGN_APP_BACKEND_URL: app.url,
      COUNTERSIGN_APP_BACKEND_SECRET: secret,
    },
  })
  const person = await server.person()
  const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  const id = await ask(server, client, `00-${TRACE}-${CALLER}-01`)
  await app.received(1)
  await person.approve(id)
  await receiver.received(1)
  await until(async () => (await server.requestStatus(client, id)).delivery?.attempts[0]?.status === 'failed')
  const { delivery } = await server.requestStatus(client, id)
  await person.must('POST', `/v1/me/apps/${client.client_id}/deliveries/${delivery?.id}/resend`, {})
  await receiver.received(2)
  await until(async () => (await server.requestStatus(client, id)).delivery?.status === 'delivered')
  // What is left is sent before it ends.
  await server.stop()

  assert.deepEqual(collector.faults, [])
  assert.deepEqual([...collector.services], ['countersign'])
  assert.partialDeepStrictEqual(collector.headers[0], {
    'x-team': 'ops',
    authorization: 'Bearer for-the-collector',
  })
  const ours = collector.spans.filter(({ traceId }) => traceId === TRACE)
  const [opened] = ours.filter(({ name }) => name === 'open request')
  assert.ok(opened)
  assert.deepEqual([opened.parentSpanId, opened.kind], [CALLER, 2])
  assert.partialDeepStrictEqual(opened.attributes, {
    'countersign.request': id,
    'countersign.client': client.client_id,
    'countersign.protocol': 'upstox',
  })
  const [told] = ours.filter(({ name }) => name === 'tell')
  assert.equal(told?.parentSpanId, opened.spanId)
  assert.equal(told?.attributes['countersign.channel'], 'http')
  const attempts = ours
    .filter(({ name }) => name === 'deliver')
    .sort((a, b) => Number(a.startNano - b.startNano))
  assert.deepEqual(
    attempts.map(({ parentSpanId, kind, isError, attributes }) => [
      parentSpanId,
      kind,
      isError,
      Number(attributes['countersign.attempt']),
      Number(attributes['http.response.status_code']),
    ]),
    [
      [opened.spanId, 3, true, 1, 500],
      [opened.spanId, 3, false, 2, 200],
    ],
  )
  assert.deepEqual(
    receiver.posts.map(({ headers }) => headers.traceparent),
    attempts.map(({ spanId }) => `00-${TRACE}-${spanId}-01`),
  )
  const sent = JSON.stringify(collector.spans.map(({ attributes }) => attributes))
  const token = JSON.parse(receiver.posts[0]?.body ?? '{}').access_token as string
  for (const hidden of [token, client.client_secret, receiver.url, person.userId])
    assert.ok(!sent.includes(hidden))
})

test('what is no trace context begins a new one; one that nobody records is passed on as such', async () => {
  await using collector = await startOtlpReceiver()
  await using receiver = await startReceiver()
  const server = await startServer({ env: { COUNTERSIGN_OTLP_URL: collector.url } })
  const person = await server.person()
  const wrong = [
    undefined,
    'nonsense',
    `00-${'0'.repeat(32)}-${CALLER}-01`,
    `00-${TRACE}-${CALLER}-01-more`,
    `ff-${TRACE}-${CALLER}-01`,
    `00-${TRACE.toUpperCase()}-${CALLER}-01`,
  ]
  for (const traceparent of [...wrong, `00-${TRACE}-${CALLER}-00`]) {
    const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
    await person.approve(await ask(server, client, traceparent))
  }
  await receiver.received(wrong.length + 1)
  await until(
    async () => (await server.select(`select id from deliveries where state = 'queued'`)).length === 0,
  )
  await server.stop()

  assert.deepEqual(collector.faults, [])
  const passedOn = receiver.posts.map(({ headers }) => String(headers.traceparent).split('-'))
  assert.equal(new Set(passedOn.map(([, traceId]) => traceId)).size, wrong.length + 1)
  assert.deepEqual(passedOn.filter(([, traceId, , flags]) => traceId === TRACE && flags === '00').length, 1)
  assert.equal(collector.spans.filter(({ name }) => name === 'open request').length, wrong.length)
  assert.ok(collector.spans.every(({ traceId }) => traceId !== TRACE))
})

test('without the setting nothing is kept or sent', async () => {
  await using receiver = await startReceiver()
  await using server = await startServer()
  const person = await server.person()
  const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  await person.approve(await ask(server, client, `00-${TRACE}-${CALLER}-01`))
  const [post] = await receiver.received(1)
  assert.equal(post?.headers.traceparent, undefined)
  for (const table of ['token_requests', 'deliveries', 'notices'])
    assert.deepEqual(await server.select(`select id from ${table} where trace is not null`), [], table)
})

// The store has nothing to do with it: once is enough.
if (isEmbedded()) {
  test('what traces need is loaded with the setting alone', async () => {
    const spy = `import { registerHooks } from 'node:module'
    registerHooks({ resolve(name, context, next) {
      const found = next(name, context)
      const [, part] = /@opentelemetry\\/([\\w-]+)/.exec(found.url) ?? []
      if (part) console.error('LOADED ' + part)
      return found
    } })`
    const loaded = async (env: Record<string, string>) => {
      await using folder = await temporaryFolder('traces')
      const hook = `--import=data:text/javascript,${encodeURIComponent(spy)}`
      await using server = startProcess({
        data: folder.path,
        port: await freePort(),
        env: { ...env, NODE_OPTIONS: hook },
      })
      await server.says(READY)
      return new Set(server.output().match(/(?<=LOADED )\S+/g))
    }
    // The metrics' library knows the interface, which does nothing by itself.
    assert.deepEqual([...(await loaded({}))], ['api'])
    assert.ok((await loaded({ COUNTERSIGN_OTLP_URL: 'http://127.0.0.1:9/v1/traces' })).has('sdk-trace'))
  })
}

test('a collector that is away holds nothing up', async () => {
  await using receiver = await startReceiver()
  const server = await startServer({ env: { COUNTERSIGN_OTLP_URL: 'http://127.0.0.1:9/v1/traces' } })
  const person = await server.person()
  const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  await person.approve(await ask(server, client))
  await receiver.received(1)
  const startedAt = performance.now()
  await server.stop()
  assert.ok(performance.now() - startedAt < 15_000)
  assert.ok(server.lines.some((line) => line.includes('Spans could not be sent.')))
})
