import type { SealedColumn, SealedRow } from '#store/sealed.ts'
import { sql } from '#store/sql.ts'
import { bearerPlace, payloadPlace } from './queue.ts'

/** Sealed values of this room, for a change of master key. */
export const sealedInDeliveries: SealedColumn[] = [
  {
    table: 'delivery_payloads',
    async stale(db, header, after, limit): Promise<SealedRow[]> {
      const rows = await db.read<{ deliveryId: string; clientId: string; sealed: Uint8Array }>(sql`
        select delivery_id, client_id, sealed
          from delivery_payloads join deliveries on deliveries.id = delivery_id
         where delivery_id > ${after} and substr(sealed, 1, 5) <> ${header}
         order by delivery_id limit ${limit}`)
      return rows.map(({ deliveryId, clientId, sealed }) => ({
        key: deliveryId,
        place: payloadPlace(deliveryId, clientId),
        sealed,
      }))
    },
    replace: (tx, { key, sealed: old }, sealed) =>
      tx.run(
        sql`update delivery_payloads set sealed = ${sealed} where delivery_id = ${key} and sealed = ${old}`,
      ),
  },
  {
    table: 'delivery_payloads',
    async stale(db, header, after, limit): Promise<SealedRow[]> {
      const rows = await db.read<{ deliveryId: string; clientId: string; sealedBearer: Uint8Array }>(sql`
        select delivery_id, client_id, sealed_bearer
          from delivery_payloads join deliveries on deliveries.id = delivery_id
         where delivery_id > ${after} and sealed_bearer is not null and substr(sealed_bearer, 1, 5) <> ${header}
         order by delivery_id limit ${limit}`)
      return rows.map(({ deliveryId, clientId, sealedBearer }) => ({
        key: deliveryId,
        place: bearerPlace(deliveryId, clientId),
        sealed: sealedBearer,
      }))
    },
    replace: (tx, { key, sealed: old }, sealed) =>
      tx.run(sql`
        update delivery_payloads set sealed_bearer = ${sealed}
         where delivery_id = ${key} and sealed_bearer = ${old}`),
  },
]
