import { Readable } from 'node:stream'
import { recordEvent } from '#audit/events.ts'
import { exportLog } from '#audit/export.ts'
import { type SealContext, sealEvents } from '#audit/seal.ts'
import { type Seal, sealsAfter } from '#audit/store.ts'
import { Type } from '#base/schema.ts'
import type { Server } from '#http/server.ts'
import type { AuditCheckpoint } from './contract.ts'
import { actingOf } from './operator.ts'

const PAGE = 100

const Instant = (description: string) =>
  Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description }))

/** By which the operator, or a program that watches over the operator, keeps what the log was. */
export function adminAuditRoutes(server: Server, context: SealContext & { stopping: AbortSignal }) {
  const { db, now, auditKey, stopping } = context

  const page = Type.Object({
    after: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Size that the last known checkpoint is over',
      }),
    ),
  })
  server.get('/v1/admin/audit/checkpoints', { schema: { querystring: page } }, async (http) => {
    const seals = await sealsAfter(db, http.query.after ?? 0, PAGE)
    const next = seals.length === PAGE ? (seals.at(-1)?.size ?? null) : null
    return { key: auditKey.verifier, checkpoints: seals.map(checkpointOf), next }
  })

  const span = Type.Object({
    from: Instant('Entries sealed from then on, epoch milliseconds'),
    to: Instant('Entries up to then, epoch milliseconds'),
  })
  server.get('/v1/admin/audit/export', { schema: { querystring: span } }, async (http, reply) => {
    // What leaves the server is itself worth a line.
    await db.transaction((tx) =>
      recordEvent(tx, {
        kind: 'events_exported',
        actor: 'operator',
        actorId: actingOf(http),
        detail: 'sealed',
        address: http.ip,
        at: now(),
      }),
    )
    await sealEvents(context, stopping)
    const { from, to } = http.query
    return reply
      .type('application/x-ndjson; charset=utf-8')
      .header('content-disposition', 'attachment; filename="countersign-audit.ndjson"')
      .send(Readable.from(exportLog(db, auditKey.verifier, { from, to }), { highWaterMark: 1 }))
  })
}

const checkpointOf = ({ size, sealedAt, note, nodes }: Seal): AuditCheckpoint => ({
  size,
  sealed_at: sealedAt,
  checkpoint: note,
  nodes: Buffer.from(nodes).toString('base64'),
})
