import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import { type Person, startPerson } from '../support/person.ts'
import { freePort, READY, startProcess } from '../support/process.ts'
import { ADMIN_KEY, basic, type RequestStatus } from '../support/server.ts'

const KILLS = 30
const CLIENTS = 8
/** A lease runs out 20 s after its attempt began; the retry of an attempt that failed comes 4 to 6 s later. */
const SETTLE_MS = 50_000

interface App {
  client_id: string
  client_secret: string
  signing_secret: string
}

describe('a server that is killed', { concurrency: true }, () => {
  test('at any moment loses no request, no approval and no token, and issues none twice', async (t) => {
    const seed = Number(process.env.FAULT_SEED ?? Math.floor(Math.random() * 2 ** 32))
    t.diagnostic(`FAULT_SEED=${seed}`)
    const random = randomFrom(seed)
    await using data = await temporaryFolder()
    const port = await freePort()
    const start = () => startProcess({ data: data.path, port })
    let server = start()
    let readyAt = 0
    await server.says(READY)

    let killNow = () => {}
    await using receiver = await startUnsteadyReceiver(random, {
      isFirstAttempt: (issuedAt) => readyAt > 0 && issuedAt > readyAt,
      onPost: () => killNow(),
    })
    const accounts = await Promise.all(
      Array.from({ length: CLIENTS }, (_, nth) => addAccount(server.origin, `person-${nth}`, receiver.url)),
    )
    const log = { asked: new Map<string, App>(), approved: new Set<string>(), rejected: new Set<string>() }
    const surprises: string[] = []
    const life = new AbortController()
    const loops = accounts.map((account) =>
      useAll(server.origin, account, log, surprises, random, life.signal),
    )

    // Some are killed while they start, some at any moment, and some with a token on its way.
    let midway = 0
    for (let kills = 0; kills < KILLS; kills += 1) {
      const chance = random()
      if (chance < 0.2) {
        await Promise.race([pause(random() * 600), server.says(READY).catch(() => {})])
      } else {
        await server.says(READY)
        readyAt = Date.now()
        await somethingIsApproved(log.approved)
        await pause(random() * 300)
        if (chance < 0.6) {
          const posted = new Promise<void>((resolve) => {
            killNow = resolve
          })
          await Promise.race([posted, pause(1_000)])
          killNow = () => {}
          midway += 1
        }
      }
      readyAt = 0
      assert.deepEqual(await server.kill(), { code: null, signal: 'SIGKILL' }, server.output())
      server = start()
    }
    await using last = server
    await last.says(READY)
    life.abort()
    await Promise.all(loops)
    await everyTokenArrives(last.origin, log)

    const states = await statusOfAll(last.origin, log.asked)
    last.signal('SIGTERM')
    assert.deepEqual(await last.exited, { code: 0, signal: null }, last.output())
    assert.deepEqual(surprises, [])
    t.diagnostic(
      `${KILLS} kills, ${midway} of them during a delivery; ${log.asked.size} requests, ${log.approved.size} approvals acknowledged; ${receiver.posts.length} posts`,
    )

    const store = new DatabaseSync(join(data.path, 'countersign.db'), { readOnly: true })
    assert.deepEqual({ ...store.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' })
    assertEachIsWhole(store, states, log)
    assertOneTokenEach(store, states, receiver.posts, accounts)
    store.close()
    assert.ok(log.approved.size >= KILLS, `${log.approved.size} approvals are too few to show anything`)
    assert.ok(midway > 0)
  })

  test('by SIGTERM finishes the delivery that is under way, then ends with 0, also with a live page open', async () => {
    await using data = await temporaryFolder()
    await using server = startProcess({ data: data.path, port: await freePort() })
    await server.says(READY)
    await using receiver = await startHoldingReceiver()
    const account = await addAccount(server.origin, 'person', receiver.url)
    const { app, person } = account
    const page = await person.call('GET', '/v1/me/events')
    const id = await ask(server.origin, app)
    assert.equal((await person.approve(id)).status, 200)
    const answer = await receiver.next()

    server.signal('SIGTERM')
    await server.says('Stopping')
    await assert.rejects(fetch(`${server.origin}/livez`), 'it takes no more calls')
    assert.equal(server.isOver(), false)
    answer.end('ok')

    assert.deepEqual(await server.exited, { code: 0, signal: null }, server.output())
    await page.body?.cancel().catch(() => {})
    const store = new DatabaseSync(join(data.path, 'countersign.db'), { readOnly: true })
    assert.deepEqual(attemptsIn(store), [{ number: 1, state: 'succeeded' }])
    assert.deepEqual({ ...store.prepare('select state from deliveries').get() }, { state: 'delivered' })
    assert.equal(store.prepare('select count(*) as rows from outbox').get()?.rows, 0)
    store.close()
  })

  test('but only halted, finds its work done by another, and its own late result changes nothing', async () => {
    await using data = await temporaryFolder()
    await using halted = startProcess({ data: data.path, port: await freePort() })
    await halted.says(READY)
    await using receiver = await startHoldingReceiver()
    const { app, person } = await addAccount(halted.origin, 'person', receiver.url)
    const id = await ask(halted.origin, app)
    assert.equal((await person.approve(id)).status, 200)
    const toHalted = await receiver.next()
    halted.signal('SIGSTOP')

    await using other = startProcess({ data: data.path, port: await freePort() })
    await other.says(READY)
    const toOther = await receiver.next()
    // The first one wakes up with an answer in its hands, while the second one still waits for its own.
    toHalted.writeHead(500).end('late')
    halted.signal('SIGCONT')
    await eventually(async () => (await statusOf(other.origin, app, id)).timeline.some(isLate))
    const between = await statusOf(other.origin, app, id)
    assert.equal(between.delivery?.status, 'queued')
    assert.deepEqual(
      between.delivery?.attempts.map(({ number, status }) => `${number} ${status}`),
      ['1 unknown', '2 started'],
    )

    toOther.end('ok')
    await eventually(async () => (await statusOf(other.origin, app, id)).delivery?.status === 'delivered')
    const status = await statusOf(other.origin, app, id)
    assert.deepEqual(
      status.delivery?.attempts.map((each) => `${each.number} ${each.status}`),
      ['1 unknown', '2 succeeded'],
    )
    assert.equal(status.timeline.filter(({ event }) => event === 'token_delivered').length, 1)
    const [first, second, ...more] = receiver.posts
    assert.deepEqual(more, [])
    assert.equal(second?.id, first?.id)
    assert.equal(second?.body, first?.body)
    assert.ok(Number(second?.timestamp) > Number(first?.timestamp))
  })
})

const isLate = ({ event }: { event: string }) => event === 'delivery_late'

async function addAccount(origin: string, handle: string, notifierUrl: string) {
  const user = await admin<{ user_id: string; enrolment_url: string }>(origin, '/v1/admin/users', { handle })
  const app = await admin<App>(origin, '/v1/admin/clients', {
    kind: 'individual',
    user_id: user.user_id,
    name: `App of ${handle}`,
    notifier_url: notifierUrl,
  })
  return { app, person: await startPerson(origin, user.user_id, user.enrolment_url) }
}

async function admin<T>(origin: string, path: string, body: unknown): Promise<T> {
  const answer = await fetch(`${origin}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.equal(answer.status, 201, await answer.clone().text())
  return (await answer.json()) as T
}

async function ask(origin: string, { client_id, client_secret }: App): Promise<string> {
  const answer = await fetch(`${origin}/v3/login/auth/token/request/${client_id}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_secret }),
  })
  assert.equal(answer.status, 200, await answer.clone().text())
  return (answer.headers.get('location') ?? '').replace('/v1/requests/', '')
}

async function statusOf(origin: string, app: App, id: string): Promise<RequestStatus> {
  const answer = await fetch(`${origin}/v1/requests/${id}`, { headers: basic(app) })
  assert.equal(answer.status, 200, `${id}: ${await answer.clone().text()}`)
  return (await answer.json()) as RequestStatus
}

interface Log {
  /** Answered with 200. */
  asked: Map<string, App>
  approved: Set<string>
  rejected: Set<string>
}

/** Asks and decides, over and over, by whatever server is there. Only what was answered is believed. */
async function useAll(
  origin: string,
  { app, person }: { app: App; person: Person },
  log: Log,
  surprises: string[],
  random: () => number,
  life: AbortSignal,
) {
  while (!life.aborted) {
    const id = await persist(life, () => ask(origin, app), surprises)
    if (!id) break
    log.asked.set(id, app)
    const isReject = random() < 0.15
    const status = await persist(life, async () => (await decide(person, id, isReject)).status, surprises)
    if (status === 200) (isReject ? log.rejected : log.approved).add(id)
    // 409: the decision was taken by a server that was killed before it could say so.
    else if (status !== undefined && status !== 409) surprises.push(`deciding ${id} was answered ${status}`)
    await pause(random() * 60)
  }
}

async function decide(person: Person, id: string, isReject: boolean): Promise<Response> {
  if (isReject) return person.reject(id)
  const review = await person.call('POST', `/v1/me/requests/${id}/review`, {})
  if (review.status !== 200) return review
  const { options } = (await review.json()) as { options: Record<string, unknown> }
  return person.approveWith(id, person.passkey.assert(options))
}

/** Tries again while nobody answers. An answer that should not be is no reason to. */
async function persist<T>(
  life: AbortSignal,
  call: () => Promise<T>,
  surprises: string[],
): Promise<T | undefined> {
  while (!life.aborted) {
    try {
      return await call()
    } catch (fault) {
      // A call that finds no server, or whose connection breaks, is a TypeError of fetch.
      if (!(fault instanceof TypeError)) {
        surprises.push(String(fault))
        return undefined
      }
      await pause(20)
    }
  }
  return undefined
}

/** A server that is killed before it has done anything shows nothing; one that is slow is not waited for for ever. */
async function somethingIsApproved(approved: Set<string>) {
  const before = approved.size
  const giveUpAt = performance.now() + 3_000
  while (approved.size === before && performance.now() < giveUpAt) await pause(10)
}

async function statusOfAll(origin: string, asked: Map<string, App>) {
  const states = new Map<string, RequestStatus>()
  for (const [id, app] of asked) states.set(id, await statusOf(origin, app, id))
  return states
}

async function everyTokenArrives(origin: string, { asked }: Log) {
  const waiting = new Map(asked)
  const giveUpAt = performance.now() + SETTLE_MS
  for (;;) {
    for (const [id, app] of waiting) {
      const { delivery } = await statusOf(origin, app, id)
      if (!delivery || delivery.status === 'delivered') waiting.delete(id)
      else if (performance.now() > giveUpAt)
        assert.fail(`${id} was not delivered: ${JSON.stringify(delivery)}`)
    }
    if (waiting.size === 0) return
    await pause(250)
  }
}

/** What was answered is so, and what is so is whole: decision, token and delivery are there together, or none is. */
function assertEachIsWhole(store: DatabaseSync, states: Map<string, RequestStatus>, log: Log) {
  const count = (table: string, id: string) =>
    store.prepare(`select count(*) as rows from ${table} where request_id = ?`).get(id)?.rows
  for (const id of log.approved) assert.equal(states.get(id)?.status, 'approved', id)
  for (const id of log.rejected) assert.equal(states.get(id)?.status, 'rejected', id)
  for (const [id, { status, delivery, timeline }] of states) {
    const isApproved = status === 'approved'
    assert.equal(delivery?.status ?? 'none', isApproved ? 'delivered' : 'none', id)
    assert.equal(count('tokens', id), isApproved ? 1 : 0, id)
    assert.equal(count('deliveries', id), isApproved ? 1 : 0, id)
    assert.equal(count('decisions', id), status === 'pending' ? 0 : 1, id)
    const events = timeline.map(({ event }) => event)
    assert.equal(events.filter((event) => event === status).length, status === 'pending' ? 0 : 1, id)
    assert.equal(events.filter((event) => event === 'token_delivered').length, isApproved ? 1 : 0, id)
  }
  const others = store
    .prepare('select id from token_requests')
    .all()
    .filter(({ id }) => !states.has(String(id)))
  // An ask whose answer was lost is asked again and answered with the same request: none is left behind, but for the last.
  assert.ok(others.length <= CLIENTS, `${others.length} requests were opened that nobody was told of`)
  assert.equal(store.prepare('select count(*) as rows from delivery_payloads').get()?.rows, 0)
}

/** All posts of a delivery carry the same bytes, whose token is the one in the store, and one of them was taken. */
function assertOneTokenEach(
  store: DatabaseSync,
  states: Map<string, RequestStatus>,
  posts: Post[],
  accounts: { app: App }[],
) {
  const byDelivery = Map.groupBy(posts, ({ id }) => id)
  const secretOf = new Map(accounts.map(({ app }) => [app.client_id, app.signing_secret]))
  const tokens = new Set<string>()
  for (const [requestId, { status, delivery }] of states) {
    if (status !== 'approved') continue
    const ofOne = byDelivery.get(delivery?.id ?? '') ?? []
    assert.ok(
      ofOne.some(({ isTaken }) => isTaken),
      `${requestId} never reached the receiver`,
    )
    assert.equal(new Set(ofOne.map(({ body }) => body)).size, 1, `${requestId} was sent in different words`)
    for (const { body, id, timestamp, signature, clientId } of ofOne) {
      const webhook = new Webhook(secretOf.get(clientId) ?? '')
      webhook.verify(body, {
        'webhook-id': id,
        'webhook-timestamp': timestamp,
        'webhook-signature': signature,
      })
    }
    const token = JSON.parse(ofOne[0]?.body ?? '').access_token as string
    const row = store.prepare('select hash from tokens where request_id = ?').get(requestId)
    const hash = createHash('sha256').update(token).digest()
    assert.deepEqual(
      Buffer.from(row?.hash as Uint8Array),
      hash,
      `${requestId} has another token in the store`,
    )
    assert.ok(!tokens.has(token), 'two requests have one token')
    tokens.add(token)
  }
}

const attemptsIn = (store: DatabaseSync) =>
  store
    .prepare('select number, state from delivery_attempts order by number')
    .all()
    .map((row) => ({ ...row }))

interface Post {
  id: string
  timestamp: string
  signature: string
  clientId: string
  body: string
  isTaken: boolean
}

async function readPost(http: IncomingMessage): Promise<Post> {
  const parts: Buffer[] = []
  for await (const part of http) parts.push(part)
  const body = Buffer.concat(parts).toString('utf8')
  return {
    id: String(http.headers['webhook-id']),
    timestamp: String(http.headers['webhook-timestamp']),
    signature: String(http.headers['webhook-signature']),
    clientId: JSON.parse(body).client_id,
    body,
    isTaken: false,
  }
}

async function listen(handle: (http: IncomingMessage, response: ServerResponse) => Promise<void>) {
  // A sender that is killed leaves a body half sent, which is not of interest here.
  const server = createServer((http, response) => void handle(http, response).catch(() => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/**
 * Is slow at times, and now and then breaks the connection or answers 503; the latter two only to the first attempt of a
 * delivery, since the waits after later ones are longer than this test.
 */
async function startUnsteadyReceiver(
  random: () => number,
  { isFirstAttempt, onPost }: { isFirstAttempt: (issuedAt: number) => boolean; onPost: () => void },
) {
  const posts: Post[] = []
  const known = new Set<string>()
  const server = await listen(async (http, response) => {
    const post = await readPost(http)
    const isFirst = !known.has(post.id) && isFirstAttempt(Number(JSON.parse(post.body).issued_at))
    posts.push(post)
    known.add(post.id)
    onPost()
    const chance = random()
    if (isFirst && chance < 0.04) {
      http.socket.destroy()
    } else if (isFirst && chance < 0.08) {
      response.writeHead(503).end('not now')
    } else {
      if (chance < 0.4) await pause(random() * 700)
      response.once('finish', () => {
        post.isTaken = true
      })
      response.end('ok')
    }
  })
  return Object.assign(server, { posts })
}

/** Answers when it is told to. */
async function startHoldingReceiver() {
  const posts: Post[] = []
  const held: ServerResponse[] = []
  const waiting: ((response: ServerResponse) => void)[] = []
  const server = await listen(async (http, response) => {
    posts.push(await readPost(http))
    const wake = waiting.shift()
    if (wake) wake(response)
    else held.push(response)
  })
  return Object.assign(server, {
    posts,
    next: () =>
      new Promise<ServerResponse>((resolve) => {
        const response = held.shift()
        if (response) resolve(response)
        else waiting.push(resolve)
      }),
  })
}

async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), 'countersign-faults-'))
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

async function eventually(isSo: () => Promise<boolean>, limitMs = 40_000) {
  const giveUpAt = performance.now() + limitMs
  while (!(await isSo())) {
    assert.ok(performance.now() < giveUpAt, `${isSo} did not come about`)
    await pause(50)
  }
}

/** A small generator of random numbers with a seed (mulberry32). */
function randomFrom(seed: number) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
