import { cpus, release } from 'node:os'
import type { Bar, Report } from './figures.ts'

/** The machine in one line; figures of two machines are not to be compared. */
export function machineLine(): string {
  const all = cpus()
  return `${all[0]?.model ?? 'unknown processor'}, ${all.length} cores, Linux ${release()}, Node ${process.version}, SQLite ${process.versions.sqlite}`
}

export function reportText({ name, about, rows, bars }: Report): string {
  return [`## ${name}: ${about}`, '', table(rows), '', ...bars.map(barLine), ''].join('\n')
}

const barLine = ({ what, is, limit, atMost, isHeld }: Bar) =>
  `  ${isHeld ? 'held  ' : 'missed'}  ${what}: ${number(is)} (${atMost ? 'at most' : 'at least'} ${limit})`

/** A table in Markdown whose columns also line up on a terminal. */
function table(rows: Report['rows']): string {
  const heads = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = [heads, ...rows.map((row) => heads.map((head) => text(row[head] ?? '')))]
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  const [first = [], ...rest] = cells.map(line)
  return [first, rule, ...rest].join('\n')
}

const text = (value: string | number) => (typeof value === 'number' ? number(value) : value)

const number = (value: number) =>
  Number.isInteger(value) || Math.abs(value) >= 1_000 ? value.toFixed(0) : value.toFixed(2)
