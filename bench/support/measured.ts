import { inParallel } from './drive.ts'
import { percentile } from './figures.ts'

export interface Measured {
  answers: number
  p50: number
  p99: number
  /** For each answer, in microseconds. */
  cpuUs: number
}

/**
 * Makes each of these calls, so many at a time.
 *
 * @param cpuUs processor time so far of whatever answers
 */
export async function measureCalls<T, A>(
  items: readonly T[],
  { atOnce, cpuUs }: { atOnce: number; cpuUs: () => number },
  call: (item: T) => Promise<A>,
): Promise<{ answers: A[]; measured: Measured }> {
  const answers: A[] = []
  const latencies: number[] = []
  const before = cpuUs()
  await inParallel(atOnce, items, async (item) => {
    const from = performance.now()
    answers.push(await call(item))
    latencies.push(performance.now() - from)
  })
  const measured = {
    answers: items.length,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    cpuUs: (cpuUs() - before) / items.length,
  }
  return { answers, measured }
}
