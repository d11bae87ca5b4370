import { type Clock, HOUR, MINUTE, SECOND } from '#base/clock.ts'
import type { Handler, Outcome } from '#outbox/worker.ts'
import { type Feedback, feedbackById, putForward, type Way } from './store.ts'

/** Sends one feedback one way. @throws what was wrong, with a sentence as its message */
export type Send = (feedback: Feedback, signal: AbortSignal) => Promise<void>

const DEADLINE_MS = 20 * SECOND
/** Wait after each try that failed; then the last one. */
const WAITS = [MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 6 * HOUR] as const
/** About a week. What could not be forwarded stays in the list of the operator. */
const MOST_TRIES = 32

/** Forwards what was promised. */
export function feedbackHandler({ now, sends }: { now: Clock; sends: ReadonlyMap<Way, Send> }): Handler {
  return {
    slots: 4,
    laneSlots: 2,
    deadlineMs: DEADLINE_MS,
    async start(tx, job) {
      const [way, id] = job.ref.split(':') as [Way, string]
      const send = sends.get(way)
      const feedback = await feedbackById(tx, id)
      // Deleted meanwhile; or the way was taken out of the settings.
      if (!feedback) return undefined
      const note = (state: 'queued' | 'sent' | 'failed', why: string | null) =>
        ({ feedbackId: id, way, state, note: why, updatedAt: now() }) as const
      if (!send) {
        await putForward(tx, note('failed', 'This way is no longer set.'))
        return undefined
      }
      return async (signal) => {
        const fault = await send(feedback, signal).then(
          () => undefined,
          (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
        )
        return async (tx, isLate): Promise<Outcome> => {
          if (isLate || !(await feedbackById(tx, id))) return { done: true }
          const isLast = job.attempt >= MOST_TRIES
          await putForward(tx, fault ? note(isLast ? 'failed' : 'queued', fault) : note('sent', null))
          if (!fault || isLast) return { done: true, isLaneFault: fault !== undefined }
          const wait = WAITS[Math.min(job.attempt, WAITS.length) - 1] ?? WAITS[0]
          return { repeatAt: now() + wait, isLaneFault: true }
        }
      }
    },
  }
}
