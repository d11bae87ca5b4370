import type { Database } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import type { Event } from './events.ts'

/** What of the log is looked for; an empty text stands for all. */
export interface EventFilter {
  kind: string
  actor: string
  actorId: string
  userId: string
  clientId: string
  requestId: string
  /** Epoch milliseconds, both included. */
  from: number
  to: number
}

export interface EventPage {
  events: Event[]
  /** Where the next page begins; null when the log ends here. */
  next: number | null
}

/** Rows that one statement looks at. The embedded store reads in our own thread, so a look must be short. */
const STRIDE = 10_000
/** Looks for one page: a rare thing in a long log is found by asking for the next page, not by a call that never ends. */
const MOST_STRIDES = 20

/** Newest first, from before `before` on. A page may hold fewer than `limit`, even none, and still have a next one. */
export async function findEvents(
  db: Database,
  filter: EventFilter,
  before: number,
  limit: number,
): Promise<EventPage> {
  const events: Event[] = []
  let top = before
  for (let strides = 0; strides < MOST_STRIDES && top > 1; strides += 1) {
    const bottom = Math.max(1, top - STRIDE)
    const wanted = limit - events.length
    events.push(...(await eventsBetween(db, filter, bottom, top, wanted)))
    if (events.length === limit) return { events, next: events.at(-1)?.seq ?? null }
    top = bottom
  }
  return { events, next: top > 1 ? top : null }
}

/** All that fits, newest first, a part at a time. */
export async function* allEvents(db: Database, filter: EventFilter, before: number): AsyncGenerator<Event[]> {
  for (let top: number | null = before; top !== null; ) {
    const page: EventPage = await findEvents(db, filter, top, 1_000)
    if (page.events.length > 0) yield page.events
    top = page.next
  }
}

const eventsBetween = (db: Database, filter: EventFilter, bottom: number, top: number, limit: number) =>
  db.read<Event>(sql`
    select seq, kind, at, actor, actor_id, request_id, user_id, client_id, detail, address
      from events
     where seq >= ${bottom} and seq < ${top} and at >= ${filter.from} and at <= ${filter.to}
       and (${filter.kind} = '' or kind = ${filter.kind})
       and (${filter.actor} = '' or actor = ${filter.actor})
       and (${filter.actorId} = '' or actor_id = ${filter.actorId})
       and (${filter.userId} = '' or user_id = ${filter.userId})
       and (${filter.clientId} = '' or client_id = ${filter.clientId})
       and (${filter.requestId} = '' or request_id = ${filter.requestId})
     order by seq desc limit ${limit}`)
