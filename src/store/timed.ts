import type { Database } from './database.ts'

/**
 * The same store, with a word after each call of it.
 *
 * @param note `query`: a read; `commit`: a transaction, from when it is handed in until it is on disk. `ms` it took,
 *   whether it succeeded or not
 */
export function timed(
  db: Database,
  note: (what: 'query' | 'commit', ms: number, fault?: unknown) => void,
): Database {
  const measured = async <T>(what: 'query' | 'commit', work: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now()
    try {
      const result = await work()
      note(what, performance.now() - startedAt)
      return result
    } catch (fault) {
      note(what, performance.now() - startedAt, fault)
      throw fault
    }
  }
  return {
    ...db,
    read: (statement, twin) => measured('query', () => db.read(statement, twin)),
    transaction: (work) => measured('commit', () => db.transaction(work)),
    together: (work) => measured('commit', () => db.together(work)),
  }
}
