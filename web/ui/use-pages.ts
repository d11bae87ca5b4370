import { useEffect, useState } from 'preact/hooks'
import { useAction } from './action.ts'
import { get } from './api.ts'
import { type Loading, useLoad } from './load.tsx'

interface PageOf<T> {
  items: T[]
  next: string | null
}

/** A list that is kept fresh at its newest end, and grows by older pages as they are asked for. */
export function usePages<T extends { id: string }>(path: string, query: string, name: string) {
  const url = (cursor?: string) => {
    const params = new URLSearchParams(query)
    if (cursor) params.set('cursor', cursor)
    return params.size ? `${path}?${params}` : path
  }
  const newest: Loading<Record<string, unknown>> = useLoad(url())
  const [older, setOlder] = useState<PageOf<T>>()
  const pageOf = (data: Record<string, unknown>) =>
    ({ items: data[name] as T[], next: data.next as string | null }) satisfies PageOf<T>
  useEffect(() => setOlder(undefined), [path, query])

  const first = newest.data && pageOf(newest.data)
  const next = older ? older.next : (first?.next ?? null)
  const more = useAction(async () => {
    const page = pageOf(await get<Record<string, unknown>>(url(next ?? '')))
    setOlder((known) => ({ items: [...(known?.items ?? []), ...page.items], next: page.next }))
  })
  const items = first && [
    ...new Map([...(older?.items ?? []), ...first.items].map((each) => [each.id, each])).values(),
  ]
  return {
    items: items?.sort((a, b) => (a.id < b.id ? 1 : -1)),
    error: newest.error,
    reload: newest.reload,
    hasMore: next !== null,
    more,
  }
}
