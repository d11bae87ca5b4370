export type SqlValue = string | number | null | Uint8Array

/** A statement and its values, kept apart up to the engine. */
export interface Sql {
  readonly strings: TemplateStringsArray
  readonly values: readonly SqlValue[]
}

/** Values enter a statement by this template only. Its `strings` are one object per place in the code: an engine prepares by it. */
export const sql = (strings: TemplateStringsArray, ...values: SqlValue[]): Sql => ({ strings, values })

/** `client_id` is `clientId` in code. */
export const camelCase = (column: string): string =>
  column.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

// SQLite has one writer, so nothing needs a lock there. PostgreSQL's clauses are written into the one text as comments,
// "for update" and "for update skip locked", which SQLite passes over.
export const lockClauses = (text: string): string =>
  text.replace(/\/\* (for update(?: skip locked)?) \*\//g, '$1')
