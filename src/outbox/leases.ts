import type { LeasedJob } from './store.ts'

/**
 * Tells which leases were left behind by workers that vanished: those that this worker itself has watched unchanged for
 * as long as a lease lasts. No time of day is compared, so clocks may be wrong, differ between nodes or be set while work
 * is under way, and still no two workers do one job at once.
 */
export function watchLeases(leaseMs: number) {
  let watched = new Map<string, { attempt: number; since: number }>()

  return {
    /** @param moment of a steady clock */
    abandoned(leased: readonly LeasedJob[], moment: number): LeasedJob[] {
      const before = watched
      watched = new Map()
      return leased.filter(({ id, attempt }) => {
        const known = before.get(id)
        const since = known?.attempt === attempt ? known.since : moment
        watched.set(id, { attempt, since })
        return moment - since >= leaseMs
      })
    },
  }
}
