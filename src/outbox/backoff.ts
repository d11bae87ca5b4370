/** Spreads a wait by ± 20 %, so that what failed together does not come back together. */
export const jitter = (waitMs: number, random: () => number = Math.random): number =>
  Math.round(waitMs * (0.8 + 0.4 * random()))
