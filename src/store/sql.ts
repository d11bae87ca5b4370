export type SqlValue = string | number | null | Uint8Array

/** A statement and its values, kept apart up to the engine. */
export interface Sql {
  readonly strings: TemplateStringsArray
  readonly values: readonly SqlValue[]
}

/** Values enter a statement by this template only. Its `strings` are one object per place in the code: an engine prepares by it. */
export const sql = (strings: TemplateStringsArray, ...values: SqlValue[]): Sql => ({ strings, values })

/** The twin of a statement of one row, for many rows at once. One object per place in the code, as with `sql`. */
export interface Twin {
  readonly text: string
}

/**
 * The twin for many rows: each value of the statement beside it is an array here, `$1` the first ones of all. It answers
 * each row with `n`, its place in the arrays from 1 (`unnest(…) with ordinality`); one that only adds rows need not.
 * PostgreSQL alone has a use for it: a row in the embedded store costs no way to a server.
 */
export const twin = (strings: TemplateStringsArray): Twin => {
  const known = twins.get(strings)
  if (known) return known
  const made = { text: strings.join('') }
  twins.set(strings, made)
  return made
}
const twins = new WeakMap<TemplateStringsArray, Twin>()

/** `client_id` is `clientId` in code. */
export const camelCase = (column: string): string =>
  column.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

// SQLite has one writer, so nothing needs a lock there. PostgreSQL's clauses are written into the one text as comments,
// "for update" and "for update skip locked", which SQLite passes over.
export const lockClauses = (text: string): string =>
  text.replace(/\/\* (for update(?: skip locked)?) \*\//g, '$1')
