import type { SealedColumn, SealedRow } from '#store/sealed.ts'
import { sql } from '#store/sql.ts'

/** Where what a channel needs to reach a contact lies, as bound into its seal. */
export const contactPlace = (id: string, userId: string): string => `contact:${id}:${userId}`

/** Sealed values of this room, for a change of master key. */
export const sealedInNotices: SealedColumn[] = [
  {
    table: 'contacts',
    async stale(db, header, after, limit): Promise<SealedRow[]> {
      const rows = await db.read<{ id: string; userId: string; sealed: Uint8Array }>(sql`
        select id, user_id, sealed from contacts
         where id > ${after} and sealed is not null and substr(sealed, 1, 5) <> ${header}
         order by id limit ${limit}`)
      return rows.map(({ id, userId, sealed }) => ({ key: id, place: contactPlace(id, userId), sealed }))
    },
    replace: (tx, { key, sealed: old }, sealed) =>
      tx.run(sql`update contacts set sealed = ${sealed} where id = ${key} and sealed = ${old}`),
  },
]
