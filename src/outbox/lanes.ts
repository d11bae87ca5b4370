import type { Clock } from '#base/clock.ts'

/** When a lane whose work keeps failing is left alone, and for how long. */
export interface BreakerRule {
  /** Faults in a row. */
  faults: number
  /** First rest; each probe that fails doubles it. */
  restMs: number
  longestRestMs: number
}

interface LaneState {
  underWay: number
  faults: number
  restMs: number
  restsUntil: number
}

/**
 * What one worker knows of its lanes: how many jobs of each are under way, which ones rest because their work keeps
 * failing, and which have due work that was left lying. A resting lane loses nothing: its jobs stay where they are and
 * use up no attempts; when the rest is over one of them goes ahead as a probe.
 */
export function createLanes({
  most,
  breaker,
  now,
}: {
  most: number
  breaker?: BreakerRule | undefined
  now: Clock
}) {
  const states = new Map<string, LaneState>()
  const left = new Set<string>()

  const stateOf = (lane: string): LaneState => {
    const known = states.get(lane)
    if (known) return known
    const fresh = { underWay: 0, faults: 0, restMs: 0, restsUntil: 0 }
    states.set(lane, fresh)
    return fresh
  }

  return {
    /** How many more jobs of this lane may begin now. */
    room(lane: string): number {
      const state = states.get(lane)
      if (!state) return most
      if (state.restsUntil > 0 && state.restsUntil > now()) return 0
      return (state.restsUntil > 0 ? 1 : most) - state.underWay
    },

    /** Lanes in which no more than `atMost` may begin, whatever is due, and how many in each. */
    tight(atMost: number): Map<string, number> {
      const rooms = new Map<string, number>()
      for (const lane of states.keys()) {
        const left = this.room(lane)
        if (left < atMost) rooms.set(lane, left)
      }
      return rooms
    },

    begin(lane: string) {
      stateOf(lane).underWay += 1
    },

    end(lane: string, isFault: boolean) {
      const state = stateOf(lane)
      state.underWay -= 1
      if (!isFault) {
        state.faults = 0
        state.restMs = 0
        state.restsUntil = 0
      } else if (breaker) {
        state.faults += 1
        const isProbe = state.restsUntil > 0 && state.restsUntil <= now()
        if (isProbe || (state.restsUntil === 0 && state.faults >= breaker.faults)) {
          state.restMs = Math.min(state.restMs * 2 || breaker.restMs, breaker.longestRestMs)
          state.restsUntil = now() + state.restMs
        }
      }
      if (state.underWay === 0 && state.faults === 0) states.delete(lane)
    },

    /** Ends a lane's rest, since somebody knows better. */
    wake(lane: string) {
      const state = states.get(lane)
      if (state) Object.assign(state, { faults: 0, restMs: 0, restsUntil: 0 })
    },

    /** Notes that due work of a lane was left lying. */
    leave: (lane: string) => left.add(lane),

    isLeft: (lane: string) => left.has(lane),

    /** Nothing of this lane is left lying any more. */
    clear: (lane: string) => left.delete(lane),

    /** Lanes with work left lying, the one that waited longest first. */
    leftLying: (): string[] => [...left],

    /** Puts a lane behind the others that wait. */
    requeue(lane: string) {
      if (left.delete(lane)) left.add(lane)
    },
  }
}
