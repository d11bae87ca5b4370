import type { SealedColumn, SealedRow } from '#store/sealed.ts'
import { sql } from '#store/sql.ts'
import { bearerPlace } from './handle.ts'

/** Sealed values of this room, for a change of master key. */
export const sealedInRequests: SealedColumn[] = [
  {
    table: 'request_handles',
    async stale(db, header, after, limit): Promise<SealedRow[]> {
      const rows = await db.read<{ requestId: string; sealedBearer: Uint8Array }>(sql`
        select request_id, sealed_bearer from request_handles
         where request_id > ${after} and sealed_bearer is not null and substr(sealed_bearer, 1, 5) <> ${header}
         order by request_id limit ${limit}`)
      return rows.map(({ requestId, sealedBearer }) => ({
        key: requestId,
        place: bearerPlace(requestId),
        sealed: sealedBearer,
      }))
    },
    replace: (tx, { key, sealed: old }, sealed) =>
      tx.run(sql`
        update request_handles set sealed_bearer = ${sealed} where request_id = ${key} and sealed_bearer = ${old}`),
  },
]
