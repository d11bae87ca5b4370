/** A limit that the design sets. */
export interface Bar {
  what: string
  is: number
  limit: number
  atMost: boolean
  isHeld: boolean
}

/** What a bench found: rows of a table, each a column a name, and the limits it was measured against. */
export interface Report {
  name: string
  about: string
  rows: Record<string, string | number>[]
  bars: Bar[]
}

/** What the command line asks for. */
export interface BenchOptions {
  rounds: number
  seconds: number
  /** Folder for CPU profiles of the server. */
  profile: string | undefined
  /** Tells a person what is going on. */
  say: (line: string) => void
}

export const atMost = (what: string, is: number, limit: number): Bar => ({
  what,
  is,
  limit,
  atMost: true,
  isHeld: is <= limit,
})

export const atLeast = (what: string, is: number, limit: number): Bar => ({
  what,
  is,
  limit,
  atMost: false,
  isHeld: is >= limit,
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

/** Least, median and greatest, for a table. */
export const spread = (values: readonly number[], digits = 0): string =>
  [Math.min(...values), median(values), Math.max(...values)].map((each) => each.toFixed(digits)).join(' / ')
