import { useRef, useState } from 'preact/hooks'

export interface Action {
  run: () => Promise<void>
  isBusy: boolean
  error: unknown
}

/** Something a button does: once at a time, and what went wrong stays on the page. */
export function useAction(work: () => Promise<unknown>): Action {
  const isUnderWay = useRef(false)
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()

  const run = async () => {
    if (isUnderWay.current) return
    isUnderWay.current = true
    setBusy(true)
    setError(undefined)
    try {
      await work()
    } catch (cause) {
      setError(cause)
    }
    isUnderWay.current = false
    setBusy(false)
  }
  return { run, isBusy, error }
}
