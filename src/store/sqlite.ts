import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { StoreUnavailable } from '#base/errors.ts'
import type { Database, Transaction } from './database.ts'
import { addNews, createNews, type News, noNews } from './news.ts'
import { camelCase, type Sql } from './sql.ts'

/**
 * Opens the embedded store: WAL, every acknowledged write on disk, one writer with group commit. While a transaction is
 * open, reads go to a connection of their own, so that they never see an uncommitted row.
 *
 * @throws StoreUnavailable with a sentence for the operator
 */
export async function openSqlite(path: string): Promise<Database> {
  const writer = await patiently(path, () => connect(path, false))
  const reader = await patiently(path, () => connect(path, true))
  const write = connection(writer)
  const read = connection(reader)
  const news = createNews()
  const group = groupCommit(writer, write, news.give, path)
  const idle = setInterval(() => group.checkpointWhenIdle(), IDLE_LOOK_MS)
  idle.unref()

  return {
    engine: 'sqlite',
    async read<T>(statement: Sql) {
      try {
        // Between transactions the writer reads too: its cache stays warm, while a commit empties that of every other
        // connection (10 µs against 50, and 300 with mmap).
        return (writer.isTransaction ? read : write).all<T>(statement)
      } catch (fault) {
        throw explain(fault, path)
      }
    },
    transaction: group.transaction,
    together: group.together,
    onHint: news.onHint,
    onFact: news.onFact,
    async close() {
      clearInterval(idle)
      await group.settled()
      reader.close()
      writer.close()
    },
  }
}

/** The store is at rest when nothing was written for this long. */
const IDLE_MS = 2_000
const IDLE_LOOK_MS = 500
/** A commit waits for this many transactions at most, so that one flood does not hold the event loop for long. */
const LARGEST_GROUP = 256
/** How long a writer waits for another process (a command of the CLI) before it gives up. */
const LOCK_PATIENCE_MS = 5_000
const LOCK_PAUSE_MS = 10

function connect(path: string, readOnly: boolean): DatabaseSync {
  const database = new DatabaseSync(path, { readOnly, timeout: LOCK_PAUSE_MS })
  try {
    if (!readOnly) {
      database.exec(`pragma journal_mode = wal; pragma synchronous = full; pragma secure_delete = on;
        pragma foreign_keys = on; pragma wal_autocheckpoint = 2000;`)
    }
    database.exec(`pragma cache_size = ${readOnly ? -4_000 : -32_000}; pragma temp_store = memory;`)
    database.prepare('select count(*) from sqlite_schema').get()
    return database
  } catch (fault) {
    database.close()
    throw fault
  }
}

/** Repeats while another process holds the lock, without stopping the event loop for longer than one short try. */
async function patiently<T>(path: string, attempt: () => T): Promise<T> {
  const giveUpAt = performance.now() + LOCK_PATIENCE_MS
  for (;;) {
    try {
      return attempt()
    } catch (fault) {
      if (!isLocked(fault) || performance.now() > giveUpAt) throw explain(fault, path)
      await pause(LOCK_PAUSE_MS)
    }
  }
}

interface Prepared {
  statement: StatementSync
  row: (values: unknown[]) => unknown
}

/** Statements are prepared once for each place in the code and each connection. */
function connection(database: DatabaseSync) {
  const prepared = new WeakMap<TemplateStringsArray, Prepared>()
  const prepare = ({ strings }: Sql): Prepared => {
    const known = prepared.get(strings)
    if (known) return known
    const statement = database.prepare(strings.join('?'))
    statement.setReturnArrays(true)
    const made = { statement, row: rowMaker(statement.columns().map(({ name }) => camelCase(name))) }
    prepared.set(strings, made)
    return made
  }
  return {
    all<T>(statement: Sql): T[] {
      const { statement: ready, row } = prepare(statement)
      const rows = ready.all(...statement.values) as unknown as unknown[][]
      return rows.map(row) as T[]
    },
    one<T>(statement: Sql): T | undefined {
      const { statement: ready, row } = prepare(statement)
      // `all`, not `get`: a statement that writes and returns must run to its end.
      const [first] = ready.all(...statement.values) as unknown as unknown[][]
      return first && (row(first) as T)
    },
    run: (statement: Sql): number => Number(prepare(statement).statement.run(...statement.values).changes),
  }
}

function rowMaker(names: string[]) {
  return (values: unknown[]) => {
    const row: Record<string, unknown> = {}
    for (let i = 0; i < names.length; i += 1) row[names[i] as string] = values[i]
    return row
  }
}

interface Job {
  work(tx: Transaction): Promise<unknown>
  resolve(value: unknown): void
  reject(fault: unknown): void
  /** Need not be undone alone, as long as none of its kind fails. */
  isShared: boolean
}

/**
 * Transactions that wait in the same turn of the event loop share one `begin immediate … commit`, each in a savepoint:
 * one that throws is rolled back alone, and all are answered after the commit. The cost of the disk is shared by all.
 */
function groupCommit(
  writer: DatabaseSync,
  statements: ReturnType<typeof connection>,
  give: (news: News) => void,
  path: string,
) {
  // Prepared once: read anew for each job they would cost more than most of the statements between them.
  const [begin, commit, savepoint, release, undo] = [
    'begin immediate',
    'commit',
    'savepoint job',
    'release job',
    'rollback to job',
  ].map((text) => writer.prepare(text)) as [
    StatementSync,
    StatementSync,
    StatementSync,
    StatementSync,
    StatementSync,
  ]
  let waiting: Job[] = []
  let isScheduled = false
  const changeCount = writer.prepare('select total_changes() as count')
  let changes = 0
  let changedAt = 0
  let isDirty = false
  let running = Promise.resolve()

  const schedule = () => {
    if (isScheduled || waiting.length === 0) return
    isScheduled = true
    // One turn later than need be: what arrives in between shares the commit (a quarter more asks a second at 50 callers).
    setImmediate(() =>
      setImmediate(() => {
        running = flush()
      }),
    )
  }

  async function flush() {
    const group = waiting.slice(0, LARGEST_GROUP)
    waiting = waiting.slice(LARGEST_GROUP)
    let given = noNews()
    const answers: (() => void)[] = []
    try {
      await patiently(path, () => begin.run())
      const [shared, own] = [group.filter((job) => job.isShared), group.filter((job) => !job.isShared)]
      if (shared.length < 2 || !(await runShared(shared, given, answers))) own.unshift(...shared)
      for (const job of own) await runJob(job, group.length > 1, given, answers)
      commit.run()
      const { count } = changeCount.get() as { count: number }
      if (count !== changes) {
        changes = count
        changedAt = performance.now()
        isDirty = true
      }
    } catch (fault) {
      if (writer.isTransaction) writer.exec('rollback')
      const reason = explain(fault, path)
      given = noNews()
      answers.length = 0
      for (const job of group) job.reject(reason)
    }
    for (const answer of answers) answer()
    give(given)
    isScheduled = false
    schedule()
  }

  /**
   * All of them in one savepoint: with one for each, what they have in common would be copied aside for each.
   *
   * @returns false if one failed: then all are undone
   */
  async function runShared(jobs: readonly Job[], given: News, answers: (() => void)[]): Promise<boolean> {
    const own = noNews()
    savepoint.run()
    try {
      const results: unknown[] = []
      for (const job of jobs) results.push(await job.work(transactionOn(own)))
      release.run()
      for (const [i, job] of jobs.entries()) answers.push(() => job.resolve(results[i]))
      addNews(given, own)
      return true
    } catch (fault) {
      if (!writer.isTransaction) throw fault
      undo.run()
      release.run()
      return false
    }
  }

  async function runJob(job: Job, isShared: boolean, given: News, answers: (() => void)[]) {
    const own = noNews()
    if (isShared) savepoint.run()
    try {
      const result = await job.work(transactionOn(own))
      if (isShared) release.run()
      addNews(given, own)
      answers.push(() => job.resolve(result))
    } catch (fault) {
      // Without a transaction left (disk full, I/O error) the whole group is lost: say so to all of it.
      if (!writer.isTransaction) throw fault
      if (isShared) {
        undo.run()
        release.run()
      } else {
        writer.exec('rollback; begin immediate')
      }
      answers.push(() => job.reject(explain(fault, path)))
    }
  }

  const transactionOn = (given: News): Transaction => ({
    engine: 'sqlite',
    all: async (statement) => statements.all(statement),
    one: async (statement) => statements.one(statement),
    run: async (statement) => statements.run(statement),
    script: async (text) => writer.exec(text),
    hint: (topic) => given.hints.add(topic),
    happened: (fact) => given.facts.push(fact),
  })

  const enter =
    (isShared: boolean) =>
    <T>(work: (tx: Transaction) => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        waiting.push({ work, resolve: resolve as (value: unknown) => void, reject, isShared })
        schedule()
      })

  return {
    transaction: enter(false),
    together: enter(true),

    /**
     * Moves the log into the file and cuts it, so that what was deleted leaves the disk. Only at rest: a log that has
     * been cut grows anew, and each commit that makes a file longer costs the disk about 2 ms instead of 0.3.
     */
    checkpointWhenIdle() {
      if (!isDirty || isScheduled || performance.now() - changedAt < IDLE_MS) return
      try {
        // A reader of another process can hold it back; then it is tried again.
        const { busy } = writer.prepare('pragma wal_checkpoint(truncate)').get() as { busy: number }
        isDirty = busy !== 0
      } catch {
        // The next commit tells of a fault of the disk; until then it is tried again.
      }
    },

    async settled() {
      while (isScheduled) {
        await running
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

const errcodeOf = (fault: unknown): number | undefined =>
  fault instanceof Error && 'errcode' in fault ? Number(fault.errcode) & 0xff : undefined

/** SQLITE_BUSY and SQLITE_LOCKED. */
const isLocked = (fault: unknown): boolean => [5, 6].includes(errcodeOf(fault) ?? 0)

/** Result codes of SQLite (https://www.sqlite.org/rescode.html) that an operator can do something about. */
const troubles: Record<number, string> = {
  5: 'is locked by another process that writes for too long. End that process, then try again',
  6: 'is locked by another process that writes for too long. End that process, then try again',
  8: 'may not be written. Give the user of this process the right to write to it and to its folder',
  10: 'could not be read or written: the disk reports an error. Check the disk',
  11: 'is damaged. Stop the server and restore the last backup',
  13: 'cannot grow: the disk is full. Make room, then try again',
  14: 'cannot be opened. Check that its folder exists and that this user may write to it',
  26: 'is not a store of Countersign: the file holds something else',
}

/** Says in a sentence for the operator what a fault of SQLite means, where they can do something about it. */
export function explain(fault: unknown, path: string): unknown {
  const trouble = troubles[errcodeOf(fault) ?? 0]
  return trouble ? new StoreUnavailable(`The store ${path} ${trouble}.`, { cause: fault }) : fault
}
