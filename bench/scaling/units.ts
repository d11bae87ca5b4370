import { readFile } from 'node:fs/promises'
import type { Report, Spread } from '../support/figures.ts'

const FILE = new URL('./units.json', import.meta.url)

/** What one thing costs, and which bench said so. */
export interface Unit {
  value: number
  unit: 'µs' | 'bytes'
  what: string
  /** Where it stands in a report: the bench, a row that has this cell, the column. */
  bench: string
  cell: string
  column: string
  at: string
}

export type UnitName =
  | 'flowSqlite'
  | 'flowPostgres'
  | 'flowDatabase'
  | 'poll'
  | 'redeem'
  | 'introspect'
  | 'deliver'
  | 'bytesSqlite'
  | 'bytesPostgres'
  | 'log'
  | 'passing'

export interface Units {
  machine: string
  /** Whether nothing else ran meanwhile. */
  isQuiet: boolean
  units: Record<UnitName, Unit>
  /** Bytes of each table that a finished request leaves: SQLite, PostgreSQL. */
  tables: Record<string, [sqlite: number, postgres: number]>
}

export async function readUnits() {
  const found = JSON.parse(await readFile(FILE, 'utf8')) as Units
  const value = (name: UnitName) => found.units[name].value
  const rush = {
    flow: value('flowPostgres'),
    deliver: value('deliver'),
    database: value('flowDatabase'),
  }
  return { ...found, value, rush }
}

/** Takes each unit anew from reports of benches; one whose report is missing stays as it was. */
export function refreshed(
  before: Units,
  reports: ReadonlyMap<string, Report & { machine: string; at: string }>,
): Units {
  const units = { ...before.units }
  let { machine } = before
  for (const [name, unit] of Object.entries(before.units) as [UnitName, Unit][]) {
    const report = reports.get(unit.bench)
    const row = report?.rows.find((each) => Object.values(each).includes(unit.cell))
    const cell = row?.[unit.column] as Spread | undefined
    if (!report || !cell) continue
    machine = report.machine
    units[name] = { ...unit, value: Number(cell.med.toPrecision(3)), at: report.at.slice(0, 10) }
  }
  const sizes = reports.get('sizes')
  const tables: Units['tables'] = sizes ? {} : before.tables
  const bytesOf = (cell: unknown) => Math.round((cell as Spread | undefined)?.med ?? 0)
  for (const row of sizes?.rows ?? []) {
    const name = String(row.table)
    if (name === 'all tables' || name === 'write-ahead log') continue
    tables[name] = [bytesOf(row['SQLite, bytes a request']), bytesOf(row['PostgreSQL, bytes a request'])]
  }
  // What is emptied again: rows that live until a request is settled or a delivery is done.
  const passing = PASSING.reduce((sum, table) => sum + (tables[table]?.[1] ?? 0), 0)
  if (sizes) units.passing = { ...units.passing, value: passing, at: sizes.at.slice(0, 10) }
  return { ...before, machine, units, tables }
}

/** Tables whose rows leave with their work. */
export const PASSING = [
  'outbox',
  'delivery_payloads',
  'reviews',
  'notices',
  'challenges',
  'event_leaves',
] as const
