import type { Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'

export type JobKind = 'notify' | 'deliver' | 'expire'

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
}

/** Promises work in the transaction that makes it necessary: both are kept, or neither. */
export async function enqueue(tx: Transaction, { kind, ref, lane, dueAt }: NewJob): Promise<void> {
  await tx.run(sql`
    insert into outbox (id, kind, ref, lane, due_at, lease_until, attempt)
    values (${jobId(kind, ref)}, ${kind}, ${ref}, ${lane}, ${dueAt}, 0, 0)
    on conflict (id) do nothing`)
  if (kind !== 'expire') tx.hint(kind)
}

/** Takes back work that is no longer wanted. Work under way is not stopped, but its result finds no row. */
export const cancel = (tx: Transaction, kind: JobKind, ref: string) =>
  tx.run(sql`delete from outbox where id = ${jobId(kind, ref)}`)

/** Finds what is due and free, oldest first. */
export const dueJobs = (tx: Transaction, kind: JobKind, now: number, limit: number) =>
  tx.all<Job>(sql`
    select id, kind, ref, lane, attempt
      from outbox
     where kind = ${kind} and due_at <= ${now} and lease_until <= ${now}
     order by due_at
     limit ${limit}
     /* for update skip locked */`)

/** Leases a job to this worker. Undefined if somebody else was faster. */
export const leaseJob = (tx: Transaction, id: string, attempt: number, leaseUntil: number) =>
  tx.one<Job>(sql`
    update outbox
       set lease_until = ${leaseUntil}, attempt = attempt + 1
     where id = ${id} and attempt = ${attempt}
    returning id, kind, ref, lane, attempt`)

/** @returns 0 when the lease was lost to a later attempt: the result must then change nothing */
export const completeJob = (tx: Transaction, { id, attempt }: Job) =>
  tx.run(sql`delete from outbox where id = ${id} and attempt = ${attempt}`)

/** @returns 0 when the lease was lost to a later attempt: the result must then change nothing */
export const repeatJob = (tx: Transaction, { id, attempt }: Job, dueAt: number) =>
  tx.run(sql`
    update outbox set due_at = ${dueAt}, lease_until = 0
     where id = ${id} and attempt = ${attempt}`)

const jobId = (kind: JobKind, ref: string) => `${kind}:${ref}`
