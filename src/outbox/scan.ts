import type { Transaction } from '#store/database.ts'
import type { createLanes } from './lanes.ts'
import { FROM_THE_START, type Job, type JobKind, type ScanPosition, type SeenJob, takeJobs } from './store.ts'

/** Rows walked at a time: few where the next ones can be expected to do, more behind those that cannot. */
const [SHORTEST_PAGE, LONGEST_PAGE] = [16, 512]
/**
 * A scan goes on where the last one ended, but for what may have come in behind it: commits, which take a moment. The
 * longer it looks back, the more of what is done it walks over once more, so for slow ones it does so now and then,
 */
const LOOK_BACK_MS = 250
const [FAR_LOOK_MS, FAR_LOOK_BACK_MS] = [500, 2_000]
/** and for what slipped past even so, a second walk goes over everything so often, a page at each look. */
const WHOLE_WALK_MS = 5_000

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
  let farAt = 0
  let walkAt: number | undefined
  /** Where the second walk has come to, while it is under way. */
  let walker: ScanPosition | undefined

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

  /** @returns how far a walk has come, having remembered the lanes that it had to leave something of */
  function placeAfter(seen: readonly SeenJob[], limit: number, before: ScanPosition): ScanPosition {
    let place = before
    let wanted = 0
    for (const { lane, dueAt, id, isLying, isWanted } of seen) {
      if (isWanted) wanted += 1
      // All that was wanted is found: what lies behind was not judged.
      else if (wanted === limit) return place
      else lanes.leave(lane)
      if (!isLying) place = { dueAt, id }
    }
    return place
  }

  function lookBack(now: number, moment: number) {
    const isFar = moment >= farAt
    if (isFar) farAt = moment + FAR_LOOK_MS
    const latest = now - (isFar ? FAR_LOOK_BACK_MS : LOOK_BACK_MS)
    if (position.dueAt > latest) position = { dueAt: latest, id: '' }
  }

  /** Where the second walk goes on, if one is due. */
  function nextOfWalk(moment: number): ScanPosition | undefined {
    walkAt ??= moment + WHOLE_WALK_MS
    if (!walker && moment >= walkAt) walker = FROM_THE_START
    return walker
  }

  return {
    /** Leases up to `limit` jobs, no more of a lane than it has room for. */
    async take(tx: Transaction, { now, moment, limit }: { now: number; moment: number; limit: number }) {
      lookBack(now, moment)
      const jobs: Job[] = []
      const room = lanes.tight(most)
      let lying = wantedOfLying(room, limit)
      let left = limit

      /** @returns the place after a page, or undefined at the end of all that is due */
      const walk = async (after: ScanPosition, page: number) => {
        // What is left of these lanes has an index of its own.
        for (const lane of lanes.leftLying()) room.set(lane, 0)
        const seen = await takeJobs(tx, { kind, now, limit: left, lying, after, page, most, room })
        for (const { id, ref, lane, attempt, lostAt } of seen) {
          if (ref !== null && attempt !== null)
            jobs.push({ id, kind, ref, lane, attempt, leasedAt: now, lostAt })
        }
        const place = placeAfter(seen, left, after)
        for (const { lane, wanted } of lying) {
          const found = seen.filter((each) => each.isLying && each.lane === lane).length
          if (found < wanted) lanes.clear(lane)
          else lanes.requeue(lane)
        }
        lying = []
        const taken = seen.filter(({ isWanted }) => isWanted)
        for (const { lane } of taken) room.set(lane, (room.get(lane) ?? most) - 1)
        left -= taken.length
        return { place, isEnd: seen.filter(({ isLying }) => !isLying).length < page }
      }

      for (let page = Math.max(limit, SHORTEST_PAGE); left > 0; page = LONGEST_PAGE) {
        const { place, isEnd } = await walk(position, page)
        position = place
        if (isEnd) break
      }
      const second = nextOfWalk(moment)
      if (second && left > 0) {
        const { place, isEnd } = await walk(second, LONGEST_PAGE)
        const isOver = isEnd || place.dueAt >= position.dueAt
        walker = isOver ? undefined : place
        if (isOver) walkAt = moment + WHOLE_WALK_MS
      }
      return jobs
    },

    /** Begins anew with the next look. */
    restart() {
      position = FROM_THE_START
    },
  }
}
