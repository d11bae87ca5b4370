import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile, stat } from 'node:fs/promises'
import { createServer as createHttpServer, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import { HOUR, MINUTE, SECOND } from '#base/clock.ts'
import { isEmbedded } from '../../test/support/engine.ts'
import { type Received, startReceiver } from '../../test/support/receiver.ts'
import { heldClock, startServer } from '../../test/support/server.ts'
import { until } from '../../test/support/until.ts'

/** A moment after the daily end, so that a token lives for almost a day. */
const EARLY = Date.UTC(2026, 10, 24, 22, 5)

// Few at a time: a server whose turn comes late by seconds would run into its own deadline.
describe('a delivery', { concurrency: 6 }, () => {
  for (const [what, type, body] of [
    ['a plain string', 'text/plain', 'thank you'],
    ['JSON', 'application/json', '{"status":"ok"}'],
    ['nothing', 'text/plain', ''],
  ] as const) {
    test(`answered 2xx with ${what} has succeeded, and is sent once`, async () => {
      const codes = [200, 201, 202, 204, 299]
      await using stage = await setStage((_http, response, nth) => {
        const code = codes[nth - 1] ?? 500
        response.writeHead(code, { 'content-type': type }).end(code === 204 ? undefined : body)
      })
      for (const _ of codes) {
        await stage.approve()
        await stage.reaches('delivered')
        assert.deepEqual(await stage.attempts(), ['1 succeeded'])
      }
      await stage.passes(HOUR)
      assert.equal(stage.receiver.posts.length, codes.length)
    })
  }

  test('holds the seven fields, all of them strings, and its token is the one that was issued', async () => {
    await using stage = await setStage()
    const { id, client } = await stage.approve()
    await stage.reaches('delivered')
    const [post] = stage.receiver.posts
    const { access_token, ...rest } = JSON.parse(post?.body ?? '')
    const end = Date.UTC(2026, 10, 25, 22, 0)
    assert.deepEqual(rest, {
      client_id: client.client_id,
      user_id: stage.person.userId,
      token_type: 'Bearer',
      expires_at: String(end),
      issued_at: String(EARLY),
      message_type: 'access_token',
    })
    const [row] = await stage.server.select(`select hash from tokens where request_id = '${id}'`)
    assert.deepEqual(Buffer.from(row?.hash as Uint8Array), createHash('sha256').update(access_token).digest())
    assert.equal(post?.headers['content-type'], 'application/json')
    assert.equal(post?.headers['countersign-request'], id)
  })

  test('is signed over the very bytes that are sent', async () => {
    await using stage = await setStage(undefined, { now: Date.now })
    const { client } = await stage.approve()
    const [post] = await stage.receiver.received(1)
    const verify = (body: string) =>
      new Webhook(client.signing_secret).verify(body, post?.headers as Record<string, string>)
    assert.ok(verify(post?.body ?? ''))
    assert.throws(() => verify(`${post?.body} `))
  })

  for (const code of [301, 302, 303, 307, 308]) {
    test(`answered ${code} is not sent on to where it points, and has failed`, async () => {
      await using target = await startReceiver()
      await using stage = await setStage((_http, response) => {
        response.writeHead(code, { location: target.url }).end()
      })
      await stage.approve()
      await stage.endsAttempt(1)
      assert.deepEqual(await stage.attempts(), ['1 failed status'])
      await stage.passes(6 * SECOND)
      await stage.endsAttempt(2)
      assert.equal(target.posts.length, 0)
      assert.equal(stage.receiver.posts.length, 2)
    })
  }

  for (const code of [400, 404, 429, 500, 503]) {
    test(`answered ${code} is tried again: the same id, the same bytes, a new time and signature`, async () => {
      await using stage = await setStage((_http, response, nth) => {
        response.writeHead(nth === 1 ? code : 200).end()
      })
      await stage.approve()
      await stage.endsAttempt(1)
      await stage.passes(3_900)
      assert.equal(stage.receiver.posts.length, 1, 'not before four seconds')
      await stage.passes(2_100)
      await stage.reaches('delivered')

      assert.deepEqual(await stage.attempts(), ['1 failed status', '2 succeeded'])
      const [first, second] = stage.receiver.posts as [Received, Received]
      assert.equal(second.headers['webhook-id'], first.headers['webhook-id'])
      assert.equal(second.body, first.body)
      assert.equal(timeOf(second) - timeOf(first), 6)
      assert.notEqual(second.headers['webhook-signature'], first.headers['webhook-signature'])
    })
  }

  test('waits for as long as retry-after says, up to twice its own wait', async () => {
    await using stage = await setStage((_http, response) => {
      response.writeHead(503, { 'retry-after': '3600' }).end()
    })
    await stage.approve()
    await stage.endsAttempt(1)
    await stage.passes(9_999)
    assert.equal(stage.receiver.posts.length, 1)
    await stage.passes(1)
    await stage.endsAttempt(2)
  })

  test('keeps to 5 s, 5 min, 30 min, 2 h, 5 h and 10 h, then gives up: the token is revoked, and all can see', async () => {
    await using stage = await setStage((_http, response) => {
      response.writeHead(404).end()
    })
    const { id } = await stage.approve()
    const waits = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR]
    for (const [i, wait] of waits.entries()) {
      await stage.endsAttempt(i + 1)
      const [job] = await stage.server.select("select due_at from outbox where kind = 'deliver'")
      const planned = Number(job?.due_at) - stage.clock.now()
      assert.ok(planned >= wait * 0.8 && planned <= wait * 1.2, `${planned} ms instead of ${wait}`)
      stage.clock.moveTo(Number(job?.due_at))
    }
    await stage.reaches('undeliverable')

    assert.equal(stage.receiver.posts.length, 7)
    assert.equal(new Set(stage.receiver.posts.map(({ body }) => body)).size, 1)
    await stage.isGivenUp(id)
  })

  test('is never tried past the end of its token: it is given up before', async () => {
    // Five minutes of life: the attempt after five seconds fits, the one after five minutes does not.
    await using stage = await setStage(
      (_http, response) => {
        response.writeHead(500).end()
      },
      { at: Date.UTC(2026, 10, 24, 21, 56) },
    )
    const { id } = await stage.approve()
    await stage.endsAttempt(1)
    await stage.passes(6 * SECOND)
    await stage.reaches('undeliverable')
    assert.deepEqual(await stage.attempts(), ['1 failed status', '2 failed status'])
    await stage.isGivenUp(id)
  })

  test('whose token has ended while nobody could send it is given up without a call', async () => {
    await using stage = await setStage((_http, response) => {
      response.writeHead(500).end()
    })
    await stage.approve()
    await stage.endsAttempt(1)
    await stage.passes(24 * HOUR)
    await stage.reaches('undeliverable')
    assert.equal(stage.receiver.posts.length, 1)
    assert.equal((await stage.server.select('select * from delivery_payloads')).length, 0)
  })

  test('to a port where nobody listens has failed, before anything was sent', async () => {
    await using stage = await setStage()
    const port = await closedPort()
    await stage.approve(`http://127.0.0.1:${port}/`)
    await stage.endsAttempt(1)
    assert.deepEqual(await stage.attempts(), ['1 failed connection_refused'])
  })

  test('whose connection breaks after the body has an unknown end, and is tried again', async () => {
    await using stage = await setStage((http, response, nth) => {
      if (nth === 1) http.socket.destroy()
      else response.end('ok')
    })
    await stage.approve()
    await stage.endsAttempt(1)
    assert.deepEqual(await stage.attempts(), ['1 unknown connection_lost'])
    await stage.passes(6 * SECOND)
    await stage.reaches('delivered')
    assert.equal(stage.receiver.posts[1]?.body, stage.receiver.posts[0]?.body)
  })

  for (const [code, end] of [
    [200, '1 succeeded'],
    [500, '1 failed status'],
  ] as const) {
    test(`whose answer of ${code} breaks off in its body ends by its status`, async () => {
      await using stage = await setStage((http, response) => {
        response.writeHead(code, { 'content-length': '1000' })
        response.write('only a part', () => http.socket.destroy())
      })
      await stage.approve()
      await stage.endsAttempt(1)
      assert.deepEqual(await stage.attempts(), [end])
    })
  }

  for (const [part, head, end] of [
    ['header', 'HTTP/1.1 200 OK\r\nx-drip: ', '1 unknown timeout'],
    ['body', 'HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n', '1 succeeded'],
  ] as const) {
    test(`whose answer drips in, ${part} byte by byte, ends at the deadline all the same`, async () => {
      await using stage = await setStage()
      await using receiver = await startRawReceiver((socket) => {
        socket.write(head)
        const drip = setInterval(() => socket.write('a'), 200)
        socket.once('close', () => clearInterval(drip))
      })
      await stage.approve(receiver.url)
      // The drip goes on for days: that the attempt ends at all is the promise.
      await stage.endsAttempt(1, 60_000)
      assert.deepEqual(await stage.attempts(), [end])
    })
  }

  test('is on disk as started before the receiver sees its first byte', async () => {
    await using stage = await setStage()
    let seen: Promise<unknown[]> | undefined
    await using receiver = await startRawReceiver((socket) => {
      seen ??= stage.server.select('select attempt, leased_at from outbox')
      void seen.then(() => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'))
    })
    await stage.approve(receiver.url)
    await stage.reaches('delivered')
    const rows = ((await seen) ?? []) as Record<string, unknown>[]
    assert.deepEqual(
      rows.map(({ attempt, leased_at }) => `${attempt} ${leased_at === null ? 'waits' : 'started'}`),
      ['1 started'],
    )
  })

  test('keeps at most 4096 characters of an answer, though it be endless, and counts it as taken', async () => {
    await using stage = await setStage((_http, response) => {
      const page = 'x'.repeat(65_536)
      const pour = () => {
        while (!response.destroyed && response.write(page));
      }
      response.writeHead(200).on('drain', pour)
      pour()
    })
    await stage.approve()
    await stage.reaches('delivered')
    assert.equal(await stage.storedAnswer(), 'x'.repeat(4_096))
  })

  const longest = 'x'.repeat(4_000)
  for (const [what, echo] of Object.entries({
    'the whole body': (body: string) => body,
    'the token alone': (body: string) => tokenOf(body),
    'the token, a megabyte of it': (body: string) => tokenOf(body).repeat(2_000),
    'the token in a wrapping': (body: string) => `{"received": ${JSON.stringify(body)}, "and": [${body}]}`,
    'the token up to the cut': (body: string) => `${longest}${tokenOf(body)}`,
  })) {
    test(`whose receiver sends back ${what} leaves no part of it in what is kept of the answer`, async () => {
      await using stage = await setStage((_http, response) => {
        response.writeHead(400).end(echo(stage.receiver.posts[0]?.body ?? ''))
      })
      await stage.approve()
      await stage.endsAttempt(1)
      const token = tokenOf(stage.receiver.posts[0]?.body ?? '')
      const kept = await stage.storedAnswer()
      assert.ok(kept.length > 0)
      assert.ok(!holdsPartOf(token, kept), `a part of the token is kept: ${kept.slice(-200)}`)
    })
  }

  if (isEmbedded()) testsOfTheDisk()
  else testsOfTheTables()

  test('that is taken back while it is under way says how its attempt ended, and is not sent again', async () => {
    const held: ServerResponse[] = []
    await using stage = await setStage((_http, response) => {
      held.push(response)
    })
    const { id } = await stage.approve()
    await stage.receiver.received(1, 10_000)
    const [token] = await stage.server.select(`select id from tokens where request_id = '${id}'`)
    await stage.person.must('DELETE', `/v1/me/tokens/${token?.id}`)
    await stage.reaches('undeliverable')

    held[0]?.writeHead(500).end()
    await until(async () => (await stage.attempts()).every((each) => !each.includes('started')), 20_000)
    await stage.passes(10 * SECOND)
    await stage.passes(HOUR)
    assert.equal(stage.receiver.posts.length, 1)
  })
})

function testsOfTheDisk() {
  test('that was taken leaves no trace of its token: not in the store, its log, or our own lines', async () => {
    const held: ServerResponse[] = []
    await using stage = await setStage((_http, response) => {
      held.push(response)
    })
    await stage.approve()
    const [post] = await stage.receiver.received(1, 10_000)
    const [row] = await stage.server.select('select sealed from delivery_payloads')
    const sealed = Buffer.from(row?.sealed as Uint8Array)
    const token = tokenOf(post?.body ?? '')
    assert.ok(await stage.isOnDisk(sealed.subarray(-64)), 'what is looked for below can be found')

    held[0]?.end('thanks')
    await stage.reaches('delivered')
    assert.deepEqual(await stage.server.select('select * from delivery_payloads'), [])
    await stage.checkpointed()
    assert.equal(await stage.isOnDisk(sealed.subarray(-64)), false, 'the sealed token is still on disk')
    assert.equal(await stage.isOnDisk(Buffer.from(token)), false)
    for (const line of stage.server.lines) assert.ok(!holdsPartOf(token, line), line)
  })

  test('leaves the disk even if another process was reading the store when it was taken', async () => {
    const held: ServerResponse[] = []
    await using stage = await setStage((_http, response) => {
      held.push(response)
    })
    await stage.approve()
    await stage.receiver.received(1, 10_000)
    const [row] = await stage.server.select('select sealed from delivery_payloads')
    const sealed = Buffer.from(row?.sealed as Uint8Array)
    const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
    const reader = new DatabaseSync(stage.path, { readOnly: true })
    reader.exec('begin')
    reader.prepare('select count(*) from delivery_payloads').get()

    held[0]?.end('thanks')
    await stage.reaches('delivered')
    await pause(2_500)
    assert.ok(await stage.isOnDisk(sealed.subarray(-64)), 'the reader holds the log back')
    reader.exec('commit')
    reader.close()
    await until(async () => !(await stage.isOnDisk(sealed.subarray(-64))), 20_000)
  })
}

/** Where the store is a server of its own, what can be seen of it are its tables. */
function testsOfTheTables() {
  test('that was taken leaves no trace of its token: in no table, and not in our own lines', async () => {
    const held: ServerResponse[] = []
    await using stage = await setStage((_http, response) => {
      held.push(response)
    })
    await stage.approve()
    const [post] = await stage.receiver.received(1, 10_000)
    const token = tokenOf(post?.body ?? '')
    const [row] = await stage.server.select('select sealed from delivery_payloads')
    const sealed = Buffer.from(row?.sealed as Uint8Array).toString('hex')
    assert.ok((await stage.tables()).includes(sealed), 'what is looked for below can be found')

    held[0]?.end('thanks')
    await stage.reaches('delivered')
    const text = await stage.tables()
    for (const secret of [sealed, Buffer.from(token).toString('hex')]) assert.ok(!text.includes(secret))
    // What is signed (who, for whom, until when) is no secret and may stand elsewhere; the signature makes the token.
    assert.ok(!holdsPartOf(token.split('.')[2] ?? '', text))
    for (const line of stage.server.lines) assert.ok(!holdsPartOf(token, line), line)
  })
}

const timeOf = ({ headers }: Received) => Number(headers['webhook-timestamp'])
const tokenOf = (body: string): string => (body ? JSON.parse(body).access_token : '')

/** Twenty characters in a row are no accident. */
function holdsPartOf(token: string, text: string): boolean {
  for (let at = 0; at + 20 <= token.length; at += 1) {
    // The header of every token is the same, and so no secret.
    if (at + 20 > token.indexOf('.') && text.includes(token.slice(at, at + 20))) return true
  }
  return false
}

type Behaviour = Parameters<typeof startReceiver>[0]

/** A server whose clock is held, one receiver, one person. */
async function setStage(behave?: Behaviour, { at = EARLY, now }: { at?: number; now?: () => number } = {}) {
  const clock = heldClock(at)
  const receiver = await startReceiver(behave)
  const server = await startServer({ now: now ?? clock.now, env: { COUNTERSIGN_NOTIFIER_PROOF: 'off' } })
  const person = await server.person()
  let asked: { id: string; client: Awaited<ReturnType<typeof server.addClient>> } | undefined

  async function approve(notifierUrl = receiver.url) {
    const client = await server.addClient({ user_id: person.userId, notifier_url: notifierUrl })
    const id = await server.openRequest(client)
    const answer = await person.approve(id)
    assert.equal(answer.status, 200, await answer.text())
    asked = { id, client }
    return asked
  }
  const delivery = async () => {
    assert.ok(asked)
    return (await server.requestStatus(asked.client, asked.id)).delivery
  }
  const path = join(server.folder, 'countersign.db')

  return {
    clock,
    receiver,
    server,
    person,
    path,
    approve,
    attempts: async () =>
      ((await delivery())?.attempts ?? []).map(({ number, status, failure }) =>
        [number, status, failure].filter((each) => each !== null).join(' '),
      ),
    reaches: (state: string) => until(async () => (await delivery())?.status === state, 20_000),
    endsAttempt: (number: number, limitMs?: number) =>
      until(async () => {
        const attempt = (await delivery())?.attempts.find((each) => each.number === number)
        return attempt !== undefined && attempt.status !== 'started'
      }, limitMs),
    /** Moves the clock, and lets the worker have looked since. */
    async passes(ms: number) {
      clock.forward(ms)
      await this.polled()
    },
    /** The worker looks each second by the real clock. */
    polled: () => pause(1_300),
    async storedAnswer() {
      const [row] = await server.select('select response from delivery_attempts where number = 1')
      return String(row?.response ?? '')
    },
    async isGivenUp(id: string) {
      const [row] = await server.select(`select state from tokens where request_id = '${id}'`)
      assert.equal(row?.state, 'revoked')
      assert.deepEqual(await server.select('select * from delivery_payloads'), [])
      assert.deepEqual(await server.select("select * from outbox where kind = 'deliver'"), [])
      const token = tokenOf(receiver.posts[0]?.body ?? '')
      const logout = await fetch(`${server.origin}/v2/logout`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${token}` },
      })
      assert.equal(logout.status, 401, 'the token is refused')
      const detail = await person.must<Detail>('GET', `/v1/me/requests/${id}`)
      assert.equal(detail.delivery.state, 'undeliverable')
      assert.equal(detail.token.state, 'revoked')
      const kinds = detail.timeline.map(({ kind }) => kind)
      assert.ok(kinds.includes('token_undeliverable') && kinds.includes('token_revoked'), String(kinds))
    },
    /** All rows of all tables, as text; bytes in hex. */
    async tables() {
      const names = await server.select("select tablename as name from pg_tables where schemaname = 'public'")
      const rows = await Promise.all(
        names.map(({ name }) => server.select(`select t::text as row from ${name} t`)),
      )
      return rows
        .flat()
        .map(({ row }) => row)
        .join('\n')
    },
    checkpointed: () => until(async () => (await stat(`${path}-wal`)).size === 0, 20_000),
    async isOnDisk(bytes: Buffer) {
      const files = await Promise.all([path, `${path}-wal`].map((each) => readFile(each)))
      return files.some((file) => file.includes(bytes))
    },
    async [Symbol.asyncDispose]() {
      await receiver[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
    },
  }
}

interface Detail {
  delivery: { state: string }
  token: { state: string }
  timeline: { kind: string }[]
}

/** A receiver that answers in bytes of its own, as soon as the first byte comes. */
async function startRawReceiver(answer: (socket: Socket) => void) {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => answer(socket)).resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function closedPort(): Promise<number> {
  const server = createHttpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
