import type { Database, Transaction } from './database.ts'

/** A row whose sealed value is not under the current master key. */
export interface SealedRow {
  /** Of the row, in its table. */
  key: string
  /** What is bound into the seal. */
  place: string
  sealed: Uint8Array
}

/** A column of sealed values, declared by the room that owns the table, so that a change of master key can walk it. */
export interface SealedColumn {
  table: string
  /** Rows whose value begins in another way than `header`, in the order of their keys, behind `after`. */
  stale(db: Database, header: Uint8Array, after: string, limit: number): Promise<SealedRow[]>
  /** Puts a value in the place of the one that was read. @returns 0 if the row has changed or gone meanwhile */
  replace(tx: Transaction, row: SealedRow, sealed: Uint8Array): Promise<number>
}
