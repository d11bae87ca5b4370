import type { Clock } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Database } from '#store/database.ts'
import { noteSecretUse } from './store.ts'

export interface SecretUses {
  /** Notes that a secret was used now. */
  note(clientId: string, secretId: string): void
  /** Writes what is noted and stops. */
  stop(): Promise<void>
}

interface Use {
  clientId: string
  secretId: string
  at: number
}

/** How often the notes are written. */
const WRITE_MS = 30_000
/** Notes in one transaction, so that a long list holds up nobody. */
const CHUNK = 100

/**
 * Gathers when secrets were last used. Written with each call, every ask would touch one more page somewhere in the
 * store; written together and in order, neighbours share theirs. A crash loses half a minute of "last used".
 */
export function gatherSecretUses({ db, now, log }: { db: Database; now: Clock; log: Log }): SecretUses {
  let uses = new Map<string, Use>()

  async function write() {
    const noted = [...uses.values()].sort((a, b) => (a.clientId < b.clientId ? -1 : 1))
    uses = new Map()
    for (let i = 0; i < noted.length; i += CHUNK) {
      const chunk = noted.slice(i, i + CHUNK)
      await db.transaction(async (tx) => {
        for (const { clientId, secretId, at } of chunk) await noteSecretUse(tx, clientId, secretId, at)
      })
    }
  }
  const writeOrTell = () =>
    write().catch((fault) => log.error('When secrets were used could not be noted.', fault))
  const timer = setInterval(writeOrTell, WRITE_MS)

  return {
    note: (clientId, secretId) => uses.set(secretId, { clientId, secretId, at: now() }),
    async stop() {
      clearInterval(timer)
      await writeOrTell()
    },
  }
}
