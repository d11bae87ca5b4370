import { Readable } from 'node:stream'
import type { Static } from 'typebox'
import { type Event, lastEvent, recordEvent } from '#audit/events.ts'
import { allEvents, type EventFilter, findEvents } from '#audit/search.ts'
import type { Clock } from '#base/clock.ts'
import { Type } from '#base/schema.ts'
import type { Server } from '#http/server.ts'
import type { Database } from '#store/database.ts'
import type { EventCard, Page } from './contract.ts'
import { actingOf } from './operator.ts'

const PAGE = 50

const Word = Type.Optional(Type.String({ maxLength: 100, pattern: '^[!-~]*$' }))
const Instant = Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))
const Filter = Type.Object({
  kind: Word,
  actor: Word,
  actor_id: Word,
  user_id: Word,
  client_id: Word,
  request_id: Word,
  from: Instant,
  to: Instant,
})

/** The audit log: what happened, by whom, to what. */
export function adminEventRoutes(server: Server, { db, now }: { db: Database; now: Clock }) {
  const search = Type.Object({
    ...Filter.properties,
    cursor: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
  })
  server.get('/v1/admin/events', { schema: { querystring: search } }, async (http) => {
    const before = http.query.cursor ?? (await lastEvent(db)) + 1
    const { events, next } = await findEvents(db, filterOf(http.query), before, PAGE)
    return {
      events: events.map(card),
      next: next === null ? null : String(next),
    } satisfies Page<'events', EventCard>
  })

  const format = Type.Union([Type.Literal('csv'), Type.Literal('ndjson')])
  const wanted = Type.Object({ ...Filter.properties, format })
  server.get('/v1/admin/events/export', { schema: { querystring: wanted } }, async (http, reply) => {
    const { format } = http.query
    const before = (await lastEvent(db)) + 1
    // What leaves the server is itself worth a line.
    await db.transaction((tx) =>
      recordEvent(tx, {
        kind: 'events_exported',
        actor: 'operator',
        actorId: actingOf(http),
        detail: format,
        address: http.ip,
        at: now(),
      }),
    )
    const day = new Date(now()).toISOString().slice(0, 10)
    const lines = format === 'csv' ? csvOf : ndjsonOf
    return reply
      .header('content-disposition', `attachment; filename="countersign-events-${day}.${format}"`)
      .type(format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson; charset=utf-8')
      .send(Readable.from(lines(allEvents(db, filterOf(http.query), before))))
  })
}

const filterOf = (query: Static<typeof Filter>): EventFilter => ({
  kind: query.kind ?? '',
  actor: query.actor ?? '',
  actorId: query.actor_id ?? '',
  userId: query.user_id ?? '',
  clientId: query.client_id ?? '',
  requestId: query.request_id ?? '',
  from: query.from ?? 0,
  to: query.to ?? Number.MAX_SAFE_INTEGER,
})

const card = (each: Event): EventCard => ({
  seq: each.seq,
  at: each.at,
  kind: each.kind,
  actor: each.actor,
  actor_id: each.actorId,
  user_id: each.userId,
  client_id: each.clientId,
  request_id: each.requestId,
  detail: each.detail,
  address: each.address,
})

async function* ndjsonOf(parts: AsyncIterable<Event[]>) {
  for await (const events of parts) yield events.map((each) => `${JSON.stringify(card(each))}\n`).join('')
}

const COLUMNS = [
  'seq',
  'at',
  'kind',
  'actor',
  'actor_id',
  'user_id',
  'client_id',
  'request_id',
  'detail',
  'address',
] as const satisfies (keyof EventCard)[]

/** RFC 4180. Instants are ISO 8601 here, for people with a spreadsheet. */
async function* csvOf(parts: AsyncIterable<Event[]>) {
  yield `${COLUMNS.join(',')}\r\n`
  for await (const events of parts) yield events.map((each) => `${csvLine(card(each))}\r\n`).join('')
}

const csvLine = (each: EventCard): string =>
  COLUMNS.map((column) => csvField(column === 'at' ? new Date(each.at).toISOString() : each[column])).join(
    ',',
  )

function csvField(value: string | number | null): string {
  if (value === null) return ''
  const text = String(value)
  // A spreadsheet runs what begins so; names of apps are given by strangers.
  const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
}
