import type { Fact } from '#base/facts.ts'
import type { Sql, Twin } from './sql.ts'

/** One asynchronous interface over two engines. A row comes back with its columns in camelCase. */
export interface Database {
  readonly engine: 'sqlite' | 'postgres'

  /**
   * Reads what is committed. Never waits for a writer. With a twin, calls of the same statement that come in one turn of
   * the event loop go to PostgreSQL as one.
   */
  read<T>(statement: Sql, twin?: Twin): Promise<T[]>

  /**
   * Runs `work` as one transaction: all of it or nothing. Resolves only after the commit is on disk. `work` may run more
   * than once, where what it did before was undone.
   * `work` talks to the database alone; a call over the network inside it would hold up every other writer.
   *
   * @throws StoreUnavailable when the store is locked, full, damaged or away
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>

  /**
   * The same, for hot work that may share its commit with others of its kind: PostgreSQL gathers what waits while earlier
   * ones are out, does it side by side in one transaction, and sends statements that have a twin as one. Whoever comes
   * here touches rows of its own alone, since nothing stands between it and its neighbours. One that throws is undone
   * alone, and `work` may run twice.
   */
  together<T>(work: (tx: Transaction) => Promise<T>): Promise<T>

  /**
   * Calls `listener` soon after a commit that gave this hint, on this node or another one. A hint may be lost or come
   * twice: whoever listens also looks by itself from time to time.
   *
   * @returns how to stop listening
   */
  onHint(topic: Hint, listener: () => void): () => void

  /**
   * Calls `listener` with each fact that a transaction of this process has made, once it is on disk. It must not throw.
   *
   * @returns how to stop listening
   */
  onFact(listener: (fact: Fact) => void): () => void

  close(): Promise<void>
}

/** What a commit may have brought: due work of a kind, or events. */
export type Hint =
  | 'notify'
  | 'deliver'
  | 'expire'
  | 'prove'
  | 'feedback'
  | 'simulate'
  | 'issue'
  | 'announce'
  | 'answer'
  | 'listen'
  | 'events'

export interface Transaction {
  readonly engine: Database['engine']

  /**
   * With a twin, calls of the same statement that are made at the same time leave as one; and all that write, of whatever
   * kind, in one message. They see one moment, so no two may be about the same row.
   */
  all<T>(statement: Sql, twin?: Twin): Promise<T[]>

  /** The first row, or undefined. */
  one<T>(statement: Sql, twin?: Twin): Promise<T | undefined>

  /** @returns how many rows were written */
  run(statement: Sql, twin?: Twin): Promise<number>

  /** Runs a whole script without parameters; for migrations alone. */
  script(text: string): Promise<void>

  /** Promises a hint for the moment the commit is on disk; never given without one. */
  hint(topic: Hint): void

  /** Says what happened, to be heard when the commit is on disk, and never without one. */
  happened(fact: Fact): void

  /** Has something done in this process when the commit is on disk, and never without one. It must not throw. */
  afterCommit(followUp: () => void): void
}
