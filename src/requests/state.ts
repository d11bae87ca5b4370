/** The ways out of pending. A final state never changes. */
export const SETTLED = ['approved', 'rejected', 'expired', 'withdrawn'] as const

export type Settled = (typeof SETTLED)[number]
export type RequestState = 'pending' | Settled

/** The state at a moment: a pending request whose time is over has expired, whether anybody has noticed yet or not. */
export const stateAt = (
  { state, expiresAt }: { state: RequestState; expiresAt: number },
  now: number,
): RequestState => (state === 'pending' && expiresAt <= now ? 'expired' : state)
