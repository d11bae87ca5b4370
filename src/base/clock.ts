/** Tells the time in epoch milliseconds, UTC. Handed in everywhere, so that tests can hold and move it. */
export type Clock = () => number

/**
 * Milliseconds since this process began. Unlike the time of day nobody can set it: for spans within one process, such as
 * a rest or a lease.
 */
export const steadyClock: Clock = () => performance.now()

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** How far another's clock may be from ours: as far as FAPI 2.0 Security Profile §5.3.2.1 lets a time lie ahead. */
export const CLOCK_SKEW_MS = 60 * SECOND
