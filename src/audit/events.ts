import type { Database, Transaction } from '#store/database.ts'
import { sql, twin } from '#store/sql.ts'

/** One row for each change of state: who, what, when, from where. Rows are added and never changed. */
export interface Event {
  seq: number
  kind: string
  at: number
  /** `user`, `client`, `operator`, `system`, or the channel by which a person acted. */
  actor: string
  /** Which operator: the id of a user, `admin_key` or `command_line`. */
  actorId: string | null
  requestId: string | null
  userId: string | null
  clientId: string | null
  detail: string | null
  address: string | null
}

export interface NewEvent {
  kind: string
  actor: string
  actorId?: string
  at: number
  requestId?: string
  userId?: string
  clientId?: string
  /** A few words for people. Never a secret, never a token. */
  detail?: string
  address?: string | null
}

/** Adds an event to the transaction of the change it tells of. */
export async function recordEvent(tx: Transaction, event: NewEvent): Promise<void> {
  await tx.run(
    sql`
      insert into events (request_id, user_id, client_id, kind, detail, actor, actor_id, address, at)
      values (${event.requestId ?? null}, ${event.userId ?? null}, ${event.clientId ?? null}, ${event.kind},
              ${event.detail ?? null}, ${event.actor}, ${event.actorId ?? null}, ${event.address ?? null},
              ${event.at})`,
    twin`
      insert into events (request_id, user_id, client_id, kind, detail, actor, actor_id, address, at)
      select request_id, user_id, client_id, kind, detail, actor, actor_id, address, at
        from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                    $9::bigint[])
             as each (request_id, user_id, client_id, kind, detail, actor, actor_id, address, at)`,
  )
  tx.hint('events')
}

/** Of many refreshes the last one alone. */
export const eventsOfRequest = (db: Database, requestId: string) =>
  db.read<Event>(sql`
    select seq, kind, at, actor, actor_id, request_id, user_id, client_id, detail, address
      from events
     where request_id = ${requestId}
       and (kind <> 'token_refreshed'
            or seq = (select max(seq) from events where request_id = ${requestId} and kind = 'token_refreshed'))
     order by seq`)

/** What happened to an app itself, newest first. */
export const eventsOfApp = (db: Database, clientId: string, limit: number) =>
  db.read<Event>(sql`
    select seq, kind, at, actor, actor_id, request_id, user_id, client_id, detail, address
      from events where client_id = ${clientId} and request_id is null order by seq desc limit ${limit}`)

/** What came after `seq`, oldest first; the feed of the live page. */
export const eventsAfter = (db: Database, seq: number, limit: number) =>
  db.read<Event>(sql`
    select seq, kind, at, actor, actor_id, request_id, user_id, client_id, detail, address
      from events where seq > ${seq} order by seq limit ${limit}`)

/** Those with a number above `since`, up to `upTo`, in order. */
export const eventsBetween = (db: Database, since: number, upTo: number) =>
  db.read<Event>(sql`
    select seq, kind, at, actor, actor_id, request_id, user_id, client_id, detail, address
      from events where seq > ${since} and seq <= ${upTo} order by seq`)

export async function lastEvent(db: Database): Promise<number> {
  const [row] = await db.read<{ seq: number }>(sql`select coalesce(max(seq), 0) as seq from events`)
  return row?.seq ?? 0
}
