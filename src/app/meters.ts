import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { type Clock, SECOND } from '#base/clock.ts'
import { ATTEMPT_CLASSES, type Fact } from '#base/facts.ts'
import { outboxDepth } from '#outbox/store.ts'
import type { Database } from '#store/database.ts'

export type Meters = ReturnType<typeof createMeters>

/** The store is asked at a scrape, and no more often than this, however many scrape. */
const DEPTH_FRESH_MS = 5 * SECOND

/**
 * Counts what happens in this process, for Prometheus. A child of a metric is bound to the values of its labels the
 * first time it is met, so that a fact costs a look-up and an addition. Labels have few values by their nature: no
 * user, no app, no address is ever one.
 */
export function createMeters() {
  const register = new Registry()
  const registers = [register]
  const build = new Gauge({
    name: 'countersign_build_info',
    help: 'Always 1: which release runs, on which runtime and which store.',
    labelNames: ['version', 'runtime', 'engine'],
    registers,
  })
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name, help, labelNames, registers })
  const opened = counter('countersign_requests_opened_total', 'Token requests opened.', 'protocol')
  const settled = counter(
    'countersign_requests_settled_total',
    'Token requests that ended, by how.',
    'protocol',
    'state',
  )
  const notices = counter('countersign_notices_total', 'How far messages to users came.', 'channel', 'status')
  const attempts = counter(
    'countersign_delivery_attempts_total',
    'POSTs to endpoints of clients, by the class of the answer or of the failure.',
    'class',
  )
  const deliveries = counter(
    'countersign_deliveries_settled_total',
    'Deliveries that ended, by what was delivered and how it ended.',
    'kind',
    'state',
  )
  const handedOver = new Histogram({
    name: 'countersign_token_delivery_seconds',
    help: 'From the approval to the 2xx of the endpoint that took the token.',
    buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300, 1_800, 7_200],
    registers,
  })
  const attempted = new Histogram({
    name: 'countersign_delivery_attempt_seconds',
    help: 'One POST to an endpoint, from the look-up of its name to the end of its answer.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15],
    registers,
  })
  const store = new Histogram({
    name: 'countersign_store_seconds',
    help: 'Work of the store: a query; a commit, from when a transaction is handed in until it is on disk.',
    labelNames: ['operation'],
    buckets: [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers,
  })
  const storeAway = counter(
    'countersign_store_unavailable_total',
    'Calls of the store that failed because it was away, full or locked.',
  )
  const answers = counter(
    'countersign_http_responses_total',
    'Answers to HTTP calls, by the class of their status.',
    'status',
  )

  const shed = counter(
    'countersign_http_shed_total',
    'Calls that were turned away (503) since more came than could be done: new asks, or others as well.',
    'calls',
  )

  const openedBy = bound((protocol) => opened.labels(protocol))
  const settledBy = bound((protocol, state) => settled.labels(protocol, state))
  const noticesBy = bound((channel, status) => notices.labels(channel, status))
  const attemptsBy = bound((kind) => attempts.labels(kind))
  const deliveriesBy = bound((kind, state) => deliveries.labels(kind, state))
  const query = store.labels('query')
  const commit = store.labels('commit')
  const answersBy = ['1xx', '2xx', '3xx', '4xx', '5xx'].map((status) => answers.labels(status))
  // A series that is there from the start shows its first increase.
  for (const protocol of ['upstox', 'ciba']) {
    openedBy(protocol).inc(0)
    for (const state of ['approved', 'rejected', 'expired', 'withdrawn']) settledBy(protocol, state).inc(0)
  }
  for (const each of ATTEMPT_CLASSES) attemptsBy(each).inc(0)
  for (const kind of ['token', 'push', 'push_error', 'ping'])
    for (const state of ['delivered', 'undeliverable', 'recalled']) deliveriesBy(kind, state).inc(0)
  for (const channel of ['webpush', 'whatsapp', 'http'])
    for (const status of ['sent', 'delivered', 'shown', 'failed']) noticesBy(channel, status).inc(0)
  for (const each of answersBy) each.inc(0)
  const shedAsks = shed.labels('asks')
  const shedOthers = shed.labels('others')
  for (const each of [shedAsks, shedOthers]) each.inc(0)

  return {
    count(fact: Fact) {
      switch (fact.what) {
        case 'request_opened':
          return openedBy(fact.protocol).inc()
        case 'request_settled':
          return settledBy(fact.protocol, fact.state).inc()
        case 'notice':
          return noticesBy(fact.channel, fact.status).inc()
        case 'delivery_attempt':
          if (fact.ms !== null) attempted.observe(fact.ms / SECOND)
          return attemptsBy(fact.class).inc()
        case 'delivery_settled':
          if (fact.state === 'delivered' && (fact.kind === 'token' || fact.kind === 'push')) {
            handedOver.observe(fact.ms / SECOND)
          }
          return deliveriesBy(fact.kind, fact.state).inc()
      }
    },
    store(what: 'query' | 'commit', ms: number, isAway: boolean) {
      if (what === 'query') query.observe(ms / SECOND)
      else commit.observe(ms / SECOND)
      if (isAway) storeAway.inc()
    },
    answer(status: number) {
      answersBy[Math.floor(status / 100) - 1]?.inc()
    },
    shed(isAsk: boolean) {
      if (isAsk) shedAsks.inc()
      else shedOthers.inc()
    },
    /** Looks at each scrape how many calls are under way. */
    watchCalls(underWay: () => number) {
      const calls: Gauge = new Gauge({
        name: 'countersign_http_calls_under_way',
        help: 'Calls that this process works on, those left out that wait for a person.',
        registers,
        collect: () => calls.set(underWay()),
      })
    },
    /** Says what runs, and looks at each scrape whether it is ready and what waits in the outbox. */
    begin({ db, now, version, isReady }: Begun) {
      build.labels(version, `Node.js ${process.versions.node}`, db.engine).set(1)
      watchReadiness(isReady, registers)
      watchOutbox({ db, now, registers })
    },
    /** All of it in the text format of Prometheus. */
    async render() {
      const text = await Registry.merge([register, ofProcess()]).metrics()
      return { type: register.contentType, text }
    },
  }
}

interface Begun {
  db: Database
  now: Clock
  version: string
  isReady: () => Promise<boolean>
}

function watchReadiness(isReady: () => Promise<boolean>, registers: Registry[]) {
  const ready: Gauge = new Gauge({
    name: 'countersign_ready',
    help: '1 while this process can do its work, as /readyz says it.',
    registers,
    async collect() {
      ready.set((await isReady()) ? 1 : 0)
    },
  })
}

/** How much due work waits, and for how long: of the whole store, so every node says the same. */
function watchOutbox({ db, now, registers }: { db: Database; now: Clock; registers: Registry[] }) {
  let askedAt = Number.NEGATIVE_INFINITY
  let asked = Promise.resolve<Awaited<ReturnType<typeof outboxDepth>>>([])
  const depth = () => {
    if (performance.now() - askedAt > DEPTH_FRESH_MS) {
      askedAt = performance.now()
      // A store that is away says nothing of its outbox; the rest of the metrics must come all the same.
      asked = outboxDepth(db, now()).catch(() => [])
    }
    return asked
  }
  const jobs = new Gauge({
    name: 'countersign_outbox_jobs',
    help: 'Promised work of the whole store: due and not taken (counted up to 10,000), or taken by a worker.',
    labelNames: ['kind', 'state'],
    registers,
    async collect() {
      jobs.reset()
      for (const { kind, due, leased } of await depth()) {
        jobs.set({ kind, state: 'due' }, due)
        jobs.set({ kind, state: 'leased' }, leased)
      }
    },
  })
  const age = new Gauge({
    name: 'countersign_outbox_oldest_due_seconds',
    help: 'How long the oldest work that is due has been waiting, of the whole store; 0 if none is.',
    labelNames: ['kind'],
    registers,
    async collect() {
      age.reset()
      for (const { kind, oldestDueAt } of await depth()) {
        age.set({ kind }, oldestDueAt === null ? 0 : Math.max(0, now() - oldestDueAt) / SECOND)
      }
    },
  })
}

let processRegister: Registry | undefined

/** Processor, memory, event loop, garbage: of the process, whatever runs in it. */
function ofProcess(): Registry {
  if (!processRegister) {
    processRegister = new Registry()
    collectDefaultMetrics({ register: processRegister })
  }
  return processRegister
}

/** Remembers what is made for the values of one or two labels. */
function bound<T>(bind: (first: string, second: string) => T): (first: string, second?: string) => T {
  const known = new Map<string, Map<string, T>>()
  return (first, second = '') => {
    const found = known.get(first)?.get(second)
    if (found !== undefined) return found
    const made = bind(first, second)
    known.set(first, (known.get(first) ?? new Map<string, T>()).set(second, made))
    return made
  }
}
