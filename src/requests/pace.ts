import { SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { Log } from '#base/log.ts'
import type { Database } from '#store/database.ts'
import { notePoll, type RequestHandle } from './store.ts'

/** How often each client polls for what still waits (CIBA Core 1.0 §11, `slow_down`). */
export interface PollPace {
  /** @param at when the call came, in epoch milliseconds @returns what answers it: `poll_too_soon` or `request_pending` */
  judge(handle: Pick<RequestHandle, 'requestId' | 'polledAt' | 'intervalSeconds'>, at: number): Refusal
  /** Writes what is noted and stops. */
  stop(): Promise<void>
}

interface Noted {
  requestId: string
  at: number
  intervalSeconds: number
}

/** Waits are measured by two clocks and over a network: so much earlier is not yet too early. */
const EARLY_MS = 100
/** By which the interval of a client grows that does not keep it. */
const PENALTY_SECONDS = 5
/** How often the notes are written: far more often than any client may poll. */
const WRITE_MS = 100
/** Notes in one transaction, so that a long list holds up nobody. */
const CHUNK = 200

/**
 * Polls are remembered here and written together: a commit for each would be most of what a poll costs. Other nodes, and
 * this one after a crash, know of a poll a tenth of a second later than it was.
 */
export function keepPace({ db, log }: { db: Database; log: Log }): PollPace {
  const noted = new Map<string, Noted>()
  let timer: NodeJS.Timeout | undefined
  let writing = Promise.resolve()

  async function write() {
    timer = undefined
    // In one order everywhere, so that two nodes never wait for each other.
    const notes = [...noted.values()].sort((a, b) => (a.requestId < b.requestId ? -1 : 1))
    for (let i = 0; i < notes.length; i += CHUNK) {
      const chunk = notes.slice(i, i + CHUNK)
      await db.transaction(async (tx) => {
        await Promise.all(
          chunk.map(({ requestId, intervalSeconds, at }) => notePoll(tx, requestId, intervalSeconds, at)),
        )
      })
    }
    for (const note of notes) if (noted.get(note.requestId) === note) noted.delete(note.requestId)
  }

  const plan = () => {
    timer ??= setTimeout(() => {
      writing = write().catch((fault) => {
        // The store is away: clients may poll a little faster meanwhile, and what is noted is not kept for ever.
        noted.clear()
        log.error('How often clients poll could not be noted.', fault)
      })
    }, WRITE_MS)
  }

  return {
    judge({ requestId, polledAt, intervalSeconds }, at) {
      const here = noted.get(requestId)
      const lastAt = Math.max(polledAt ?? 0, here?.at ?? 0)
      const asked = Math.max(intervalSeconds, here?.intervalSeconds ?? 0)
      const isEarly = lastAt > 0 && at - lastAt < asked * SECOND - EARLY_MS
      const interval = isEarly ? asked + PENALTY_SECONDS : asked
      noted.set(requestId, { requestId, at, intervalSeconds: interval })
      plan()
      return isEarly
        ? new Refusal('poll_too_soon', { facts: { interval, retry_after: interval } })
        : new Refusal('request_pending', { facts: { interval } })
    },
    async stop() {
      clearTimeout(timer)
      await writing
      await write()
    },
  }
}
