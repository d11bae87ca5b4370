import { useEffect, useState } from 'preact/hooks'

/** True once `text` was in view for a second: a tap meant for what was there before must not approve. */
export function useArmed(text: string): boolean {
  const [armedFor, setArmedFor] = useState<string>()

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>
    const arm = () => {
      clearTimeout(timer)
      setArmedFor(undefined)
      if (document.visibilityState === 'visible') timer = setTimeout(() => setArmedFor(text), 1_000)
    }
    arm()
    document.addEventListener('visibilitychange', arm)
    return () => {
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', arm)
    }
  }, [text])

  return armedFor === text
}
