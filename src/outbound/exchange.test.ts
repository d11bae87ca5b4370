import assert from 'node:assert/strict'
import { createServer, type LookupFunction, type Socket } from 'node:net'
import { test } from 'node:test'
import { setTimeout as rest } from 'node:timers/promises'
import { Dispatcher } from 'undici'
import { listen } from '../../test/support/outside.ts'
import { createOutbound } from './dial.ts'
import { callOnce } from './exchange.ts'
import { CallFailed } from './failures.ts'
import { createPolicy } from './policy.ts'

type Behaviour = (socket: Socket, nth: number) => unknown

/** A server of bare sockets: it reads whole POSTs of ours, counts them, and then does as told. */
async function startRaw(behave: Behaviour, onConnection: (socket: Socket) => unknown = () => {}) {
  const bodies: string[] = []
  const server = createServer((socket) => {
    onConnection(socket)
    let text = ''
    socket.on('data', (part) => {
      text += part.toString('latin1')
      const from = text.indexOf('\r\n\r\n') + 4
      const length = Number(/content-length: (\d+)/.exec(text)?.[1])
      if (from < 4 || !(text.length >= from + length)) return
      bodies.push(text.slice(from, from + length))
      text = text.slice(from + length)
      behave(socket, bodies.length)
    })
  })
  return { bodies, ...(await listen(server)) }
}

const outbound = createOutbound({ policy: createPolicy({ isOpen: true }) })
const post = (port: number, body = 'body', signal = AbortSignal.timeout(5_000)) =>
  outbound.post(`http://127.0.0.1:${port}/in`, {}, body, signal)

const fails = async (call: Promise<unknown>, phase: string, kind: string, status?: number) => {
  await assert.rejects(call, (fault) => {
    assert.ok(fault instanceof CallFailed, String(fault))
    assert.deepEqual([fault.phase, fault.kind, fault.status], [phase, kind, status])
    return true
  })
}

test('a refused connection fails before sending', async () => {
  const server = await startRaw(() => {})
  await server[Symbol.asyncDispose]()
  await fails(post(server.port), 'before_sending', 'connection_refused')
})

test('a connection that is reset while the body is on its way may have carried it all the same', async () => {
  await using server = await startRaw(
    () => {},
    (socket) => socket.once('data', () => socket.resetAndDestroy()),
  )
  await fails(post(server.port, 'a'.repeat(4_000_000)), 'while_waiting', 'connection_lost')
})

test('a connection that is reset as soon as it stands is said to be unsent only if nothing was written', async () => {
  const reading: Buffer[] = []
  await using server = await startRaw(
    () => {},
    (socket) => socket.on('data', (part) => reading.push(part)).resetAndDestroy(),
  )
  for (let n = 0; n < 50; n += 1) {
    await assert.rejects(post(server.port), (fault) => {
      assert.ok(fault instanceof CallFailed && fault.kind === 'connection_lost')
      return fault.phase !== 'after_answer'
    })
  }
  assert.deepEqual(reading, [])
})

test('a connection that is reset, or ended, once the body was read leaves open what became of it', async () => {
  for (const behave of [
    (socket: Socket) => socket.resetAndDestroy(),
    (socket: Socket) => socket.end(),
    (socket: Socket) => socket.end('HTTP/1.1 200'),
  ]) {
    await using server = await startRaw(behave)
    const call = post(server.port)
    await assert.rejects(call, (fault) => fault instanceof CallFailed && fault.phase === 'while_waiting')
    await rest(50)
    assert.deepEqual(server.bodies, ['body'])
  }
})

test('an endpoint that hangs is given up: before its status, and after it', async () => {
  await using mute = await startRaw(() => {})
  await fails(post(mute.port, 'body', AbortSignal.timeout(100)), 'while_waiting', 'timeout')
  await using hanging = await startRaw((socket) =>
    socket.write('HTTP/1.1 202 Accepted\r\ncontent-length: 9\r\n\r\n'),
  )
  await fails(post(hanging.port, 'body', AbortSignal.timeout(100)), 'after_answer', 'timeout', 202)
})

test('an answer that drips holds nobody longer than the deadline', async () => {
  for (const head of ['', 'HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n']) {
    await using server = await startRaw((socket) => {
      socket.write(head || 'HTTP/1.1 200 OK\r\nx: ')
      const drip = setInterval(() => socket.write('a'), 20)
      socket.on('close', () => clearInterval(drip))
    })
    const startedAt = performance.now()
    const [phase, status] = head ? ['after_answer', 200] : ['while_waiting', undefined]
    await fails(
      post(server.port, 'body', AbortSignal.timeout(200)),
      String(phase),
      'timeout',
      Number(status) || undefined,
    )
    assert.ok(performance.now() - startedAt < 1_000)
  }
})

test('a long answer is cut at 64 KiB, with its status', async () => {
  const long = 'a'.repeat(1_048_576)
  for (const head of [`content-length: ${long.length}`, 'connection: close']) {
    await using server = await startRaw((socket) =>
      socket.end(`HTTP/1.1 201 Created\r\n${head}\r\n\r\n${long}`),
    )
    const answer = await post(server.port)
    assert.equal(answer.status, 201)
    assert.equal(answer.body.length, 65_536)
  }
})

test('an answer that ends before the length it says has broken off after the status', async () => {
  await using server = await startRaw((socket) =>
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nshort'),
  )
  await fails(post(server.port), 'after_answer', 'answer_cut', 200)
  await using reset = await startRaw((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nshort')
    setTimeout(() => socket.resetAndDestroy(), 50)
  })
  await fails(post(reset.port), 'after_answer', 'answer_cut', 200)
})

test('what follows an answer beyond the length it says is not read, and answers no later call', async () => {
  const forged = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged'
  await using server = await startRaw((socket, nth) =>
    socket.write(
      nth === 1
        ? `HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok${forged}`
        : 'HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n',
    ),
  )
  assert.equal((await post(server.port, 'one')).body, 'ok')
  assert.equal((await post(server.port, 'two')).status, 500)
  assert.deepEqual(server.bodies, ['one', 'two'])
})

test('what is not HTTP is no answer', async () => {
  for (const text of [
    'SSH-2.0-OpenSSH_9.2\r\n',
    'HTTP/1.1 2000 OK\r\n\r\n',
    'HTTP/1.1 200 OK\r\nbad header\r\n\r\n',
  ]) {
    await using server = await startRaw((socket) => socket.write(text))
    await fails(post(server.port), 'while_waiting', 'answer_malformed')
  }
  await using chunks = await startRaw((socket) =>
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n'),
  )
  await fails(post(chunks.port), 'after_answer', 'answer_malformed', 200)
  await using headers = await startRaw((socket) =>
    socket.write(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(65_536)}\r\n\r\n`),
  )
  await fails(post(headers.port), 'while_waiting', 'answer_malformed')
})

test('an early hint is no answer', async () => {
  await using server = await startRaw((socket) =>
    socket.write('HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n'),
  )
  assert.equal((await post(server.port)).status, 204)
})

test('a kept connection that the server closes as we write is not written to a second time', async () => {
  await using server = await startRaw((socket, nth) => {
    if (nth === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
    else if (nth === 2) socket.resetAndDestroy()
    else socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
  })
  assert.equal((await post(server.port, 'one')).status, 200)
  await rest(20)
  await fails(post(server.port, 'two'), 'while_waiting', 'connection_lost')
  await rest(50)
  assert.deepEqual(server.bodies, ['one', 'two'])
})

test('a kept connection that closes as the next call comes: what is said to be unsent was not sent', async () => {
  let last: Socket | undefined
  await using server = await startRaw((socket) => {
    last = socket
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
  })
  const taken: string[] = []
  const unsent: string[] = []
  for (let n = 0; n < 100; n += 1) {
    await post(server.port, `call ${n}`).then(
      () => taken.push(`call ${n}`),
      (fault) => {
        assert.ok(fault instanceof CallFailed && fault.kind === 'connection_lost', String(fault))
        if (fault.phase === 'before_sending') unsent.push(`call ${n}`)
      },
    )
    // The end of the connection and the next call cross on the way.
    if (n % 2) last?.resetAndDestroy()
    else last?.end()
    if (n % 3 === 0) await rest(1)
  }
  await rest(50)
  assert.equal(new Set(server.bodies).size, server.bodies.length)
  assert.deepEqual(
    taken.filter((body) => !server.bodies.includes(body)),
    [],
  )
  assert.deepEqual(
    unsent.filter((body) => server.bodies.includes(body)),
    [],
  )
})

test('a call whose signal fires while it waits for a free connection ends at once, and never leaves', async () => {
  const held: Socket[] = []
  await using server = await startRaw((socket) => held.push(socket))
  const others = Array.from({ length: 128 }, (_, n) => post(server.port, `other ${n}`))
  while (held.length < others.length) await rest(10)
  const startedAt = performance.now()
  await fails(post(server.port, 'late', AbortSignal.timeout(50)), 'before_sending', 'timeout')
  assert.ok(performance.now() - startedAt < 500)
  for (const socket of held) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
  await Promise.all(others)
  await rest(50)
  assert.equal(server.bodies.length, 128)
  assert.equal(server.bodies.includes('late'), false)
})

test('a call whose signal fires during look-up, connection or TLS has sent nothing, and never will', async () => {
  await using server = await startRaw(() => {})
  let answer = () => {}
  const slow = createOutbound({
    policy: createPolicy({ isOpen: true }),
    lookup: ((_host, _options, callback) => {
      answer = () => callback(null, [{ address: '127.0.0.1', family: 4 }])
    }) as LookupFunction,
  })
  const call = slow.post(`http://slow.test:${server.port}/`, {}, 'body', AbortSignal.timeout(50))
  await fails(call, 'before_sending', 'timeout')
  answer()
  await rest(100)
  assert.deepEqual(server.bodies, [])
  await slow.close()

  // Takes the connection, and says nothing to the hello of TLS.
  const mute = outbound.post(`https://localhost:${server.port}/`, {}, 'body', AbortSignal.timeout(100))
  await fails(mute, 'before_sending', 'timeout')
  await fails(post(server.port, 'body', AbortSignal.abort()), 'before_sending', 'timeout')
  assert.deepEqual(server.bodies, [])
})

test('a header that cannot be written fails before sending', async () => {
  await using server = await startRaw(() => {})
  const call = outbound.post(
    `http://127.0.0.1:${server.port}/`,
    { x: 'a\r\nb' },
    '',
    AbortSignal.timeout(1_000),
  )
  await fails(call, 'before_sending', 'failed')
})

test('a call that the HTTP library would write a second time is broken off', async () => {
  const aborted: unknown[] = []
  class Repeating extends Dispatcher {
    override dispatch(_options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler) {
      const controller = {
        abort(reason: Error) {
          aborted.push(reason)
          handler.onResponseError?.(controller, reason)
        },
      } as Dispatcher.DispatchController
      handler.onRequestStart?.(controller, {})
      handler.onRequestStart?.(controller, {})
      return true
    }
  }
  const call = { url: new URL('https://hooks.acme-notify.com/'), headers: {}, body: Buffer.alloc(0) }
  await fails(
    callOnce(new Repeating(), { ...call, signal: AbortSignal.timeout(1_000) }),
    'while_waiting',
    'connection_lost',
  )
  assert.equal(aborted.length, 1)
})

test('after the close of the server no call leaves', async () => {
  const closed = createOutbound({ policy: createPolicy({ isOpen: true }) })
  await using server = await startRaw((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'))
  await closed.post(`http://127.0.0.1:${server.port}/`, {}, 'one', AbortSignal.timeout(1_000))
  await closed.close()
  await fails(
    closed.post(`http://127.0.0.1:${server.port}/`, {}, 'two', AbortSignal.timeout(1_000)),
    'before_sending',
    'stopped',
  )
  assert.deepEqual(server.bodies, ['one'])
})

test.after(() => outbound.close())
