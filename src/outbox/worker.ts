import type { Clock } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Database, Transaction } from '#store/database.ts'
import { completeJob, dueJobs, type Job, type JobKind, leaseJob, repeatJob } from './store.ts'

/** What a handler says of a job after an attempt. */
export type Outcome = { done: true } | { repeatAt: number }

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
  /**
   * Begins an attempt, in the transaction that takes the lease, so that "started" is on disk before the first byte
   * leaves. Undefined: there is nothing to do, the job is done.
   */
  start(tx: Transaction, job: Job): Promise<Attempt | undefined>
}

export interface Worker {
  /** Stops taking work and waits for what is under way. */
  stop(): Promise<void>
}

interface WorkerContext {
  db: Database
  now: Clock
  log: Log
}

/** The poll is the truth; hints only make it early. */
const POLL_MS = 1_000
/** A lease must outlast its attempt by this much, or a slow attempt would be done twice. */
const LEASE_MARGIN_MS = 5_000
/** After a fault of the store or of a handler's own, wait before the next look. */
const FAULT_PAUSE_MS = 1_000

/**
 * Does promised work of one kind, at least once. Several workers, in one process or many, share a store: a job is
 * leased to one of them at a time, and a result whose lease was lost is never applied.
 */
export function startWorker({ db, now, log }: WorkerContext, kind: JobKind, handler: Handler): Worker {
  const underWay = new Set<Promise<void>>()
  const lanes = new Map<string, number>()
  const stopping = new AbortController()
  let isLooking = false
  let isLookWanted = false

  const look = () => {
    if (stopping.signal.aborted) return
    isLookWanted = true
    if (isLooking) return
    isLooking = true
    void takeAll().finally(() => {
      isLooking = false
    })
  }

  async function takeAll() {
    while (isLookWanted && !stopping.signal.aborted) {
      isLookWanted = false
      const free = handler.slots - underWay.size
      if (free <= 0) return
      try {
        const begun = await claim(free)
        for (const { job, attempt } of begun) run(job, attempt)
        if (begun.length === free) isLookWanted = true
      } catch (fault) {
        log.error('The outbox could not be read.', fault, { kind })
        setTimeout(look, FAULT_PAUSE_MS).unref()
      }
    }
  }

  /** Leases and begins up to `limit` jobs in one transaction, no more of a lane than it may have. */
  const claim = (limit: number) =>
    db.transaction(async (tx) => {
      const begun: { job: Job; attempt: Attempt }[] = []
      const taken = new Map(lanes)
      const leaseUntil = now() + handler.deadlineMs + LEASE_MARGIN_MS
      for (const due of await dueJobs(tx, kind, now(), limit * 4)) {
        if (begun.length === limit) break
        const inLane = taken.get(due.lane) ?? 0
        if (inLane >= handler.laneSlots) continue
        const job = await leaseJob(tx, due.id, due.attempt, leaseUntil)
        if (!job) continue
        const attempt = await handler.start(tx, job)
        if (attempt) {
          begun.push({ job, attempt })
          taken.set(job.lane, inLane + 1)
        } else {
          await completeJob(tx, job)
        }
      }
      return begun
    })

  function run(job: Job, attempt: Attempt) {
    lanes.set(job.lane, (lanes.get(job.lane) ?? 0) + 1)
    const task = perform(job, attempt)
      .catch((fault) =>
        log.error('A job failed; its lease will run out and it will be tried again.', fault, { job: job.id }),
      )
      .finally(() => {
        underWay.delete(task)
        const left = (lanes.get(job.lane) ?? 1) - 1
        if (left > 0) lanes.set(job.lane, left)
        else lanes.delete(job.lane)
        look()
      })
    underWay.add(task)
  }

  async function perform(job: Job, attempt: Attempt) {
    const finish = await attempt(AbortSignal.timeout(handler.deadlineMs))
    await db
      .transaction(async (tx) => {
        const outcome = await finish(tx, false)
        const applied =
          'done' in outcome ? await completeJob(tx, job) : await repeatJob(tx, job, outcome.repeatAt)
        if (applied === 0) throw new LeaseLost()
      })
      .catch(async (fault) => {
        if (!(fault instanceof LeaseLost)) throw fault
        log.warn('A result came after its lease was lost.', { job: job.id, attempt: job.attempt })
        await db.transaction((tx) => finish(tx, true))
      })
  }

  const forget = db.onHint(kind, look)
  const poll = setInterval(look, POLL_MS)
  look()

  return {
    async stop() {
      stopping.abort()
      forget()
      clearInterval(poll)
      await Promise.allSettled(underWay)
    },
  }
}

class LeaseLost extends Error {
  override readonly name = 'LeaseLost'
}
