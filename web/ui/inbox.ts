import { useEffect, useState } from 'preact/hooks'
import type { RequestPage } from '../../src/api/contract.ts'
import { get, isPassing } from './api.ts'
import { readAgainSoon } from './live.ts'

interface Inbox {
  page?: RequestPage
  error?: unknown
}

let inbox: Inbox = {}
const watchers = new Set<(inbox: Inbox) => void>()

export async function readInbox() {
  try {
    inbox = { page: await get<RequestPage>('/v1/me/requests?status=pending') }
  } catch (error) {
    inbox = { ...inbox, error }
    if (isPassing(error)) readAgainSoon()
  }
  for (const watch of watchers) watch(inbox)
}

/** What waits for this user: the inbox shows it, the navigation counts it, and both know it from one reading. */
export function useInbox(): Inbox {
  const [known, setKnown] = useState(inbox)
  useEffect(() => {
    watchers.add(setKnown)
    return () => void watchers.delete(setKnown)
  }, [])
  return known
}
