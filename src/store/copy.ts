import type { Database } from './database.ts'
import { camelCase, type Sql, type SqlValue } from './sql.ts'

/** How far the copy of one table has come. */
export interface Progress {
  table: string
  copied: number
  total: number
}

/** Rows in one statement; PostgreSQL takes 65,535 values at most. */
const BATCH = 500

/**
 * Copies everything from one store to another that is empty, table by table in the order of their references, and counts
 * the rows on both sides. Nothing may write to the first one meanwhile.
 *
 * @returns rows of each table
 * @throws Error with a sentence when the target holds something, or a count differs
 */
export async function copyStore(from: Database, to: Database, report: (progress: Progress) => void) {
  const tables = await tablesOf(from)
  for (const table of tables) {
    if (table !== MIGRATIONS && (await count(to, table)) > 0) {
      throw new Error(`The target is not empty: its table ${table} holds rows. Give a new database.`)
    }
  }

  const counts: Record<string, number> = {}
  for (const table of tables) {
    if (table === MIGRATIONS) continue
    const total = await count(from, table)
    const copied = await copyTable(from, to, table, (done) => report({ table, copied: done, total }))
    const arrived = await count(to, table)
    if (copied !== total || arrived !== total) {
      throw new Error(
        `Of ${total} rows of ${table} ${arrived} arrived. Was something still writing? Start anew.`,
      )
    }
    counts[table] = total
  }
  await to.transaction((tx) =>
    tx.script(
      "select setval(pg_get_serial_sequence('events', 'seq'), (select coalesce(max(seq), 1) from events))",
    ),
  )
  return counts
}

/** Each store notes its own. */
const MIGRATIONS = 'schema_migrations'

/** A statement made here, not at a place in the code: names of tables come from the store itself, never from a caller. */
const made = (parts: string[], values: SqlValue[] = []): Sql => ({
  strings: Object.assign(parts, { raw: parts }) as TemplateStringsArray,
  values,
})

async function tablesOf(from: Database): Promise<string[]> {
  const rows = await from.read<{ name: string }>(
    made(["select name from sqlite_schema where type = 'table' and name not like 'sqlite_%' order by rowid"]),
  )
  return rows.map(({ name }) => name)
}

async function count(db: Database, table: string): Promise<number> {
  const [row] = await db.read<{ count: number }>(made([`select count(*) as count from ${table}`]))
  return row?.count ?? 0
}

async function copyTable(from: Database, to: Database, table: string, report: (copied: number) => void) {
  const columns = await from.read<{ name: string; pk: number }>(made([`pragma table_info(${table})`]))
  const names = columns.map(({ name }) => name)
  const key = columns
    .filter(({ pk }) => pk > 0)
    .sort((a, b) => a.pk - b.pk)
    .map(({ name }) => name)
  const list = names.join(', ')
  const order = key.join(', ')
  let after: SqlValue[] | undefined
  let copied = 0
  for (;;) {
    const rows = await from.read<Record<string, SqlValue>>(
      after
        ? made(
            [
              `select ${list} from ${table} where (${order}) > (`,
              ...Array(key.length - 1).fill(', '),
              `) order by ${order} limit ${BATCH}`,
            ],
            after,
          )
        : made([`select ${list} from ${table} order by ${order} limit ${BATCH}`]),
    )
    if (rows.length === 0) return copied
    const values = rows.map((row) => names.map((name) => row[camelCase(name)] ?? null))
    await to.transaction((tx) => tx.run(insertion(table, list, values)))
    copied += rows.length
    report(copied)
    after = key.map((name) => rows.at(-1)?.[camelCase(name)] ?? null)
  }
}

function insertion(table: string, list: string, rows: SqlValue[][]): Sql {
  const parts = [`insert into ${table} (${list}) values (`]
  rows.forEach((row, r) => {
    row.forEach((_, c) => {
      const isLast = c === row.length - 1
      parts.push(!isLast ? ', ' : r === rows.length - 1 ? ')' : '), (')
    })
  })
  return made(parts, rows.flat())
}
