import type { Access } from './store.ts'

/** How an access stands: what can be renewed is good as long as that is, whatever became of its first token. */
export function accessAt(access: Access, now: number) {
  const state = access.familyState ?? access.state
  const expiresAt = access.familyExpiresAt ?? access.expiresAt
  return { state: state === 'active' && expiresAt <= now ? ('expired' as const) : state, expiresAt }
}
