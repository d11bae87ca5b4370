import type { Sql } from './sql.ts'

/** One asynchronous interface over two engines. A row comes back with its columns in camelCase. */
export interface Database {
  readonly engine: 'sqlite' | 'postgres'

  /** Reads what is committed. Never waits for a writer. */
  read<T>(statement: Sql): Promise<T[]>

  /**
   * Runs `work` as one transaction: all of it or nothing. Resolves only after the commit is on disk.
   * `work` talks to the database alone; a call over the network inside it would hold up every other writer.
   *
   * @throws StoreUnavailable when the store is locked, full, damaged or away
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>

  /**
   * Calls `listener` soon after a commit that gave this hint, on this node or another one. A hint may be lost or come
   * twice: whoever listens also looks by itself from time to time.
   *
   * @returns how to stop listening
   */
  onHint(topic: Hint, listener: () => void): () => void

  close(): Promise<void>
}

/** What a commit may have brought: due work of a kind, or events. */
export type Hint = 'notify' | 'deliver' | 'expire' | 'prove' | 'feedback' | 'events'

export interface Transaction {
  all<T>(statement: Sql): Promise<T[]>

  /** The first row, or undefined. */
  one<T>(statement: Sql): Promise<T | undefined>

  /** @returns how many rows were written */
  run(statement: Sql): Promise<number>

  /** Runs a whole script without parameters; for migrations alone. */
  script(text: string): Promise<void>

  /** Promises a hint for the moment the commit is on disk; never given without one. */
  hint(topic: Hint): void
}
