import { useEffect, useState } from 'preact/hooks'
import { now } from '../ui/clock.ts'

const minuteMs = 60_000

/** Milliseconds until `at`; told anew each minute, and each second in the last one. */
export function useTimeLeft(at: number): number {
  const [left, setLeft] = useState(at - now())

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>
    const tick = () => {
      const leftMs = at - now()
      setLeft(leftMs)
      if (leftMs > 0)
        timer = setTimeout(tick, leftMs > minuteMs ? leftMs % minuteMs || minuteMs : leftMs % 1000 || 1000)
    }
    tick()
    return () => clearTimeout(timer)
  }, [at])

  return left
}
