import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type Clock, DAY, SECOND } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Database } from '#store/database.ts'
import { forgetNode, forgetOldNodes, noteNode } from './store.ts'

/** How often a process says that it is there. */
const BEAT_MS = 15 * SECOND
/** One that said nothing for so long is taken to be gone. */
export const NODE_GONE_MS = 60 * SECOND
/** How long one that vanished without a word is still shown. */
const NODE_KEPT_MS = DAY

export interface Presence {
  /** Says it now. */
  beat(): Promise<void>
  /** Takes its name off the list. */
  stop(): Promise<void>
}

/** Says from time to time that this process is there to do the work. For people alone: no work is shared out by it. */
export async function announceNode(
  { db, now, log }: { db: Database; now: Clock; log: Log },
  version: string,
): Promise<Presence> {
  const node = {
    id: randomUUID(),
    host: hostname(),
    version,
    engine: db.engine,
    runtime: `Node.js ${process.versions.node}`,
    startedAt: now(),
  }
  const beat = () =>
    db.transaction(async (tx) => {
      await noteNode(tx, { ...node, seenAt: now() })
      await forgetOldNodes(tx, now() - NODE_KEPT_MS)
    })
  await beat()
  const timer = setInterval(() => {
    beat().catch((fault) => log.error('This process could not say that it is there.', fault))
  }, BEAT_MS)
  timer.unref()

  return {
    beat,
    async stop() {
      clearInterval(timer)
      // The store may be away; then the list says in a minute that we are gone.
      await db.transaction((tx) => forgetNode(tx, node.id)).catch(() => undefined)
    },
  }
}
