import { MINUTE } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import { retireEvents } from './retire.ts'
import { type SealContext, sealEvents } from './seal.ts'

export interface KeeperContext extends SealContext {
  log: Log
  /** How long entries stay; undefined for ever. */
  auditRetentionMs: number | undefined
}

/** An entry is under a checkpoint a little more than this long after its commit. */
const TICK_MS = MINUTE
/** Of each minute, so long old entries leave. */
const RETIRE_MS = MINUTE / 2

/** Seals what is new each minute, and lets go what is too old. All nodes do; of two that meet one is too late. */
export function startKeeper(context: KeeperContext) {
  const { db, now, log, auditRetentionMs } = context
  const stopping = new AbortController()
  let running: Promise<void> | undefined

  const tick = () => {
    running ??= keep()
      .catch((fault) => {
        if (!stopping.signal.aborted) log.error('The audit log could not be sealed.', fault)
      })
      .finally(() => {
        running = undefined
      })
  }

  async function keep() {
    await sealEvents(context, stopping.signal)
    if (auditRetentionMs === undefined) return
    // What is new must not wait for its seal until all that is old has left.
    const enough = AbortSignal.any([stopping.signal, AbortSignal.timeout(RETIRE_MS)])
    await retireEvents(db, now() - auditRetentionMs, enough)
  }

  const timer = setInterval(tick, TICK_MS)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      stopping.abort()
      await running
    },
  }
}
