import type { Database, Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'

export type JobKind = 'notify' | 'deliver' | 'expire' | 'prove' | 'feedback'

/** Work promised by a commit. */
export interface Job {
  id: string
  kind: JobKind
  /** Id of what the work is about: a notice, a delivery, a request. */
  ref: string
  /** Work of one lane shares a cap, so that one dead endpoint starves nobody: a client, or a channel. */
  lane: string
  /** Counts the claims. A result that comes with an old number is never applied. */
  attempt: number
}

export interface NewJob {
  kind: JobKind
  ref: string
  lane: string
  dueAt: number
  /** When `dueAt` was worked out, unless that is the same instant: work that is due at once. */
  plannedAt?: number
}

/** Promises work in the transaction that makes it necessary: both are kept, or neither. */
export async function enqueue(
  tx: Transaction,
  { kind, ref, lane, dueAt, plannedAt = dueAt }: NewJob,
): Promise<void> {
  await tx.run(sql`
    insert into outbox (id, kind, ref, lane, due_at, planned_at, attempt)
    values (${jobId(kind, ref)}, ${kind}, ${ref}, ${lane}, ${dueAt}, ${plannedAt}, 0)
    on conflict (id) do nothing`)
  if (kind !== 'expire') tx.hint(kind)
}

/** Takes back work that is no longer wanted. Work under way is not stopped, but its result finds no row. */
export const cancel = (tx: Transaction, kind: JobKind, ref: string) =>
  tx.run(sql`delete from outbox where id = ${jobId(kind, ref)}`)

/** A job that is due and free, as a scan finds it. */
export interface DueJob {
  id: string
  lane: string
  dueAt: number
  attempt: number
}

/** Where a scan in the order of due times has come to. */
export interface ScanPosition {
  dueAt: number
  id: string
}

export const FROM_THE_START: ScanPosition = { dueAt: 0, id: '' }

/** Finds what is due and free behind a position, oldest first. */
export const dueJobs = (tx: Transaction, kind: JobKind, now: number, after: ScanPosition, limit: number) =>
  tx.all<DueJob>(sql`
    select id, lane, due_at, attempt
      from outbox
     where kind = ${kind} and due_at <= ${now} and leased_at is null and (due_at, id) > (${after.dueAt}, ${after.id})
     order by due_at, id
     limit ${limit}
     /* for update skip locked */`)

/** Finds what is due and free in one lane, oldest first. */
export const dueInLane = (tx: Transaction, kind: JobKind, lane: string, now: number, limit: number) =>
  tx.all<DueJob>(sql`
    select id, lane, due_at, attempt
      from outbox
     where kind = ${kind} and lane = ${lane} and due_at <= ${now} and leased_at is null
     order by due_at, id
     limit ${limit}
     /* for update skip locked */`)

/** Leases a job to this worker. Undefined if somebody else was faster. */
export const leaseJob = (tx: Transaction, { id, attempt }: Pick<DueJob, 'id' | 'attempt'>, now: number) =>
  tx.one<Job>(sql`
    update outbox
       set leased_at = ${now}, attempt = attempt + 1
     where id = ${id} and attempt = ${attempt}
    returning id, kind, ref, lane, attempt`)

/** A job that some worker has leased. */
export type LeasedJob = Pick<Job, 'id' | 'attempt'>

export const leasedJobs = (tx: Transaction, kind: JobKind) =>
  tx.all<LeasedJob>(sql`
    select id, attempt from outbox where kind = ${kind} and leased_at is not null order by id`)

/** Takes a lease from a worker that has vanished. If it comes back before the next claim, its result still counts. */
export const freeJob = (tx: Transaction, { id, attempt }: LeasedJob) =>
  tx.run(sql`update outbox set leased_at = null where id = ${id} and attempt = ${attempt}`)

/**
 * Keeps the waits of what was planned by a clock that ran ahead: what was to wait an hour waits an hour from now.
 *
 * @param tooLate a plan made after this instant shows that the clock was set back
 */
export const replanJobs = (tx: Transaction, kind: JobKind, now: number, tooLate: number) =>
  tx.run(sql`
    update outbox set due_at = ${now} + due_at - planned_at, planned_at = ${now}
     where kind = ${kind} and planned_at > ${tooLate}`)

/** @returns 0 when the lease was lost to a later attempt: the result must then change nothing */
export const completeJob = (tx: Transaction, { id, attempt }: Job) =>
  tx.run(sql`delete from outbox where id = ${id} and attempt = ${attempt}`)

/** @returns 0 when the lease was lost to a later attempt: the result must then change nothing */
export const repeatJob = (tx: Transaction, { id, attempt }: Job, dueAt: number, now: number) =>
  tx.run(sql`
    update outbox set due_at = ${dueAt}, planned_at = ${now}, leased_at = null
     where id = ${id} and attempt = ${attempt}`)

/** When waiting work is due; undefined when there is none. */
export async function dueAt(db: Database, kind: JobKind, ref: string): Promise<number | undefined> {
  const [job] = await db.read<{ dueAt: number }>(sql`
    select due_at from outbox where id = ${jobId(kind, ref)}`)
  return job?.dueAt
}

/** Makes waiting work due now, for instance because its owner wishes so. Work under way is left alone. */
export const hurry = (tx: Transaction, kind: JobKind, ref: string, now: number) => {
  tx.hint(kind)
  return tx.run(sql`
    update outbox set due_at = ${now}, planned_at = ${now}
     where id = ${jobId(kind, ref)} and due_at > ${now} and leased_at is null`)
}

const jobId = (kind: JobKind, ref: string) => `${kind}:${ref}`
