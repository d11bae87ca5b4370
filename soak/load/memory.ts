import { readFileSync } from 'node:fs'

interface Sample {
  /** Seconds. */
  at: number
  mib: number
}

/** Looks each second at the memory that a process has in use (VmRSS, proc_pid_status(5)). */
export function watchMemory(pid: () => number) {
  let samples: Sample[] = []
  const timer = setInterval(() => {
    const mib = memoryOf(pid())
    if (mib !== undefined) samples.push({ at: performance.now() / 1_000, mib })
  }, 1_000)
  return {
    /** Begins anew. */
    restart() {
      samples = []
    },
    trend: () => trendOf(samples),
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

/** The straight line through all samples by least squares, and how far they lie from it. */
function trendOf(samples: readonly Sample[]) {
  const mean = (of: (each: Sample) => number) =>
    samples.reduce((sum, each) => sum + of(each), 0) / samples.length
  const [at, mib] = [mean((each) => each.at), mean((each) => each.mib)]
  const spread = mean((each) => (each.at - at) ** 2)
  const slope = mean((each) => (each.at - at) * (each.mib - mib)) / spread
  const noise = Math.sqrt(mean((each) => (each.mib - mib - slope * (each.at - at)) ** 2))
  const seconds = (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0)
  return { mib, noise, perHour: slope * 3_600, grown: slope * seconds }
}

/** @returns undefined where the process has just ended */
function memoryOf(pid: number): number | undefined {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    return kib === undefined ? undefined : Number(kib) / 1_024
  } catch {
    return undefined
  }
}
