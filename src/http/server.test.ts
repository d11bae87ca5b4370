import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { jsonLog } from '#base/log.ts'
import { closeServer, createServer } from './server.ts'

test('a stop finishes the call that is under way, and waits for no connection that is only kept for a next one', async () => {
  const { server, port } = await startSlow()
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const call = request({ port, host: '127.0.0.1', path: '/slow', agent }).end()
  await server.reached
  const from = performance.now()
  const closed = closeServer(server)
  const [answer] = await once(call, 'response')
  assert.equal(answer.statusCode, 200)
  answer.resume()
  await closed

  assert.ok(performance.now() - from < 3_000, 'the connection held up the stop')
  agent.destroy()
})

test('a stop waits five seconds, no more, for a call that never ends', async () => {
  const { server, port } = await startSlow()
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.write(
    'POST /slow HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{',
  )
  await pause(200)
  const from = performance.now()
  await closeServer(server)

  const tookMs = performance.now() - from
  assert.ok(tookMs > 4_000 && tookMs < 8_000, `it took ${tookMs} ms`)
  socket.destroy()
})

async function startSlow() {
  const server = createServer({ log: jsonLog(() => {}), trustProxy: false, onBadUrl: () => false })
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  server.get('/slow', async (_http, reply) => {
    // The head leaves before the close begins, so that it cannot say that the connection will be closed.
    reply.hijack()
    reply.raw.writeHead(200, { 'content-type': 'text/plain', 'content-length': 2 })
    reply.raw.flushHeaders()
    reach()
    await pause(300)
    reply.raw.end('ok')
  })
  server.post('/slow', async () => 'ok')
  await server.listen({ port: 0, host: '127.0.0.1' })
  return { server: Object.assign(server, { reached }), port: (server.server.address() as AddressInfo).port }
}
