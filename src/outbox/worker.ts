import { type Clock, MINUTE, steadyClock } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Database, Transaction } from '#store/database.ts'
import { allOf } from '#store/share.ts'
import { type BreakerRule, createLanes } from './lanes.ts'
import { watchLeases } from './leases.ts'
import { createScan } from './scan.ts'
import {
  completeJob,
  enqueue,
  enqueueLeased,
  freeJob,
  giveBackJob,
  type Job,
  type JobKind,
  leasedJobs,
  leaseJob,
  type NewJob,
  repeatJob,
  replanJobs,
} from './store.ts'
import { gatherTurns } from './turns.ts'

/** What a handler says of a job after an attempt. */
export type Outcome = ({ done: true } | { repeatAt: number }) & {
  /** When the fault is likely to meet the whole lane. */
  isLaneFault?: boolean
  /** Writing that was begun and not waited for, so that it leaves in one message with what the worker writes. */
  writing?: Promise<unknown>
}

/** Writes down how an attempt ended. With `isLate` the lease was lost meanwhile: it may note that, and change nothing else. */
export type Finish = (tx: Transaction, isLate: boolean) => Promise<Outcome>

/** The work itself: no transaction is held while it lasts. */
export type Attempt = (signal: AbortSignal) => Promise<Finish>

export interface Handler {
  /** Jobs of this kind at a time. */
  slots: number
  /** Of these, jobs of one lane. */
  laneSlots: number
  /** Longest time one attempt may take. */
  deadlineMs: number
  breaker?: BreakerRule
  /**
   * Begins an attempt, in the transaction that takes the lease, so that "started" is on disk before the first byte
   * leaves. Undefined: there is nothing to do, the job is done. Jobs that are taken together begin side by side in one
   * transaction, and each may touch rows of its own alone.
   */
  start(tx: Transaction, job: Job): Promise<Attempt | Outcome | undefined>
}

export interface Worker {
  /** Ends the rest of a lane that kept failing, and looks for its work. */
  wakeLane(lane: string): void
  /**
   * Promises work, as `enqueue` does. Where there is room for it, it is taken and begun in the very transaction that
   * promises it, and goes ahead when that is on disk: no look and no second commit come between.
   */
  take(tx: Transaction, job: NewJob): Promise<void>
  /** Stops taking work and waits for what is under way. */
  stop(): Promise<void>
}

interface WorkerContext {
  db: Database
  now: Clock
  /** For leases and rests, which the time of day must not stretch or shorten. */
  steady?: Clock
  log: Log
}

/** The poll is the truth; hints only make it early. */
const POLL_MS = 1_000
/** A lease must outlast its attempt by this much, or a slow attempt would be done twice. */
const LEASE_MARGIN_MS = 5_000
/** After a fault of the store, wait before the next look. */
const FAULT_PAUSE_MS = 1_000
/** A job that cannot even be started is put off by this much, so that it keeps no other from being done. */
const UNSTARTABLE_PAUSE_MS = 60_000
/** How often leases are looked at. */
const WATCH_MS = 1_000
/** A clock that goes back by more was set; clocks of two nodes may differ by so much. */
const STEP_MS = MINUTE

/**
 * Does promised work of one kind, at least once. Several workers, in one process or many, share a store: a job is
 * leased to one of them at a time, and a result whose lease was lost is never applied.
 */
export function startWorker(
  { db, now, steady = steadyClock, log }: WorkerContext,
  kind: JobKind,
  handler: Handler,
): Worker {
  const underWay = new Set<Promise<void>>()
  /** Of these, attempts that have not ended yet: each has a slot. What came of the others is being written down. */
  let attempts = 0
  /** The last look found all that it had slots for, so there is more. */
  let isDeep = false
  const lanes = createLanes({ most: handler.laneSlots, breaker: handler.breaker, now: steady })
  const leases = watchLeases(handler.deadlineMs + LEASE_MARGIN_MS)
  let isStopping = false
  let isLookWanted = false
  let looking: Promise<void> | undefined
  const scan = createScan({ kind, lanes, most: handler.laneSlots })
  let watchAt = 0
  let ahead = Number.POSITIVE_INFINITY
  let isWary = false

  const look = () => {
    if (isStopping) return
    isLookWanted = true
    looking ??= takeAll().finally(() => {
      looking = undefined
      turns.over()
    })
  }

  const turns = gatherTurns(Math.ceil(handler.slots / 4), () => looking !== undefined, look)

  async function takeAll() {
    while (isLookWanted && !isStopping) {
      isLookWanted = false
      // As many again may wait to be written down, should the store be slow.
      const free = Math.min(handler.slots - attempts, 2 * handler.slots - underWay.size)
      if (free <= 0) return
      try {
        const aheadNow = now() - steady()
        // Not known yet at the start: what is found may have been planned by a clock that was put right since.
        const wasSetBack = aheadNow < ahead - STEP_MS
        if (wasSetBack) await keepWaits()
        ahead = wasSetBack ? aheadNow : Math.max(ahead, aheadNow)
        const { taken, begun } = await claimTogether(free)
        isDeep = taken === free
        for (const { job, attempt } of begun) run(job, attempt)
        if (isDeep && attempts < handler.slots / 2) isLookWanted = true
      } catch (fault) {
        if (fault instanceof Unstartable) await (isWary ? putOff(fault) : beWary())
        else await pauseAfter(fault)
      }
    }
  }

  /** Work that was to wait a while waits no longer than that, though the clock was set back; an end on the calendar stays. */
  async function keepWaits() {
    const at = now()
    if (kind !== 'expire') await db.transaction((tx) => replanJobs(tx, kind, at, at + STEP_MS))
    scan.restart()
  }

  /** Shares its commit with the results that are written at the same time. */
  function claimTogether(free: number) {
    let runs = 0
    return db.together((tx) => {
      // What the first run took was undone, and lies behind the place of the scan.
      if (runs > 0) scan.restart()
      runs += 1
      return claim(tx, free)
    })
  }

  type Begun = { job: Job; attempt: Attempt }

  /** Leases and begins up to `limit` jobs, no more of a lane than it has room for. */
  async function claim(tx: Transaction, limit: number): Promise<{ taken: number; begun: Begun[] }> {
    const moment = steady()
    if (moment >= watchAt) {
      watchAt = moment + WATCH_MS
      for (const job of leases.abandoned(await leasedJobs(tx, kind), moment)) {
        await freeJob(tx, job)
        // It lies behind the place of the scan.
        lanes.leave(job.lane)
      }
    }
    const jobs = await scan.take(tx, { now: now(), moment, limit })
    // One by one where one of them is known to fail: together, the fault of one would be that of all.
    const begun: Begun[] = []
    if (isWary) for (const job of jobs) begun.push(...(await begin(tx, job)))
    else begun.push(...(await allOf(jobs.map((job) => begin(tx, job)))).flat())
    isWary = false
    return { taken: jobs.length, begun }
  }

  /** @returns nothing for a job that has no work to wait for */
  async function begin(tx: Transaction, job: Job): Promise<Begun[]> {
    const started = await handler.start(tx, job).catch((cause) => {
      throw new Unstartable(job, { cause })
    })
    if (typeof started === 'function') return [{ job, attempt: started }]
    if (started && 'repeatAt' in started) await repeatJob(tx, job, started.repeatAt, now())
    else await completeJob(tx, job)
    return []
  }

  /** Whether work of a lane may go ahead of what is found by looking: nothing waits before it. */
  const hasRoom = (lane: string) =>
    !isStopping && !isDeep && attempts < handler.slots && lanes.room(lane) > 0 && !lanes.isLeft(lane)

  async function take(tx: Transaction, promised: NewJob) {
    if (promised.dueAt > now() || !hasRoom(promised.lane)) return enqueue(tx, promised)
    const job = await enqueueLeased(tx, promised, now())
    if (!job) return
    try {
      for (const { attempt } of await begin(tx, job)) tx.afterCommit(() => runIfRoom(job, attempt))
    } catch (fault) {
      if (!(fault instanceof Unstartable)) throw fault
      // Whoever promises it is not to suffer: it is found, and put off, by the next look.
      await giveBackJob(tx, job)
    }
  }

  /** Others may have been promised in the same commit. */
  function runIfRoom(job: Job, attempt: Attempt) {
    if (hasRoom(job.lane)) return run(job, attempt)
    const given = db
      .transaction((tx) => giveBackJob(tx, job))
      .catch((fault) =>
        log.error('A job could not be given back; its lease will run out.', fault, { job: job.id }),
      )
      .then(() => {
        underWay.delete(given)
      })
    underWay.add(given)
  }

  function run(job: Job, attempt: Attempt) {
    lanes.begin(job.lane)
    const task = perform(job, attempt)
      .catch((fault) => {
        log.error('A job failed; its lease will run out and it will be tried again.', fault, { job: job.id })
        return true
      })
      .then((isLaneFault) => {
        underWay.delete(task)
        lanes.end(job.lane, isLaneFault)
        if (lanes.isLeft(job.lane) || !isDeep) look()
      })
    underWay.add(task)
  }

  /** @returns whether the fault is likely to meet the whole lane */
  async function perform(job: Job, attempt: Attempt): Promise<boolean> {
    attempts += 1
    const finish = await attemptUntil(handler.deadlineMs, attempt).finally(() => {
      attempts -= 1
    })
    if (isDeep) await turns.next()
    try {
      return await db.together(async (tx) => {
        const outcome = await finish(tx, false)
        const [applied] = await allOf([
          'done' in outcome ? completeJob(tx, job) : repeatJob(tx, job, outcome.repeatAt, now()),
          outcome.writing ?? Promise.resolve(),
        ])
        if (applied === 0) throw new LeaseLost()
        return outcome.isLaneFault === true
      })
    } catch (fault) {
      if (!(fault instanceof LeaseLost)) throw fault
      log.warn('A result came after its lease was lost.', { job: job.id, attempt: job.attempt })
      await db.transaction((tx) => finish(tx, true))
      return false
    }
  }

  /** Looks again, one job at a time, to learn which one it was. */
  async function beWary() {
    isWary = true
    isLookWanted = true
    scan.restart()
  }

  async function putOff({ job, cause }: Unstartable) {
    log.error('A job cannot be started; it is tried again later.', cause, { job: job.id })
    isLookWanted = true
    await db
      .transaction(async (tx) => {
        const leased = await leaseJob(tx, { ...job, attempt: job.attempt - 1 }, now())
        if (leased) await repeatJob(tx, leased, now() + UNSTARTABLE_PAUSE_MS, now())
      })
      .catch(pauseAfter)
  }

  function pauseAfter(fault: unknown) {
    log.error('The outbox could not be read.', fault, { kind })
    scan.restart()
    setTimeout(look, FAULT_PAUSE_MS).unref()
  }

  const forget = db.onHint(kind, look)
  const poll = setInterval(look, POLL_MS)
  look()

  return {
    wakeLane(lane) {
      lanes.wake(lane)
      look()
    },
    take,
    async stop() {
      isStopping = true
      forget()
      clearInterval(poll)
      // What is just being taken is under way too.
      await looking
      await Promise.allSettled(underWay)
    },
  }
}

/** `AbortSignal.timeout` would leave its timer behind with each attempt that ends in time. */
async function attemptUntil(deadlineMs: number, attempt: Attempt): Promise<Finish> {
  const deadline = new AbortController()
  const timer = setTimeout(
    () => deadline.abort(new DOMException('The attempt took too long.', 'TimeoutError')),
    deadlineMs,
  )
  try {
    return await attempt(deadline.signal)
  } finally {
    clearTimeout(timer)
  }
}

class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
}

class Unstartable extends Error {
  override readonly name = 'Unstartable'
  readonly job: Job

  constructor(job: Job, options: ErrorOptions) {
    super(`The job ${job.id} cannot be started.`, options)
    this.job = job
  }
}
