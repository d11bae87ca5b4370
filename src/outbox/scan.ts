import type { Transaction } from '#store/database.ts'
import type { createLanes } from './lanes.ts'
import { FROM_THE_START, type Job, type JobKind, type ScanPosition, type SeenJob, takeJobs } from './store.ts'

/** Rows walked at a time: few where the next ones can be expected to do, more behind those that cannot. */
const [SHORTEST_PAGE, LONGEST_PAGE] = [16, 512]
/** A scan goes on where the last one ended, but for what may have come in behind it: commits that took a while, */
const MARGIN_MS = 2_000
/** and leases that were freed, for which it starts anew so often. */
const WHOLE_SCAN_MS = 5_000

interface ScanOptions {
  kind: JobKind
  lanes: ReturnType<typeof createLanes>
  /** Jobs of one lane at a time. */
  most: number
}

/**
 * A worker's way through what is due, oldest first. It keeps its place, so that neither a long queue nor what PostgreSQL
 * has not cleared away yet is walked again and again: what it had to leave is remembered by lane, and taken lane by lane.
 */
export function createScan({ kind, lanes, most }: ScanOptions) {
  let position: ScanPosition = FROM_THE_START
  let wholeAt = 0

  /** Of each lane with work left lying what it has room for, up to `limit` in all. */
  function wantedOfLying(room: ReadonlyMap<string, number>, limit: number) {
    const wants: { lane: string; wanted: number }[] = []
    let left = limit
    for (const lane of lanes.leftLying()) {
      const wanted = Math.min(room.get(lane) ?? most, left)
      if (wanted <= 0) continue
      wants.push({ lane, wanted })
      left -= wanted
    }
    return wants
  }

  /** Remembers how far the scan has come, and the lanes it had to leave something of. */
  function keepPlace(seen: readonly SeenJob[], limit: number) {
    let wanted = 0
    for (const { lane, dueAt, id, isLying, isWanted } of seen) {
      if (isWanted) wanted += 1
      // All that was wanted is found: what lies behind was not judged.
      else if (wanted === limit) return
      else lanes.leave(lane)
      if (!isLying) position = { dueAt, id }
    }
  }

  return {
    /** Leases up to `limit` jobs, no more of a lane than it has room for. */
    async take(tx: Transaction, { now, moment, limit }: { now: number; moment: number; limit: number }) {
      if (moment >= wholeAt) {
        wholeAt = moment + WHOLE_SCAN_MS
        position = FROM_THE_START
      }
      const jobs: Job[] = []
      const room = lanes.tight(most)
      let lying = wantedOfLying(room, limit)
      let page = Math.max(limit, SHORTEST_PAGE)
      let left = limit
      while (left > 0) {
        // What is left of these lanes has an index of its own.
        for (const lane of lanes.leftLying()) room.set(lane, 0)
        const seen = await takeJobs(tx, { kind, now, limit: left, lying, after: position, page, most, room })
        for (const { id, ref, lane, attempt } of seen) {
          if (ref !== null && attempt !== null) jobs.push({ id, kind, ref, lane, attempt })
        }
        keepPlace(seen, left)
        for (const { lane, wanted } of lying) {
          const found = seen.filter((each) => each.isLying && each.lane === lane).length
          if (found < wanted) lanes.clear(lane)
          else lanes.requeue(lane)
        }
        const taken = seen.filter(({ isWanted }) => isWanted)
        for (const { lane } of taken) room.set(lane, (room.get(lane) ?? most) - 1)
        if (seen.length - seen.filter(({ isLying }) => isLying).length < page) break
        left -= taken.length
        lying = []
        page = LONGEST_PAGE
      }
      if (position.dueAt > now - MARGIN_MS) position = { dueAt: now - MARGIN_MS, id: '' }
      return jobs
    },

    /** Begins anew with the next look. */
    restart() {
      position = FROM_THE_START
    },
  }
}
