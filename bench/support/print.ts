import { cpus, release, totalmem } from 'node:os'
import { type Bar, type Cell, isSpread, type Report } from './figures.ts'

/** The machine in one line; figures of two machines are not to be compared. */
export function machineLine(): string {
  const all = cpus()
  const memory = `${(totalmem() / 2 ** 30).toFixed(0)} GiB`
  return `${all[0]?.model ?? 'unknown processor'}, ${all.length} cores, ${memory}, Linux ${release()}, Node ${process.version}, SQLite ${process.versions.sqlite}`
}

export function reportText({ name, about, rows, bars }: Report): string {
  return [`## ${name}: ${about}`, '', table(rows), '', ...bars.map(barLine), ''].join('\n')
}

const barLine = ({ what, is, limit, atMost, isHeld }: Bar) =>
  `  ${isHeld ? 'held  ' : 'missed'}  ${what}: ${number(is)} (${atMost ? 'at most' : 'at least'} ${limit})`

/** A table in Markdown whose columns also line up on a terminal. */
function table(rows: Report['rows']): string {
  const heads = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const cells = [heads, ...rows.map((row) => heads.map((head) => cellText(row[head] ?? '')))]
  const widths = heads.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`
  const [first = [], ...rest] = cells.map(line)
  return [first, rule, ...rest].join('\n')
}

/** A figure of several rounds is written least / median / greatest, one that was taken once alone. */
function cellText(cell: Cell): string {
  if (typeof cell === 'number') return number(cell)
  if (!isSpread(cell)) return cell
  const { min, med, max } = cell
  return min === max ? number(med) : [min, med, max].map(number).join(' / ')
}

/** So many digits as can be meant. */
export function number(value: number): string {
  const size = Math.abs(value)
  if (Number.isInteger(value) || size >= 100) return value.toFixed(0)
  return value.toFixed(size >= 10 ? 1 : 2)
}
