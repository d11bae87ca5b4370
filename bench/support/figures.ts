import type { Engine } from './database.ts'

/** A limit that the design sets. */
export interface Bar {
  what: string
  is: number
  limit: number
  atMost: boolean
  isHeld: boolean
  /** Where the picture shows it: a column, and those of our rows that have all these cells. */
  on?: Place | undefined
}

interface Place {
  column: string
  cells?: readonly string[]
}

/** Least, median and greatest of what was measured several times. */
export interface Spread {
  min: number
  med: number
  max: number
}

/** What stands in a table: a name, a count, or a figure, which a picture shows as well. */
export type Cell = string | number | Spread

/** What a bench found: rows of a table, each a column a name, and the limits it was measured against. */
export interface Report {
  name: string
  about: string
  rows: Record<string, Cell>[]
  /** Names, in the rows, of what ours is measured beside: floors, and other people's software. */
  peers?: readonly string[]
  bars: Bar[]
}

/** What the command line asks for. */
export interface BenchOptions {
  rounds: number
  seconds: number
  /** Of those that run on either. */
  stores: readonly Engine[]
  /** Of “nodes”. */
  nodes: number
  /** Folder for CPU profiles of the server. */
  profile: string | undefined
  /** Tells a person what is going on. */
  say: (line: string) => void
}

export const atMost = (what: string, is: number, limit: number, on?: Place): Bar => ({
  what,
  is,
  limit,
  atMost: true,
  isHeld: is <= limit,
  on,
})

export const atLeast = (what: string, is: number, limit: number, on?: Place): Bar => ({
  what,
  is,
  limit,
  atMost: false,
  isHeld: is >= limit,
  on,
})

/** The value that so large a share of all values does not exceed (nearest rank). */
export function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

export function median(values: readonly number[]): number {
  return (
    (percentile(values, 0.5) +
      -percentile(
        values.map((each) => -each),
        0.5,
      )) /
    2
  )
}

export const spread = (values: readonly number[]): Spread => ({
  min: Math.min(...values),
  med: median(values),
  max: Math.max(...values),
})

export const isSpread = (cell: Cell | undefined): cell is Spread => typeof cell === 'object'

/** How many times the others' figure ours is, round by round: both met the same machine. */
export const ratios = (ours: readonly number[], others: readonly number[]): number[] =>
  ours.map((each, round) => each / (others[round] ?? Number.NaN))

/** What was found in a round so far, begun where it is the first. */
export function roundOf<T>(rounds: T[][], round: number): T[] {
  const found = rounds[round] ?? []
  rounds[round] = found
  return found
}
