import type { SealedColumn, SealedRow } from '#store/sealed.ts'
import { sql } from '#store/sql.ts'
import { codePlace } from './codes.ts'
import { keyPlace } from './keys.ts'

/** Sealed values of this room, for a change of master key. */
export const sealedInTokens: SealedColumn[] = [
  {
    table: 'signing_keys',
    async stale(db, header, after, limit): Promise<SealedRow[]> {
      const rows = await db.read<{ id: string; sealed: Uint8Array }>(sql`
        select id, sealed from signing_keys
         where id > ${after} and substr(sealed, 1, 5) <> ${header}
         order by id limit ${limit}`)
      return rows.map(({ id, sealed }) => ({ key: id, place: keyPlace(id), sealed }))
    },
    replace: (tx, { key, sealed: old }, sealed) =>
      tx.run(sql`update signing_keys set sealed = ${sealed} where id = ${key} and sealed = ${old}`),
  },
  {
    table: 'authorization_codes',
    async stale(db, header, after, limit): Promise<SealedRow[]> {
      const rows = await db.read<{ requestId: string; clientId: string; sealed: Uint8Array }>(sql`
        select request_id, client_id, sealed from authorization_codes
         where request_id > ${after} and sealed is not null and substr(sealed, 1, 5) <> ${header}
         order by request_id limit ${limit}`)
      return rows.map(({ requestId, clientId, sealed }) => ({
        key: requestId,
        place: codePlace(requestId, clientId),
        sealed,
      }))
    },
    replace: (tx, { key, sealed: old }, sealed) =>
      tx.run(
        sql`update authorization_codes set sealed = ${sealed} where request_id = ${key} and sealed = ${old}`,
      ),
  },
]
