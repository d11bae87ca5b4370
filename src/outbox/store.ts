import type { Database, Transaction } from '#store/database.ts'
import { sql, twin } from '#store/sql.ts'

export type JobKind =
  | 'notify'
  | 'deliver'
  | 'expire'
  | 'prove'
  | 'feedback'
  | 'simulate'
  | 'issue'
  | 'announce'
  | 'answer'

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
  /** When it was taken for this attempt. */
  leasedAt: number
  /** When it was taken for the attempt before, if the worker that did has vanished; else null. */
  lostAt: number | null
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
  await tx.run(
    sql`
      insert into outbox (id, kind, ref, lane, due_at, planned_at, attempt)
      values (${jobId(kind, ref)}, ${kind}, ${ref}, ${lane}, ${dueAt}, ${plannedAt}, 0)
      on conflict (id) do nothing`,
    twin`
      with each as (
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
          with ordinality as each (id, kind, ref, lane, due_at, planned_at, n)
      ), added as (
        insert into outbox (id, kind, ref, lane, due_at, planned_at, attempt)
        select id, kind, ref, lane, due_at, planned_at, 0 from each order by id
        on conflict (id) do nothing
        returning id
      )
      select n from added join each on each.id = added.id`,
  )
  if (kind !== 'expire') tx.hint(kind)
}

/** The same, taken in the same moment by a worker of this process. Undefined if it was promised before. */
export const enqueueLeased = (
  tx: Transaction,
  { kind, ref, lane, dueAt, plannedAt = dueAt }: NewJob,
  now: number,
) =>
  tx.one<Job>(sql`
    insert into outbox (id, kind, ref, lane, due_at, planned_at, leased_at, attempt)
    values (${jobId(kind, ref)}, ${kind}, ${ref}, ${lane}, ${dueAt}, ${plannedAt}, ${now}, 1)
    on conflict (id) do nothing
    returning id, kind, ref, lane, attempt, leased_at, lost_at`)

/** Gives back what was taken and not begun, as if it had not been. */
export async function giveBackJob(tx: Transaction, { id, kind, attempt }: Job): Promise<void> {
  await tx.run(sql`
    update outbox set leased_at = null, attempt = attempt - 1 where id = ${id} and attempt = ${attempt}`)
  if (kind !== 'expire') tx.hint(kind)
}

/**
 * Takes back work that is no longer wanted. Work under way is not stopped, but its result finds no row.
 *
 * @returns the attempt that was under way, if one was
 */
export async function cancel(tx: Transaction, kind: JobKind, ref: string): Promise<Lease | undefined> {
  const gone = await tx.one<{ attempt: number; leasedAt: number | null }>(sql`
    delete from outbox where id = ${jobId(kind, ref)} returning attempt, leased_at`)
  return gone?.leasedAt ? { attempt: gone.attempt, leasedAt: gone.leasedAt } : undefined
}

/** Where a scan in the order of due times has come to. */
export interface ScanPosition {
  dueAt: number
  id: string
}

export const FROM_THE_START: ScanPosition = { dueAt: 0, id: '' }

/** What a worker wants of the outbox. */
export interface Order {
  kind: JobKind
  now: number
  /** Jobs it has slots for. */
  limit: number
  /** Lanes whose work was left lying, in this order, and how many jobs of each. */
  lying: { lane: string; wanted: number }[]
  /** Then the scan goes on behind this position, */
  after: ScanPosition
  /** over so many rows, */
  page: number
  /** and takes of each lane no more than this, */
  most: number
  /** or than stands here. */
  room: ReadonlyMap<string, number>
}

/** A row that was looked at, in the order of the scan. */
export interface SeenJob {
  id: string
  lane: string
  dueAt: number
  /** Whether it was found in a lane whose work was left lying, not by the scan. */
  isLying: boolean
  /** Whether its lane had room for it; it is not among the taken ones then only if another worker was faster. */
  isWanted: boolean
  /** What it is about, and the number of this attempt, if it was taken; else null. */
  ref: string | null
  attempt: number | null
  lostAt: number | null
}

/**
 * Leases due work to this worker, the oldest of each lane first. Nothing that another worker is just taking is waited for.
 * Each branch can use one index only (`kind || ''` uses none): without statistics, in a new database, PostgreSQL took the
 * wrong one and sorted the whole queue at each claim.
 */
export async function takeJobs(tx: Transaction, order: Order): Promise<SeenJob[]> {
  if (tx.engine === 'sqlite') return takeOneByOne(tx, order)
  const { kind, now, limit, lying, after, page, most, room } = order
  const lanes = JSON.stringify([...room].map(([lane, left]) => ({ lane, left })))
  const rows = await tx.all<SeenJob>(sql`
    with lying as (
      select due.id, lane, due.due_at
        from json_to_recordset(${JSON.stringify(lying)}::text::json) as wants (lane text, wanted bigint)
       cross join lateral (
         select id, due_at from outbox
          where lane = wants.lane and due_at <= ${now} and leased_at is null
            and kind <> 'expire' and kind || '' = ${kind}
          order by due_at, id limit wants.wanted) as due
    ), page as (
      select walked.id, walked.lane, walked.due_at,
             row_number() over (partition by walked.lane order by walked.due_at, walked.id) <= coalesce(rooms."left", ${most}) as has_room
        from (select id, lane, due_at from outbox
               where kind = ${kind} and due_at <= ${now} and leased_at is null
                 and (due_at, id) > (${after.dueAt}, ${after.id})
               order by due_at, id limit ${page}) as walked
        left join json_to_recordset(${lanes}::text::json) as rooms (lane text, "left" bigint) on rooms.lane = walked.lane
    ), seen as (
      select id, lane, due_at, true as is_lying, true as has_room from lying
      union all
      select id, lane, due_at, false, has_room from page
    ), wanted as (
      select id from seen where has_room order by is_lying desc, due_at, id limit ${limit}
    ), taken as (
      update outbox set leased_at = ${now}, attempt = attempt + 1
        from (select free.id from wanted
               cross join lateral (
                 select id from outbox where id = wanted.id and leased_at is null
                 /* for update skip locked */) as free) as free
       where outbox.id = free.id
      returning outbox.id, ref, attempt, lost_at
    )
    select seen.id, lane, due_at, is_lying, wanted.id is not null as is_wanted, ref, attempt, lost_at
      from seen
      left join wanted on has_room and wanted.id = seen.id
      left join taken on has_room and taken.id = seen.id
     order by is_lying desc, due_at, seen.id`)
  return rows
}

/** The same on the embedded store: it has one writer, so nobody is faster, and a statement costs no way to a server. */
async function takeOneByOne(tx: Transaction, order: Order): Promise<SeenJob[]> {
  const { kind, now, limit, lying, after, page, most, room } = order
  const seen: SeenJob[] = []
  let taken = 0
  const look = async (due: Due, isLying: boolean, hasRoom: boolean) => {
    const isWanted = hasRoom && taken < limit
    const leased = isWanted ? await leaseJob(tx, due, now) : undefined
    if (leased) taken += 1
    const { ref = null, attempt = null, lostAt = null } = leased ?? {}
    seen.push({ ...due, isLying, isWanted, ref, attempt, lostAt })
  }

  for (const { lane, wanted } of lying) {
    const due = await tx.all<Due>(sql`
      select id, lane, due_at, attempt from outbox
       where lane = ${lane} and due_at <= ${now} and leased_at is null and kind <> 'expire' and kind || '' = ${kind}
       order by due_at, id limit ${wanted}`)
    for (const each of due) await look(each, true, true)
  }
  const walked = await tx.all<Due>(sql`
    select id, lane, due_at, attempt from outbox
     where kind = ${kind} and due_at <= ${now} and leased_at is null and (due_at, id) > (${after.dueAt}, ${after.id})
     order by due_at, id limit ${page}`)
  const inLane = new Map<string, number>()
  for (const each of walked) {
    const place = (inLane.get(each.lane) ?? 0) + 1
    inLane.set(each.lane, place)
    await look(each, false, place <= (room.get(each.lane) ?? most))
  }
  return seen
}

type Due = Pick<SeenJob, 'id' | 'lane' | 'dueAt'> & { attempt: number }

/** Leases a job to this worker. Undefined if somebody else was faster. */
export const leaseJob = (tx: Transaction, { id, attempt }: Pick<Job, 'id' | 'attempt'>, now: number) =>
  tx.one<Job>(sql`
    update outbox
       set leased_at = ${now}, attempt = attempt + 1
     where id = ${id} and attempt = ${attempt}
    returning id, kind, ref, lane, attempt, leased_at, lost_at`)

/** A job that some worker has leased. */
export type LeasedJob = Pick<Job, 'id' | 'lane' | 'attempt'>

export const leasedJobs = (tx: Transaction, kind: JobKind) =>
  tx.all<LeasedJob>(sql`
    select id, lane, attempt from outbox where kind = ${kind} and leased_at is not null order by id`)

/** The attempt that is under way. */
export interface Lease {
  attempt: number
  leasedAt: number
}

/** Undefined while no worker has it. */
export async function leaseOf(db: Database, kind: JobKind, ref: string): Promise<Lease | undefined> {
  const [lease] = await db.read<Lease>(sql`
    select attempt, leased_at from outbox where id = ${jobId(kind, ref)} and leased_at is not null`)
  return lease
}

/** Takes a lease from a worker that has vanished. If it comes back before the next claim, its result still counts. */
export const freeJob = (tx: Transaction, { id, attempt }: Pick<Job, 'id' | 'attempt'>) =>
  tx.run(
    sql`update outbox set leased_at = null, lost_at = leased_at where id = ${id} and attempt = ${attempt}`,
  )

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
  tx.run(
    sql`delete from outbox where id = ${id} and attempt = ${attempt}`,
    twin`
      delete from outbox using unnest($1::text[], $2::bigint[]) with ordinality as each (id, attempt, n)
       where outbox.id = each.id and outbox.attempt = each.attempt
      returning n`,
  )

/** @returns 0 when the lease was lost to a later attempt: the result must then change nothing */
export const repeatJob = (tx: Transaction, { id, attempt }: Job, dueAt: number, now: number) =>
  tx.run(
    sql`
      update outbox set due_at = ${dueAt}, planned_at = ${now}, leased_at = null, lost_at = null
       where id = ${id} and attempt = ${attempt}`,
    twin`
      update outbox set due_at = each.due_at, planned_at = each.planned_at, leased_at = null, lost_at = null
        from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[])
             with ordinality as each (due_at, planned_at, id, attempt, n)
       where outbox.id = each.id and outbox.attempt = each.attempt
      returning n`,
  )

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

// For people: how much waits, and who is there to do it

/** What waits of one kind. */
export interface QueueCount {
  kind: JobKind
  /** All rows, also those whose time has not come. */
  queued: number
  /** Due and not taken. */
  due: number
  /** Taken by a worker. */
  leased: number
  oldestDueAt: number | null
  oldestLeasedAt: number | null
}

export const queueCounts = (db: Database, now: number) =>
  db.read<QueueCount>(sql`
    select kind, count(*) as queued,
           sum(case when due_at <= ${now} and leased_at is null then 1 else 0 end) as due,
           sum(case when leased_at is not null then 1 else 0 end) as leased,
           min(case when due_at <= ${now} and leased_at is null then due_at end) as oldest_due_at,
           min(leased_at) as oldest_leased_at
      from outbox group by kind order by kind`)

/** More due work of a kind than this is not counted: the answer is the same, and the count would cost more and more. */
export const MOST_COUNTED = 10_000

/** How deep the outbox is, for whoever asks every few seconds. */
export interface OutboxDepth {
  kind: JobKind
  /** Due and not taken, up to `MOST_COUNTED`. */
  due: number
  leased: number
  oldestDueAt: number | null
}

/** Of every kind, by indexes alone: what is not due yet is not walked, and of what is due no more than is counted. */
export const outboxDepth = (db: Database, now: number) =>
  db.read<OutboxDepth>(sql`
    with kinds (kind) as (
      values ('notify'), ('deliver'), ('expire'), ('prove'), ('feedback'), ('simulate'), ('announce'), ('answer'), ('issue'))
    select kind,
           (select count(*) from (
              select 1 as one from outbox
               where outbox.kind = kinds.kind and due_at <= ${now} and leased_at is null limit ${MOST_COUNTED}) as due) as due,
           (select count(*) from outbox where outbox.kind = kinds.kind and leased_at is not null) as leased,
           (select due_at from outbox
             where outbox.kind = kinds.kind and due_at <= ${now} and leased_at is null
             order by due_at limit 1) as oldest_due_at
      from kinds`)

/** A process that does, or did, the work. */
export interface Node {
  id: string
  host: string
  version: string
  engine: string
  runtime: string
  startedAt: number
  seenAt: number
}

export const noteNode = (tx: Transaction, each: Node) =>
  tx.run(sql`
    insert into nodes (id, host, version, engine, runtime, started_at, seen_at)
    values (${each.id}, ${each.host}, ${each.version}, ${each.engine}, ${each.runtime}, ${each.startedAt}, ${each.seenAt})
    on conflict (id) do update set seen_at = excluded.seen_at`)

export const forgetNode = (tx: Transaction, id: string) => tx.run(sql`delete from nodes where id = ${id}`)

export const forgetOldNodes = (tx: Transaction, seenBefore: number) =>
  tx.run(sql`delete from nodes where seen_at < ${seenBefore}`)

export const allNodes = (db: Database) =>
  db.read<Node>(sql`
    select id, host, version, engine, runtime, started_at, seen_at from nodes order by started_at desc limit 200`)
