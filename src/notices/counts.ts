import { type Clock, DAY, HOUR } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Database } from '#store/database.ts'
import { addChannelCount, forgetChannelCounts } from './store.ts'

export interface ChannelCounts {
  /** @param outcome `sent`, or the kind of the failure */
  note(channel: string, outcome: string): void
  /** Writes what is noted and stops. */
  stop(): Promise<void>
}

const WRITE_MS = 5_000
const KEPT_MS = 30 * DAY

interface Noted {
  channel: string
  hour: number
  outcome: string
  count: number
  lastAt: number
}

/**
 * Counts how sending goes, by channel and hour. Gathered here and written together: counted with each message, all nodes
 * would queue for one row. A crash loses five seconds of it.
 */
export function countChannels({ db, now, log }: { db: Database; now: Clock; log: Log }): ChannelCounts {
  let counts = new Map<string, Noted>()

  async function write() {
    if (counts.size === 0) return
    // In one order on all nodes, so that none waits for another that waits for it.
    const noted = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each)
    counts = new Map()
    await db.transaction(async (tx) => {
      for (const each of noted) await addChannelCount(tx, each)
      await forgetChannelCounts(tx, now() - KEPT_MS)
    })
  }
  const writeOrTell = () => write().catch((fault) => log.error('How sending went could not be noted.', fault))
  const timer = setInterval(writeOrTell, WRITE_MS)

  return {
    note(channel, outcome) {
      const at = now()
      const hour = at - (at % HOUR)
      const key = `${channel} ${outcome} ${hour}`
      const known = counts.get(key) ?? { channel, hour, outcome, count: 0, lastAt: at }
      counts.set(key, { ...known, count: known.count + 1, lastAt: at })
    },
    async stop() {
      clearInterval(timer)
      await writeOrTell()
    },
  }
}
