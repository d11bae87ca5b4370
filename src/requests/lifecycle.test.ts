import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import fc from 'fast-check'
import { DAY, HOUR, MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { jsonLog } from '#base/log.ts'
import { createVault } from '#base/seal.ts'
import { readScopes } from '#clients/catalogue.ts'
import { registerClient } from '#clients/register.ts'
import type { Client } from '#clients/store.ts'
import { createPolicy } from '#outbound/policy.ts'
import { startWorker } from '#outbox/worker.ts'
import { upstoxPayload } from '#protocols/upstox/payload.ts'
import { sql } from '#store/sql.ts'
import { openSigningKeys } from '#tokens/keys.ts'
import { enrol, enrolmentOptions } from '#users/enrol.ts'
import { addUser } from '#users/users.ts'
import { createPasskey } from '../../demo/passkey.ts'
import { heldClock } from '../../test/support/server.ts'
import { startStore } from '../../test/support/store.ts'
import { approveRequest } from './approve.ts'
import { verifyEvidence } from './evidence.ts'
import { expireHandler } from './expire.ts'
import { openRequest } from './open.ts'
import { rejectRequest } from './reject.ts'
import { reviewRequest } from './review.ts'
import { type RequestState, SETTLED } from './state.ts'
import { evidenceOf, expireRequestRow, requestById, settleRequest } from './store.ts'
import { withdrawRequest } from './withdraw.ts'

type Stage = Awaited<ReturnType<typeof setStage>>
let stage: Stage
before(async () => {
  stage = await setStage()
})
after(() => stage.db[Symbol.asyncDispose]())

/** How long a page may stand open before its signature is refused. */
const REVIEW_LIFE_MS = 10 * MINUTE

// The model: what a request is to the world, kept as simply as it can be.

interface ModelRequest {
  id: string
  client: number
  expiresAt: number
  state: RequestState
  decidedBy: 'user' | null
  /** A page that was opened, with the answer of the passkey: good once, for ten minutes. */
  review?: { options: Awaited<ReturnType<typeof reviewRequest>>['options']; openedAt: number } | undefined
}
interface Model {
  /** How its user stands to each app. */
  standings: Record<number, { rejections: number; pausedUntil: number }>
  requests: ModelRequest[]
}
interface Real {
  user: Awaited<ReturnType<Stage['addUser']>>
  clients: Client[]
}

/** What each step must come to, by the model alone: a refusal's code and the state it names, or nothing. */
const refusalOf = (request: ModelRequest): { code: string; state?: string } | undefined => {
  settleByTime(request)
  return request.state === 'pending' ? undefined : { code: 'request_settled', state: request.state }
}
function settleByTime(request: ModelRequest) {
  if (request.state === 'pending' && request.expiresAt <= stage.now()) request.state = 'expired'
}

async function agrees(act: () => Promise<unknown>, expected: { code: string; state?: string } | undefined) {
  const outcome = await act().then(
    () => undefined,
    (fault: unknown) => {
      if (!(fault instanceof Refusal)) throw fault
      return { code: fault.code, ...('state' in fault.facts ? { state: fault.facts.state } : {}) }
    },
  )
  if (outcome) refusalsSeen.add(outcome.code)
  assert.deepEqual(outcome, expected)
}
const refusalsSeen = new Set<string>()

type Command = fc.AsyncCommand<Model, Real>

class Ask implements Command {
  readonly client: number
  readonly lifeMs: number
  constructor(client: number, lifeMs: number) {
    this.client = client
    this.lifeMs = lifeMs
  }
  check = () => true
  async run(model: Model, real: Real) {
    model.requests.forEach(settleByTime)
    const open = model.requests.find(({ client, state }) => client === this.client && state === 'pending')
    const standing = model.standings[this.client]
    const ask = () => stage.ask(real.user.id, real.clients[this.client] as Client, this.lifeMs)
    if (!open && standing && standing.pausedUntil > stage.now()) return agrees(ask, { code: 'asks_paused' })
    const asked = await ask()
    assert.equal(asked.isNew, open === undefined)
    if (open) assert.equal(asked.request.id, open.id)
    else {
      const { id, expiresAt } = asked.request
      assert.ok(!model.requests.some((each) => each.id === id))
      model.requests.push({ id, client: this.client, expiresAt, state: 'pending', decidedBy: null })
    }
  }
  toString = () => `ask(app ${this.client}, ${this.lifeMs / MINUTE} min)`
}

/** A step on one of the requests that there are by then. */
abstract class Step implements Command {
  readonly nth: number
  constructor(nth: number) {
    this.nth = nth
  }
  check = ({ requests }: Readonly<Model>) => requests.length > 0
  async run(model: Model, real: Real) {
    const { requests } = model
    // The newest are the likeliest to be open.
    await this.act(requests.at(-1 - (this.nth % requests.length)) as ModelRequest, real, model)
  }
  abstract act(request: ModelRequest, real: Real, model: Model): Promise<void>
  toString = () => `${this.constructor.name}(${this.nth})`
}

class Review extends Step {
  async act(request: ModelRequest, { user }: Real) {
    await agrees(async () => {
      const { options } = await reviewRequest(stage.context, user.id, request.id)
      request.review = { options, openedAt: stage.now() }
    }, refusalOf(request))
  }
}

class Approve extends Step {
  async act(request: ModelRequest, { user }: Real, { standings }: Model) {
    const { review } = request
    if (!review) return
    const isStale = review.openedAt + REVIEW_LIFE_MS <= stage.now()
    const expected = refusalOf(request) ?? (isStale ? { code: 'review_expired' } : undefined)
    // Signed now: a passkey counts its signatures, and one that comes out of order is taken for a copy's.
    await agrees(() => stage.approve(user.id, request.id, user.sign(review.options)), expected)
    if (expected) return
    request.state = 'approved'
    request.decidedBy = 'user'
    delete standings[request.client]
  }
}

/** How long an app must leave its user alone after so many rejections in a row. */
const pauseAfter = (rejections: number) => (rejections < 2 ? 0 : ([15 * MINUTE, HOUR][rejections - 2] ?? DAY))

class Reject extends Step {
  async act(request: ModelRequest, { user }: Real, { standings }: Model) {
    const expected = refusalOf(request)
    await agrees(() => rejectRequest(stage.context, user.id, request.id, 'web', null), expected)
    if (expected) return
    request.state = 'rejected'
    request.decidedBy = 'user'
    const rejections = (standings[request.client]?.rejections ?? 0) + 1
    standings[request.client] = { rejections, pausedUntil: stage.now() + pauseAfter(rejections) }
  }
}

/** An app that asks and is refused, over and over. */
class AskAndReject extends Ask {
  override async run(model: Model, real: Real) {
    await super.run(model, real)
    await new Reject(0).run(model, real)
  }
  override toString = () => `ask(app ${this.client}) and reject`
}

class Withdraw extends Step {
  async act(request: ModelRequest, { clients }: Real) {
    const expected = refusalOf(request)
    const client = clients[request.client] as Client
    await agrees(() => withdrawRequest(stage.context, client.id, request.id), expected)
    if (!expected) request.state = 'withdrawn'
  }
}

/** Opens a page and leaves it open for too long. */
class ReviewThenLinger extends Review {
  override async act(request: ModelRequest, real: Real) {
    await super.act(request, real)
    stage.clock.forward(REVIEW_LIFE_MS)
  }
}

class Wait implements Command {
  readonly ms: number
  constructor(ms: number) {
    this.ms = ms
  }
  check = () => true
  async run() {
    stage.clock.forward(this.ms)
  }
  toString = () => `wait(${this.ms} ms)`
}

/** The worker that ends requests comes by; a request reads as expired just the same when it does not. */
class Expire implements Command {
  check = () => true
  async run(model: Model) {
    await stage.expireWhatIsDue()
    model.requests.forEach(settleByTime)
    for (const { id, state } of model.requests) assert.equal((await requestById(stage.db, id))?.state, state)
  }
  toString = () => 'expire'
}

const commands = [
  fc.tuple(fc.nat({ max: 1 }), fc.constantFrom(MINUTE, 30 * MINUTE, DAY)).map((each) => new Ask(...each)),
  fc.nat({ max: 5 }).map((nth) => new Review(nth)),
  fc.nat({ max: 5 }).map((nth) => new Review(nth)),
  fc.nat({ max: 3 }).map((nth) => new ReviewThenLinger(nth)),
  fc.nat({ max: 3 }).map((nth) => new Approve(nth)),
  fc.nat({ max: 3 }).map((nth) => new Approve(nth)),
  fc.nat({ max: 5 }).map((nth) => new Reject(nth)),
  fc.nat({ max: 1 }).map((client) => new AskAndReject(client, DAY)),
  fc.nat({ max: 1 }).map((client) => new AskAndReject(client, DAY)),
  fc.nat({ max: 5 }).map((nth) => new Withdraw(nth)),
  fc.constantFrom(0, 1, MINUTE - 1, MINUTE, 10 * MINUTE, HOUR, DAY).map((ms) => new Wait(ms)),
  fc.constant(new Expire()),
]

/** What chance might leave out: each way out of pending, and each refusal. */
const EVERY_WAY = [
  new Ask(0, DAY),
  new Review(0),
  new Approve(0),
  new Approve(0),
  new Ask(0, DAY),
  new Withdraw(0),
  new Ask(0, MINUTE),
  new Wait(MINUTE),
  new Expire(),
  new Ask(0, DAY),
  new ReviewThenLinger(0),
  new Approve(0),
  new Reject(0),
  new AskAndReject(0, DAY),
  new Ask(0, DAY),
  new Ask(1, DAY),
]

test('whatever is done in whatever order, a request goes one way out of pending, and none back', async () => {
  const ways = new Set<RequestState>()
  const go = async (steps: Iterable<Command>) => {
    const model: Model = { requests: [], standings: {} }
    const user = await stage.addUser()
    const real: Real = { user, clients: [await stage.addApp(user.id), await stage.addApp(user.id)] }
    const checked = [...steps].map((step) => new Checked(step))
    await fc.asyncModelRun(() => ({ model, real }), checked)
    for (const { state } of model.requests) ways.add(state)
  }
  await go(EVERY_WAY)
  await fc.assert(fc.asyncProperty(fc.commands(commands, { size: '+1', maxCommands: 60 }), go), {
    numRuns: 60,
  })
  assert.deepEqual([...ways].sort(), ['pending', ...SETTLED].sort(), 'each way out was gone')
  assert.deepEqual([...refusalsSeen].sort(), ['asks_paused', 'request_settled', 'review_expired'])
})

/** A step, after which the store and the model must say the same of every request there is. */
class Checked implements Command {
  readonly step: Command
  constructor(step: Command) {
    this.step = step
  }
  check = (model: Readonly<Model>) => this.step.check(model)
  async run(model: Model, real: Real) {
    await this.step.run(model, real)
    model.requests.forEach(settleByTime)
    for (const request of model.requests) await assertSame(request, real)
  }
  toString = () => String(this.step)
}

async function assertSame({ id, state, expiresAt, decidedBy }: ModelRequest, { user }: Real) {
  const row = await requestById(stage.db, id)
  // Nobody need have noticed yet that its time is over.
  const isUnnoticed = state === 'expired' && row?.state === 'pending'
  if (!isUnnoticed) assert.equal(row?.state, state, id)
  if (row?.state === 'expired') assert.equal(row.settledAt, expiresAt)

  const isApproved = state === 'approved'
  const counts = await stage.countsOf(id)
  const settledEvents = state === 'pending' || isUnnoticed ? 0 : 1
  assert.deepEqual(counts, {
    tokens: isApproved ? 1 : 0,
    deliveries: isApproved ? 1 : 0,
    payloads: isApproved ? 1 : 0,
    jobs: isApproved ? 1 : 0,
    decisions: decidedBy === 'user' ? 1 : 0,
    settledEvents,
  })
  const evidence = await evidenceOf(stage.db, id, user.id)
  assert.equal(evidence !== undefined, isApproved)
}

test('what an approval leaves behind proves it: the evidence verifies', async () => {
  const { user, id } = await stage.openOne()
  await stage.approve(user.id, id, await stage.sign(user, id))
  const verdict = await verifyEvidence((await evidenceOf(stage.db, id, user.id)) ?? '')
  assert.equal(verdict.approval.request_id, id)
})

test('of all who settle a request at the same moment exactly one wins, and the others are told who', async () => {
  const rival = fc.record({
    way: fc.constantFrom('approve', 'approve again', 'reject', 'withdraw', 'expire'),
    turnsLater: fc.nat({ max: 6 }),
  })
  const rivals = fc.uniqueArray(rival, { minLength: 2, maxLength: 5, selector: ({ way }) => way })
  const winners = new Set<string>()
  await fc.assert(
    fc.asyncProperty(rivals, fc.constantFrom(-1, 0, HOUR), async (each, msBeforeEnd) => {
      const { user, client, id, expiresAt } = await stage.openOne()
      const credentials = [await stage.sign(user, id), await stage.sign(user, id)]
      stage.clock.moveTo(expiresAt - msBeforeEnd)
      const acts = {
        approve: () => stage.approve(user.id, id, credentials[0] as AuthenticationResponseJSON),
        'approve again': () => stage.approve(user.id, id, credentials[1] as AuthenticationResponseJSON),
        reject: () => rejectRequest(stage.context, user.id, id, 'web', null),
        withdraw: () => withdrawRequest(stage.context, client.id, id),
        expire: () => stage.expireWhatIsDue(),
      }
      const outcomes = await Promise.allSettled(
        each.map(async ({ way, turnsLater }) => {
          for (let turn = 0; turn < turnsLater; turn += 1) await nextTurn()
          await acts[way as keyof typeof acts]()
          return way
        }),
      )
      await stage.expireWhatIsDue()

      const state = (await requestById(stage.db, id))?.state ?? 'none'
      const won = outcomes.flatMap((each) =>
        each.status === 'fulfilled' && each.value !== 'expire' ? [each.value] : [],
      )
      for (const outcome of outcomes) {
        if (outcome.status === 'fulfilled') continue
        const { reason } = outcome
        assert.ok(reason instanceof Refusal, String(reason))
        assert.equal(reason.code, 'request_settled')
        assert.equal(reason.facts.state, state)
      }
      const isOver = msBeforeEnd <= 0
      const isContested = each.some(({ way }) => way !== 'expire')
      assert.equal(won.length, isOver || !isContested ? 0 : 1, `${won} won`)
      const way = {
        approve: 'approved',
        'approve again': 'approved',
        reject: 'rejected',
        withdraw: 'withdrawn',
      }
      const expected = won[0] ? way[won[0] as keyof typeof way] : isOver ? 'expired' : 'pending'
      assert.equal(state, expected)
      winners.add(state)
      const { tokens, deliveries } = await stage.countsOf(id)
      assert.deepEqual([tokens, deliveries], state === 'approved' ? [1, 1] : [0, 0])
    }),
    { numRuns: 150 },
  )
  assert.deepEqual([...winners].sort(), [...SETTLED].sort(), 'each of them won at times')
})

test('the statement that settles takes only what is pending and not over, whoever calls it', async () => {
  const { id, expiresAt } = await stage.openOne()
  const settle = (to: 'approved' | 'rejected' | 'withdrawn', at: number) =>
    stage.db.transaction((tx) => settleRequest(tx, id, to, at))
  assert.equal(await settle('approved', expiresAt), undefined)
  assert.equal((await settle('rejected', expiresAt - 1))?.id, id)
  for (const to of ['approved', 'rejected', 'withdrawn'] as const) {
    assert.equal(await settle(to, expiresAt - 1), undefined)
  }
  const late = await stage.db.transaction((tx) => expireRequestRow(tx, id, expiresAt))
  assert.equal(late, undefined)
  assert.equal((await requestById(stage.db, id))?.state, 'rejected')
})

test('a signature is good for ten minutes after the page was opened', async () => {
  const { user, id } = await stage.openOne(DAY)
  const credential = await stage.sign(user, id)
  stage.clock.forward(REVIEW_LIFE_MS)
  await agrees(() => stage.approve(user.id, id, credential), { code: 'review_expired' })

  const second = await stage.sign(user, id)
  stage.clock.forward(REVIEW_LIFE_MS - 1)
  await agrees(() => stage.approve(user.id, id, second), undefined)
})

test('asks at the same moment are one request', async () => {
  const user = await stage.addUser()
  const client = await stage.addApp(user.id)
  const asked = await Promise.all(Array.from({ length: 20 }, () => stage.ask(user.id, client, DAY)))
  assert.equal(new Set(asked.map(({ request }) => request.id)).size, 1)
  assert.equal(asked.filter(({ isNew }) => isNew).length, 1)
})

test('an ask after the end of the last one is a new request, whether or not the end was noticed', async () => {
  for (const isNoticed of [true, false]) {
    const { user, client, id, expiresAt } = await stage.openOne()
    stage.clock.moveTo(expiresAt)
    if (isNoticed) await stage.expireWhatIsDue()
    const { request, isNew } = await stage.ask(user.id, client, DAY)
    assert.equal(isNew, true)
    assert.notEqual(request.id, id)
    assert.equal((await requestById(stage.db, id))?.state, 'expired')
    await stage.expireWhatIsDue()
    assert.equal((await stage.countsOf(id)).settledEvents, 1)
  }
})

test('what the rules forbid, the store itself refuses', async () => {
  const { user, client, id } = await stage.openOne()
  const refused = (statement: ReturnType<typeof sql>) =>
    assert.rejects(
      stage.db.transaction((tx) => tx.run(statement)),
      /constraint/i,
    )

  await refused(sql`update token_requests set state = 'approved' where id = ${id}`)
  await refused(sql`update token_requests set settled_at = 1 where id = ${id}`)
  await refused(sql`update token_requests set state = 'granted', settled_at = 1 where id = ${id}`)
  await refused(sql`update token_requests set expires_at = requested_at where id = ${id}`)
  await refused(sql`
    insert into token_requests (id, client_id, user_id, protocol, delivery, state, fold, requested_at, expires_at,
                                token_expires_at)
    values ('req_second', ${client.id}, ${user.id}, 'upstox', 'notifier', 'pending', 'upstox', 1, 2, 2)`)
  await refused(sql`
    insert into decisions (request_id, user_id, decision, channel, evidence, decided_at)
    values (${id}, ${user.id}, 'approved', 'web', null, 1)`)

  await stage.approve(user.id, id, await stage.sign(user, id))
  await refused(sql`update token_requests set state = 'pending' where id = ${id}`)
  await refused(sql`update token_requests set settled_at = null where id = ${id}`)
  await refused(sql`
    insert into tokens (id, hash, request_id, client_id, user_id, state, issued_at, expires_at)
    values ('tok_second', ${randomBytes(32)}, ${id}, ${client.id}, ${user.id}, 'active', 1, 2)`)
  await refused(sql`
    insert into deliveries (id, request_id, client_id, user_id, kind, token_id, url, state, expires_at, created_at)
    values ('dlv_second', ${id}, ${client.id}, ${user.id}, 'token', 'tok_second', 'https://a.example', 'queued', 2, 1)`)
  await refused(sql`
    insert into decisions (request_id, user_id, decision, channel, evidence, decided_at)
    values (${id}, ${user.id}, 'rejected', 'web', null, 1)`)
  await refused(sql`update tokens set state = 'revoked' where request_id = ${id}`)
  await refused(sql`update deliveries set state = 'delivered' where request_id = ${id}`)
})

/** The operations on a real store, with a clock that is held and people whose passkeys are software. */
async function setStage() {
  const db = await startStore()
  const clock = heldClock()
  const { now } = clock
  const vault = createVault(randomBytes(32))
  const site = { origin: 'http://localhost:8080', rpId: 'localhost' }
  const context = {
    db,
    now,
    vault,
    site,
    urlPolicy: createPolicy({ isOpen: true }),
    profile: 'core' as const,
    issuer: {
      issuer: site.origin,
      audience: site.origin,
      audiences: [site.origin],
      keys: await openSigningKeys({ db, now, vault, log: jsonLog(() => {}) }),
    },
    catalogue: { scopes: readScopes(), details: new Map() },
    payloads: { upstox: upstoxPayload },
  }
  let people = 0

  async function addPerson() {
    people += 1
    const { userId, enrolmentUrl } = await addUser(context, { handle: `person-${people}`, by: 'admin_key' })
    const token = new URL(enrolmentUrl).hash.slice(1)
    const passkey = createPasskey(site.origin)
    const { options } = await enrolmentOptions(context, token)
    const answer = passkey.register({ ...options }) as unknown as RegistrationResponseJSON
    await enrol(context, token, answer, 'Test passkey', { userAgent: null, address: null })
    const sign = (options: object) => passkey.assert({ ...options }) as unknown as AuthenticationResponseJSON
    return { id: userId, sign }
  }
  type User = Awaited<ReturnType<typeof addPerson>>

  const addApp = async (userId: string) => {
    const form = {
      kind: 'individual',
      userId,
      name: 'App',
      notifierUrl: 'http://127.0.0.1:9/',
      actor: 'user',
    } as const
    return (await registerClient(context, form)).client
  }
  const ask = (userId: string, client: Client, lifeMs: number) =>
    openRequest(context, {
      client,
      userId,
      protocol: 'upstox',
      delivery: 'notifier',
      fold: 'upstox',
      reason: null,
      address: null,
      expiresAt: now() + lifeMs,
      tokenExpiresAt: now() + lifeMs,
    })

  return {
    db,
    clock,
    now,
    context,
    addUser: addPerson,
    addApp,
    ask,
    sign: async (user: User, id: string) => user.sign((await reviewRequest(context, user.id, id)).options),
    approve: (userId: string, id: string, credential: AuthenticationResponseJSON) =>
      approveRequest(context, userId, id, credential, null),
    async openOne(lifeMs = 5 * MINUTE) {
      const user = await addPerson()
      const client = await addApp(user.id)
      const { request } = await ask(user.id, client, lifeMs)
      return { user, client, id: request.id, expiresAt: request.expiresAt }
    },
    /** One look of the worker that ends requests. */
    async expireWhatIsDue() {
      const worker = startWorker({ db, now, log: jsonLog(() => {}) }, 'expire', expireHandler({ now }))
      await worker.stop()
    },
    async countsOf(id: string) {
      const [counts] = await db.read<Record<string, number>>(sql`
        select (select count(*) from tokens where request_id = ${id}) as tokens,
               (select count(*) from deliveries where request_id = ${id}) as deliveries,
               (select count(*) from delivery_payloads
                  join deliveries on deliveries.id = delivery_id where request_id = ${id}) as payloads,
               (select count(*) from outbox
                  join deliveries on deliveries.id = ref and outbox.kind = 'deliver' where request_id = ${id}) as jobs,
               (select count(*) from decisions where request_id = ${id}) as decisions,
               (select count(*) from events
                 where request_id = ${id} and kind in ('approved', 'rejected', 'withdrawn', 'expired')) as settled_events`)
      return counts ?? {}
    },
  }
}
