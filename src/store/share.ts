import { StoreUnavailable } from '#base/errors.ts'
import type { Database, Transaction } from './database.ts'

interface Waiting {
  work(tx: Transaction): Promise<unknown>
  resolve(value: unknown): void
  reject(fault: unknown): void
}

/** Shared transactions that are out at a time: while they are, what comes in waits for the next one. */
const MOST_OUT = 2
/** Works of one shared transaction, so that one flood does not hold its locks for long. */
const LARGEST_GROUP = 256

/**
 * Natural batches: works that wait share one transaction and run in it side by side, so that their statements meet. There
 * is no timer: alone, a work goes at once. When one fails, the whole is undone and each is done again by itself, so that
 * one bad row fails alone; a caller is answered after the commit that holds its own work.
 */
export function shareCommits(transaction: Database['transaction']): Database['together'] {
  let waiting: Waiting[] = []
  let out = 0
  let isPlanned = false

  const plan = () => {
    if (isPlanned || out === MOST_OUT || waiting.length === 0) return
    isPlanned = true
    setImmediate(() => {
      isPlanned = false
      out += 1
      const group = waiting.slice(0, LARGEST_GROUP)
      waiting = waiting.slice(LARGEST_GROUP)
      void send(group).finally(() => {
        out -= 1
        plan()
      })
      plan()
    })
  }

  async function send(group: Waiting[]) {
    if (group.length === 1) return void (await Promise.all(group.map(alone)))
    try {
      const values = await transaction((tx) => allOf(group.map(({ work }) => work(tx))))
      for (const [i, { resolve }] of group.entries()) resolve(values[i])
    } catch (fault) {
      // What broke off with the connection may have been committed: that is told, and not done twice.
      if (fault instanceof StoreUnavailable) for (const { reject } of group) reject(fault)
      else await Promise.all(group.map(alone))
    }
  }

  const alone = ({ work, resolve, reject }: Waiting) => transaction(work).then(resolve, reject)

  return <T>(work: (tx: Transaction) => Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      waiting.push({ work, resolve: resolve as (value: unknown) => void, reject })
      plan()
    })
}

/** Waits for all, also when one fails: none may go on in a transaction that has ended. */
export async function allOf<T extends readonly Promise<unknown>[]>(works: readonly [...T]) {
  const ends = await Promise.allSettled(works)
  return ends.map((end) => {
    if (end.status === 'rejected') throw end.reason
    return end.value
  }) as { -readonly [P in keyof T]: Awaited<T[P]> }
}
