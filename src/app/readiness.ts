import { SECOND } from '#base/clock.ts'
import { StoreUnavailable } from '#base/errors.ts'
import type { Log } from '#base/log.ts'

/** Why a process cannot do its work: it is being told to stop, its store takes no writes, its keys do not open the store. */
export type Unready = 'stopping' | 'store' | 'vault'

/** A look serves all who ask meanwhile, since whoever likes may ask. */
const FRESH_MS = SECOND / 2
/** While all is well it is not written more often: an embedded store is to have its rest, in which deleted values leave the disk. */
const WRITE_MS = 5 * SECOND
/** A store that takes longer is of no use to anybody who waits. */
const PATIENCE_MS = 2 * SECOND
/** A commit that failed tells more than a probe, which is small enough for the last room on a disk. */
const MEMORY_MS = 3 * SECOND

export type Readiness = ReturnType<typeof createReadiness>

interface ReadinessOptions {
  log: Log
  /** Writes something, on to the disk. */
  write: () => Promise<unknown>
  /** Opens something that is sealed. */
  unseal: () => Promise<unknown>
}

/** Whether this process can do its work now: what every call and every worker needs is tried, not assumed. */
export function createReadiness({ log, write, unseal }: ReadinessOptions) {
  let isStopping = false
  let lookedAt = Number.NEGATIVE_INFINITY
  let failedAt = Number.NEGATIVE_INFINITY
  let writeAt = Number.NEGATIVE_INFINITY
  let looking: Promise<Unready | undefined> = Promise.resolve(undefined)
  let known: Unready | undefined

  async function look(): Promise<Unready | undefined> {
    const moment = performance.now()
    if (moment - failedAt < MEMORY_MS) return 'store'
    if (known || moment >= writeAt) {
      const found = await tried(() => Promise.race([write(), tooSlow()]), 'store')
      if (found) return found
      writeAt = moment + WRITE_MS
    }
    return tried(() => Promise.race([unseal(), tooSlow()]), 'vault')
  }

  async function tried(work: () => Promise<unknown>, reason: Unready): Promise<Unready | undefined> {
    try {
      await work()
      return undefined
    } catch (fault) {
      const found = fault instanceof StoreUnavailable ? 'store' : reason
      // Once for each trouble, not at each look.
      if (known !== found) log.error('This server cannot do its work now.', fault, { reason: found })
      return found
    }
  }

  function noted(found: Unready | undefined) {
    if (known && !found) log.info('This server can do its work again.')
    known = found
    return found
  }

  return {
    /** @returns undefined if it can */
    async check(): Promise<Unready | undefined> {
      if (isStopping) return 'stopping'
      if (performance.now() - lookedAt > FRESH_MS) {
        lookedAt = performance.now()
        looking = look().then(noted)
      }
      return looking
    },
    /** Some work found the store away. */
    noteFailure() {
      failedAt = performance.now()
      writeAt = Number.NEGATIVE_INFINITY
      lookedAt = Number.NEGATIVE_INFINITY
    },
    /** From now on it takes no new work. */
    stop() {
      isStopping = true
    },
  }
}

const tooSlow = () =>
  new Promise<never>((_resolve, reject) => {
    const fault = new StoreUnavailable(`The store took longer than ${PATIENCE_MS} ms.`)
    setTimeout(() => reject(fault), PATIENCE_MS).unref()
  })
