import { HOUR, MINUTE, SECOND } from '#base/clock.ts'
import { deliverHandler } from '#deliveries/deliver.ts'
import { nextAttemptAt, retryAfter } from '#deliveries/schedule.ts'
import { createLanes } from '#outbox/lanes.ts'

/** The real numbers: slots, slots of a lane, deadline, breaker. Nothing of a context is read before an attempt begins. */
const { slots, laneSlots, deadlineMs, breaker } = deliverHandler({} as Parameters<typeof deliverHandler>[0])
/** The lease of an attempt outlasts it by so much (src/outbox/worker.ts). */
const LEASE_MARGIN_MS = 5 * SECOND
/** Of a core, what work may take before answers become slow. */
export const USABLE = 0.8
/** People whose approval found the database down try again within so many seconds. */
const COME_BACK_S = 60
const FORGET_AFTER = 10_000

export const MORNING = { from: 3.5 * 3_600, to: 9.25 * 3_600 } as const

/** Whoever takes tokens: so large a share of all users'. */
export interface Receiver {
  name: string
  share: number
  /** One app, and so one lane; otherwise each of its users has an app of their own, and so a lane. */
  isOneLane: boolean
  answerMs: number
}

/** Seconds since midnight. A receiver that is down takes calls and never answers, or answers this. */
export interface Outage {
  from: number
  to: number
  /** Undefined: the database. */
  receiver?: string
  answer?: { afterMs: number; retryAfter?: string }
}

export interface RushOptions {
  users: number
  nodes: number
  receivers: Receiver[]
  outages?: Outage[]
  /** Processor time in microseconds, from units.json. */
  cpu: { flow: number; deliver: number; database: number }
  databaseCores: number
  random: () => number
}

interface Batch {
  /** When they were approved. */
  at: number
  attempt: number
  count: number
}

interface Hanging {
  endsAt: number
  lane: Lane
  batch: Batch
}

interface Lane extends Receiver {
  /** In the order in which they came due; those before `head` are taken. */
  due: Batch[]
  head: number
  waiting: number
  /** Delivered in the second before. */
  lastSecond: number
}

/** What a minute saw. */
export interface Minute {
  at: number
  /** Approvals that wait for a server to take them. */
  asked: number
  /** Deliveries that are owed, by receiver. */
  backlog: Record<string, number>
  /** From the approval to the delivery, 99 of 100 deliveries of that minute, by receiver, in seconds. */
  p99: Record<string, number>
}

export interface Rush {
  minutes: Minute[]
  owed: number
  delivered: number
  givenUp: number
  /** Posts that had to be made once more, since the database could not note that they had arrived. */
  twice: number
  failedAttempts: number
  endedAt: number
  longest: Record<string, number>
}

/**
 * A morning of users who each approve one request, second by second: who is admitted, what the outbox owes, and how late
 * it comes. Successful posts are counted as a flow, failed ones one by one, by the outbox's own lanes and schedule.
 */
export function simulateRush({ users, nodes, receivers, outages = [], ...rest }: RushOptions): Rush {
  const { cpu, databaseCores, random } = rest
  let t: number = MORNING.from
  const lanes: Lane[] = receivers.map((receiver) => ({
    ...receiver,
    due: [],
    head: 0,
    waiting: 0,
    lastSecond: 0,
  }))
  const workers = Array.from({ length: nodes }, () => ({
    lanes: createLanes({ most: laneSlots, breaker, now: () => t * SECOND }),
    hanging: [] as Hanging[],
  }))
  const again = new Map<number, Map<string, { lane: Lane; batch: Batch }>>()
  const returning = new Map<number, number>()
  const minute = new Map<string, Map<number, number>>()
  const found: Rush = {
    minutes: [],
    owed: 0,
    delivered: 0,
    givenUp: 0,
    twice: 0,
    failedAttempts: 0,
    endedAt: 0,
    longest: Object.fromEntries(lanes.map(({ name }) => [name, 0])),
  }
  let asked = 0
  /** Token and delivery end at the next 03:30 (the protocol's rule). */
  const expiresAt = (MORNING.from + 24 * 3_600) * SECOND
  const flowsASecond = Math.min(
    (nodes * USABLE * 1e6) / cpu.flow,
    (databaseCores * USABLE * 1e6) / cpu.database,
  )
  const outageOf = (receiver: string | undefined) =>
    outages.find((each) => each.receiver === receiver && each.from <= t && t < each.to)

  for (; t * SECOND < expiresAt; t += 1) {
    const isDatabaseDown = outageOf(undefined) !== undefined
    for (const { lane, batch } of again.get(t)?.values() ?? []) put(lane, batch)
    again.delete(t)
    asked += arrivals(users, t, random) + (returning.get(t) ?? 0)
    if (isDatabaseDown) comeBackLater()
    else {
      const admitted = Math.min(asked, rounded(flowsASecond))
      asked -= admitted
      owe(admitted)
      for (const lane of lanes) lane.lastSecond = 0
      for (const worker of workers) {
        end(worker)
        dispatch(worker, admitted)
      }
    }
    if (t % 60 === 59) note()
    if (t > MORNING.to && asked === 0 && found.delivered + found.givenUp === found.owed) break
  }
  note()
  found.endedAt = t
  // What outlives its token is given up when it is next looked at.
  for (const { waiting } of lanes) found.givenUp += waiting
  for (const { batch } of owedLater()) found.givenUp += batch.count
  return found

  /** A rate as whole numbers, so that they add up to it. */
  function rounded(rate: number) {
    return Math.floor(rate * (t + 1)) - Math.floor(rate * t)
  }

  function comeBackLater() {
    const outage = outageOf(undefined)
    for (; asked > 0; asked -= 1) {
      const at = (outage?.to ?? t) + Math.floor(random() * COME_BACK_S)
      returning.set(at, (returning.get(at) ?? 0) + 1)
    }
    if (outage?.from !== t) return
    // What was on its way arrived, but nobody can note it: when its lease is over it is posted again.
    const lease = Math.ceil((deadlineMs + LEASE_MARGIN_MS) / SECOND)
    for (const lane of lanes) {
      const underWay = Math.round(lane.lastSecond * Math.min(1, lane.answerMs / SECOND))
      if (underWay === 0) continue
      found.delivered -= underWay
      found.twice += underWay
      later(outage.to + lease, lane, { at: t - 1, attempt: 2, count: underWay })
    }
  }

  function owe(admitted: number) {
    let left = admitted
    for (const lane of lanes) {
      const count = lane === lanes.at(-1) ? left : Math.min(left, rounded(admitted * lane.share))
      left -= count
      found.owed += count
      put(lane, { at: t, attempt: 1, count })
    }
  }

  function put(lane: Lane, batch: Batch) {
    if (batch.count === 0) return
    lane.due.push(batch)
    lane.waiting += batch.count
  }

  function take(lane: Lane, count: number): Batch[] {
    const taken: Batch[] = []
    let left = Math.min(count, lane.waiting)
    lane.waiting -= left
    while (left > 0) {
      const first = lane.due[lane.head] as Batch
      const part = Math.min(left, first.count)
      taken.push({ ...first, count: part })
      first.count -= part
      left -= part
      if (first.count === 0) lane.head += 1
    }
    if (lane.head > FORGET_AFTER) {
      lane.due.splice(0, lane.head)
      lane.head = 0
    }
    return taken
  }

  function later(at: number, lane: Lane, batch: Batch) {
    const all = again.get(at) ?? new Map<string, { lane: Lane; batch: Batch }>()
    const key = `${lane.name} ${batch.at} ${batch.attempt}`
    const known = all.get(key)
    if (known) known.batch.count += batch.count
    else all.set(key, { lane, batch: { ...batch } })
    again.set(at, all)
  }

  /** Failed attempts whose time is over: each is tried again by the schedule, or given up. */
  function end(worker: (typeof workers)[number]) {
    const over = worker.hanging.filter(({ endsAt }) => endsAt <= t)
    if (over.length === 0) return
    worker.hanging = worker.hanging.filter(({ endsAt }) => endsAt > t)
    for (const { lane, batch } of over) {
      const asks = outageOf(lane.name)?.answer?.retryAfter
      const when = { now: t * SECOND, expiresAt, retryAfterMs: retryAfter(asks, t * SECOND) }
      found.failedAttempts += batch.count
      for (let each = 0; each < batch.count; each += 1) {
        if (lane.isOneLane) worker.lanes.end(lane.name, true)
        const at = nextAttemptAt(batch.attempt, when, random)
        const next = { ...batch, attempt: batch.attempt + 1, count: 1 }
        if (at === undefined) found.givenUp += 1
        else later(Math.max(t + 1, Math.ceil(at / SECOND)), lane, next)
      }
    }
  }

  /** One node's second: the oldest of each lane that has room, as far as slots and processor go. */
  function dispatch({ lanes: rooms, hanging }: (typeof workers)[number], admitted: number) {
    const spent = (admitted / nodes) * (cpu.flow - cpu.deliver)
    let posts = Math.max(0, rounded((USABLE * 1e6 - spent) / cpu.deliver))
    let free = slots - hanging.reduce((sum, { batch }) => sum + batch.count, 0)
    for (const lane of lanes.toSorted((a, b) => (a.due[a.head]?.at ?? t) - (b.due[b.head]?.at ?? t))) {
      if (lane.waiting === 0) continue
      const outage = outageOf(lane.name)
      const room = lane.isOneLane ? rooms.room(lane.name) : free
      if (outage) {
        const takeMs = outage.answer?.afterMs ?? deadlineMs
        const count = Math.min(room, free, lane.waiting, posts)
        for (const batch of take(lane, count)) {
          if (lane.isOneLane) for (let each = 0; each < batch.count; each += 1) rooms.begin(lane.name)
          hanging.push({ endsAt: t + Math.ceil(takeMs / SECOND), lane, batch })
        }
        free -= count
        posts -= count
        continue
      }
      if (room <= 0) continue
      // A probe that is taken ends the rest of its lane.
      if (lane.isOneLane) {
        rooms.begin(lane.name)
        rooms.end(lane.name, false)
      }
      const places = Math.min(lane.isOneLane ? rooms.room(lane.name) : free, free)
      const count = Math.min(rounded((places * SECOND) / lane.answerMs), posts, lane.waiting)
      // In the mean so many slots were taken for the whole second.
      free -= Math.min(free, Math.ceil((count * lane.answerMs) / SECOND))
      posts -= count
      for (const batch of take(lane, count)) deliver(lane, batch)
    }
  }

  function deliver(lane: Lane, { at, count }: Batch) {
    const [{ name }, late] = [lane, t - at]
    lane.lastSecond += count
    found.delivered += count
    found.longest[name] = Math.max(found.longest[name] ?? 0, late)
    const seen = minute.get(name) ?? new Map<number, number>()
    seen.set(late, (seen.get(late) ?? 0) + count)
    minute.set(name, seen)
  }

  /** Failed attempts that are under way, and those that will be tried again. */
  function* owedLater() {
    for (const batches of again.values()) yield* batches.values()
    for (const { hanging } of workers) yield* hanging
  }

  function note() {
    const counted = new Map<string, number>()
    for (const { lane, batch } of owedLater())
      counted.set(lane.name, (counted.get(lane.name) ?? 0) + batch.count)
    found.minutes.push({
      at: t,
      asked,
      backlog: Object.fromEntries(
        lanes.map(({ name, waiting }) => [name, waiting + (counted.get(name) ?? 0)]),
      ),
      p99: Object.fromEntries(lanes.map(({ name }) => [name, slowest(minute.get(name))])),
    })
    minute.clear()
  }
}

/** The delay that 99 of 100 do not exceed. */
function slowest(seen: Map<number, number> | undefined): number {
  if (!seen) return 0
  const sorted = [...seen].sort(([a], [b]) => b - a)
  let left = sorted.reduce((sum, [, count]) => sum + count, 0) / 100
  for (const [late, count] of sorted) {
    left -= count
    if (left <= 0) return late
  }
  return 0
}

/** The height of the morning, and how far it spreads, in seconds. */
const [PEAK_AT, SPREAD_S] = [8.75 * 3_600, 35 * 60]
/** Of all users, those who come at any time rather than before the market opens. */
const EVEN = 0.2

/**
 * How many users approve in this second: a fifth of them at any time between 03:30 and 09:15, the others around 08:45,
 * by chance around that (Poisson's law, by its normal form).
 */
function arrivals(users: number, t: number, random: () => number): number {
  if (t < MORNING.from || t >= MORNING.to) return 0
  const expected = expectedAt(users, t)
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.max(0, Math.round(expected + Math.sqrt(expected) * normal))
}

const expectedAt = (users: number, t: number) =>
  users * (EVEN / (MORNING.to - MORNING.from) + (1 - EVEN) * (bell(t) / BELL_IN_ALL))

/** Approvals a second at the height of the morning. */
export const peakRate = (users: number): number => expectedAt(users, PEAK_AT)

function bell(t: number): number {
  return Math.exp(-((t - PEAK_AT) ** 2) / (2 * SPREAD_S ** 2))
}

const BELL_IN_ALL = Array.from({ length: MORNING.to - MORNING.from }, (_, i) =>
  bell(MORNING.from + i),
).reduce((sum, each) => sum + each, 0)

/** As whole seconds. */
export const minutes = (count: number) => Math.round((count * MINUTE) / SECOND)
export const hours = (count: number) => Math.round((count * HOUR) / SECOND)
