import type { ComponentChildren } from 'preact'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { get, inHand, isPassing } from './api.ts'
import { Failure } from './failure.tsx'
import { readAgainSoon, useLive } from './live.ts'
import { Skeleton } from './skeleton.tsx'

export interface Loading<T> {
  data?: T
  error?: unknown
  reload: () => Promise<void>
}

/** What the server says at `path`, kept fresh while it is shown. */
export function useLoad<T>(path: string): Loading<T> {
  const [state, setState] = useState<{ data?: T; error?: unknown }>(() => {
    const data = inHand<T>(path)
    return data === undefined ? {} : { data }
  })
  const isInHand = useRef(state.data !== undefined)
  const newest = useRef(0)

  const reload = useCallback(async () => {
    const turn = ++newest.current
    try {
      const data = await get<T>(path)
      // Of two answers under way at once, the one asked for last is the truth.
      if (turn === newest.current) setState({ data })
    } catch (error) {
      if (turn !== newest.current) return
      setState((known) => ({ ...known, error }))
      if (isPassing(error)) readAgainSoon()
    }
  }, [path])

  useEffect(() => {
    if (!isInHand.current) void reload()
    isInHand.current = false
  }, [reload])
  useLive(reload)
  return { ...state, reload }
}

/** Shows what was loaded; until then a skeleton, and a failure with a way to try again. */
export function Loaded<T>(props: { from: Loading<T>; children: (data: T) => ComponentChildren }) {
  const { data, error, reload } = props.from
  return (
    <>
      {error !== undefined && <Failure error={error} retry={reload} />}
      {data === undefined ? error === undefined && <Skeleton /> : props.children(data)}
    </>
  )
}
