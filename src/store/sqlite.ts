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
  const view = sharedView(writer)
  const group = groupCommit(writer, write, { give: news.give, endView: view.end }, path)
  const idle = setInterval(() => group.checkpointWhenIdle(), IDLE_LOOK_MS)
  idle.unref()

  return {
    engine: 'sqlite',
    async read<T>(statement: Sql) {
      try {
        // Between transactions the writer reads too: its cache stays warm, while a commit empties that of every other
        // connection (10 µs against 50, and 300 with mmap).
        if (group.isWriting()) return read.all<T>(statement)
        view.begin()
        return write.all<T>(statement)
      } catch (fault) {
        throw explain(fault, path)
      }
    },
    transaction: group.transaction,
    together: group.transaction,
    onHint: news.onHint,
    onFact: news.onFact,
    async close() {
      clearInterval(idle)
      await group.settled()
      view.end()
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

/**
 * Reads of one turn of the event loop share one transaction, which ends with the turn or before the next write: each by
 * itself would take and give back its locks, which is four fifths of what a small read costs (6 µs against 1).
 */
function sharedView(database: DatabaseSync) {
  const [begin, commit] = [database.prepare('begin'), database.prepare('commit')]
  let isOpen = false
  const end = () => {
    if (!isOpen) return
    isOpen = false
    // A fault of the disk may have ended it already.
    if (database.isTransaction) commit.run()
  }
  return {
    begin() {
      if (isOpen) return
      begin.run()
      isOpen = true
      setImmediate(end)
    },
    end,
  }
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

/**
 * Makes a row of its values. The function is written out for these columns: a loop over their names takes eight times as
 * long (1.3 µs against 0.16), for every row there is.
 */
function rowMaker(names: string[]): (values: unknown[]) => unknown {
  const wrong = names.find((name) => !/^[a-z]\w*$/i.test(name))
  if (wrong !== undefined) throw new Error(`A column has no name that can be used: ${wrong}`)
  const members = names.map((name, at) => `${name}: values[${at}]`)
  return new Function('values', `return { ${members.join(', ')} }`) as (values: unknown[]) => unknown
}

interface Job {
  work(tx: Transaction): Promise<unknown>
  resolve(value: unknown): void
  reject(fault: unknown): void
}

/** What a group comes to, once it is on disk. */
interface Done {
  news: News
  answers: (() => void)[]
}

/** Groups that take no chances after one that failed. */
const CAREFUL_GROUPS = 20

/**
 * Transactions that wait in the same turn of the event loop share one `begin immediate … commit`: one that throws is
 * rolled back alone, and all are answered after the commit. The cost of the disk is shared by all.
 */
function groupCommit(
  writer: DatabaseSync,
  statements: ReturnType<typeof connection>,
  { give, endView }: { give: (news: News) => void; endView: () => void },
  path: string,
) {
  // Prepared once: read anew for each job they would cost more than most of the statements between them.
  const [begin, commit, undoAll, savepoint, release, undo] = [
    'begin immediate',
    'commit',
    'rollback',
    'savepoint job',
    'release job',
    'rollback to job',
  ].map((text) => writer.prepare(text)) as [
    StatementSync,
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
  let isWriting = false
  let careful = 0
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
    let done: Done = { news: noNews(), answers: [] }
    try {
      await patiently(path, () => {
        endView()
        begin.run()
      })
      isWriting = true
      done = (await runBoldly(group)) ?? (await runCarefully(group))
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
      done = { news: noNews(), answers: group.map((job) => () => job.reject(reason)) }
    }
    isWriting = false
    for (const answer of done.answers) answer()
    give(done.news)
    isScheduled = false
    schedule()
  }

  /**
   * Without savepoints, which copy each page that a job touches. When one job fails all is undone, to be done again
   * with them, and so are the next groups: failures seldom come alone.
   *
   * @returns undefined when it is undone
   */
  async function runBoldly(group: Job[]): Promise<Done | undefined> {
    if (careful > 0 && group.length > 1) {
      careful -= 1
      return undefined
    }
    const news = noNews()
    const answers: Done['answers'] = []
    try {
      for (const job of group) {
        const result = await job.work(transactionOn(news))
        answers.push(() => job.resolve(result))
      }
      return { news, answers }
    } catch (fault) {
      if (!writer.isTransaction) throw fault
      undoAll.run()
      begin.run()
      if (group.length === 1)
        return { news: noNews(), answers: [() => group[0]?.reject(explain(fault, path))] }
      careful = CAREFUL_GROUPS
      return undefined
    }
  }

  /** Each in a savepoint: one that throws is rolled back alone. */
  async function runCarefully(group: Job[]): Promise<Done> {
    const done: Done = { news: noNews(), answers: [] }
    for (const job of group) {
      const own = noNews()
      savepoint.run()
      try {
        const result = await job.work(transactionOn(own))
        release.run()
        addNews(done.news, own)
        done.answers.push(() => job.resolve(result))
      } catch (fault) {
        // Without a transaction left (disk full, I/O error) the whole group is lost: say so to all of it.
        if (!writer.isTransaction) throw fault
        undo.run()
        release.run()
        done.answers.push(() => job.reject(explain(fault, path)))
      }
    }
    return done
  }

  const transactionOn = (given: News): Transaction => ({
    engine: 'sqlite',
    all: async (statement) => statements.all(statement),
    one: async (statement) => statements.one(statement),
    run: async (statement) => statements.run(statement),
    script: async (text) => writer.exec(text),
    hint: (topic) => given.hints.add(topic),
    happened: (fact) => given.facts.push(fact),
    afterCommit: (followUp) => given.followUps.push(followUp),
  })

  return {
    transaction: <T>(work: (tx: Transaction) => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        waiting.push({ work, resolve: resolve as (value: unknown) => void, reject })
        schedule()
      }),

    /** A transaction is open: what the writer sees is not committed yet. */
    isWriting: () => isWriting,

    /**
     * Moves the log into the file and cuts it, so that what was deleted leaves the disk. Only at rest: a log that has
     * been cut grows anew, and each commit that makes a file longer costs the disk about 2 ms instead of 0.3.
     */
    checkpointWhenIdle() {
      if (!isDirty || isScheduled || performance.now() - changedAt < IDLE_MS) return
      try {
        endView()
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
