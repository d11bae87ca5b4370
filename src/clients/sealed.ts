import type { SealedColumn, SealedRow } from '#store/sealed.ts'
import { sql } from '#store/sql.ts'
import { signingSecretPlace } from './signing.ts'
import { tlsKeyPlace } from './tls.ts'

/** Sealed values of this room, for a change of master key. */
export const sealedInClients: SealedColumn[] = [
  {
    table: 'signing_secrets',
    async stale(db, header, after, limit): Promise<SealedRow[]> {
      const rows = await db.read<{ id: string; clientId: string; sealed: Uint8Array }>(sql`
        select id, client_id, sealed from signing_secrets
         where id > ${after} and substr(sealed, 1, 5) <> ${header}
         order by id limit ${limit}`)
      return rows.map(({ id, clientId, sealed }) => ({
        key: id,
        place: signingSecretPlace(id, clientId),
        sealed,
      }))
    },
    replace: (tx, { key, sealed: old }, sealed) =>
      tx.run(sql`update signing_secrets set sealed = ${sealed} where id = ${key} and sealed = ${old}`),
  },
  {
    table: 'client_tls',
    async stale(db, header, after, limit): Promise<SealedRow[]> {
      const rows = await db.read<{ id: string; clientId: string; sealedKey: Uint8Array }>(sql`
        select id, client_id, sealed_key from client_tls
         where id > ${after} and sealed_key is not null and substr(sealed_key, 1, 5) <> ${header}
         order by id limit ${limit}`)
      return rows.map(({ id, clientId, sealedKey }) => ({
        key: id,
        place: tlsKeyPlace(id, clientId),
        sealed: sealedKey,
      }))
    },
    replace: (tx, { key, sealed: old }, sealed) =>
      tx.run(sql`update client_tls set sealed_key = ${sealed} where id = ${key} and sealed_key = ${old}`),
  },
]
