import { setTimeout as pause } from 'node:timers/promises'
import postgres from 'postgres'
import { StoreUnavailable } from '#base/errors.ts'
import type { Database, Hint, Transaction } from './database.ts'
import { createNews, type News, noNews } from './news.ts'
import { shareCommits } from './share.ts'
import { camelCase, lockClauses, type Sql, type Twin } from './sql.ts'

export interface PostgresOptions {
  /** Connections of this node. */
  pool?: number
  /** Whether hints of other nodes are listened for. Off where a pooler lends connections by transaction: the poll does it. */
  listens?: boolean
}

/**
 * Opens a store in PostgreSQL, or in what speaks its wire and SQL. Nodes keep no state in their connections: each
 * transaction stands alone, so a pooler may lend them one by one.
 */
export function openPostgres(url: string, { pool = 10, listens = true }: PostgresOptions = {}): Database {
  const client = postgres(url, {
    max: pool,
    onnotice: () => {},
    connect_timeout: CONNECT_TIMEOUT_S,
    // Comes back soon after an outage instead of backing off for minutes.
    backoff: () => RECONNECT_S,
    // int8 as a number: instants and counts stay far below 2^53.
    types: { bigint: { to: 20, from: [20], serialize: String, parse: Number } },
    transform: { column: { from: camelCase } },
    connection: { application_name: 'countersign' },
  })
  // At the end of the turn: calls of many clients, which arrived together, meet there.
  const reads = gather(client, setImmediate)
  const news = createNews()
  const toNodes = sharedHints(client)
  const listening = listens ? listen(client, news.hint) : undefined

  const transaction = <T>(work: (tx: Transaction) => Promise<T>) =>
    retrying(async () => {
      const given = noNews()
      const line = { isLost: false }
      const begun = client.begin((connection) =>
        unlessLost(line, work(transactionOn(overLine(line, connection), given))),
      )
      begun.catch(() => {
        line.isLost = true
      })
      const result = await begun
      news.give(given)
      toNodes.give(given.hints)
      return result as T
    })

  return {
    engine: 'postgres',
    read: <T>(statement: Sql, twin?: Twin) =>
      retrying(() => (twin ? reads.all<T>(statement, twin) : query<T>(client, statement))),
    transaction,
    together: shareCommits(transaction),

    onHint: news.onHint,
    onFact: news.onFact,

    async close() {
      await listening?.then((subscription) => subscription?.unlisten()).catch(() => {})
      await client.end({ timeout: CLOSE_TIMEOUT_S })
    },
  }
}

const CONNECT_TIMEOUT_S = 5
const RECONNECT_S = 0.2
const CLOSE_TIMEOUT_S = 5

type Runner = Pick<postgres.Sql, 'unsafe'>

/** The connection of one transaction. */
interface Line {
  isLost: boolean
}

/** Faults after which the server has hung up, or is about to. */
const HANGS_UP = /^(CONNECTION_|ECONN|EPIPE|57P)/

/**
 * The driver writes what comes for a connection that was lost to a socket that is not there, and that ends the process:
 * nothing more is sent to it, not even a rollback.
 */
const overLine = (line: Line, connection: Runner): Runner => ({
  unsafe: ((...call: Parameters<Runner['unsafe']>) => {
    if (line.isLost) throw Object.assign(new Error('The connection was lost.'), { code: 'CONNECTION_CLOSED' })
    const sent = connection.unsafe(...call)
    sent.catch((fault: unknown) => {
      if (HANGS_UP.test(codeOf(fault))) line.isLost = true
    })
    return sent
  }) as Runner['unsafe'],
})

/** Over a line that was lost the driver itself says so; whatever came of the work, it has nothing to commit or undo. */
async function unlessLost<T>(line: Line, work: Promise<T>): Promise<T> {
  try {
    const result = await work
    return line.isLost ? await new Promise<never>(() => {}) : result
  } catch (fault) {
    if (line.isLost || HANGS_UP.test(codeOf(fault))) return new Promise<never>(() => {})
    throw fault
  }
}

const texts = new WeakMap<TemplateStringsArray, string>()

/** `$1` for each value; the comment that marks a lock becomes the clause. Made once for each place in the code. */
function textOf({ strings }: Sql): string {
  const known = texts.get(strings)
  if (known) return known
  const text = lockClauses(strings.reduce((before, part, i) => `${before}$${i}${part}`))
  texts.set(strings, text)
  return text
}

const query = async <T>(runner: Runner, statement: Sql): Promise<T[]> =>
  (await runner.unsafe(textOf(statement), statement.values as never[], { prepare: true })) as unknown as T[]

function transactionOn(connection: Runner, given: News): Transaction {
  const run = async (statement: Sql) => {
    const answer = await connection.unsafe(textOf(statement), statement.values as never[], { prepare: true })
    return answer.count
  }
  // Runs when every promise that is settled by now has been followed up.
  const gathered = gather(connection, process.nextTick)
  return {
    engine: 'postgres',
    all: <T>(statement: Sql, twin?: Twin) =>
      twin ? gathered.all<T>(statement, twin) : query<T>(connection, statement),
    one: async <T>(statement: Sql, twin?: Twin) =>
      (await (twin ? gathered.all<T>(statement, twin) : query<T>(connection, statement)))[0],
    run: (statement, twin) => (twin ? gathered.run(statement, twin) : run(statement)),
    script: async (text) => {
      await connection.unsafe(text).simple()
    },
    hint: (topic) => given.hints.add(topic),
    happened: (fact) => given.facts.push(fact),
    afterCommit: (followUp) => given.followUps.push(followUp),
  }
}

interface Call {
  values: Sql['values']
  resolve(answer: Answer): void
  reject(fault: unknown): void
}

/** Rows that one call gets, and how many it wrote. */
interface Answer {
  rows: unknown[]
  count: number
}

/** Sends calls of one statement that are made until `later` comes as its twin. */
function gather(connection: Runner, later: (send: () => void) => void) {
  const waiting = new Map<Twin, { statement: Sql; calls: Call[] }>()

  const ask = (statement: Sql, twin: Twin) =>
    new Promise<Answer>((resolve, reject) => {
      const call = { values: statement.values, resolve, reject }
      const known = waiting.get(twin)
      if (known) known.calls.push(call)
      else waiting.set(twin, { statement, calls: [call] })
      if (waiting.size === 1 && !known) later(sendAll)
    })

  function sendAll() {
    const writes: Write[] = []
    for (const [twin, { statement, calls }] of waiting) {
      if (WRITES.test(twin.text)) writes.push({ twin, calls, statement })
      else if (calls.length === 1) answer(sendOne(statement), calls)
      else answer(sendMany(twin, calls), calls)
    }
    waiting.clear()
    const [first, second] = writes
    if (!first) return
    if (second)
      answer(
        sendMerged(writes),
        writes.flatMap(({ calls }) => calls),
      )
    else if (first.calls.length === 1) answer(sendOne(first.statement), first.calls)
    else answer(sendMany(first.twin, first.calls), first.calls)
  }

  function answer(sent: Promise<Answer[]>, calls: readonly Call[]) {
    sent.then(
      (answers) => {
        for (const [i, call] of calls.entries()) call.resolve(answers[i] as Answer)
      },
      (fault) => {
        for (const call of calls) call.reject(fault)
      },
    )
  }

  /** Writing of different kinds as one statement: each one that is sent costs its message, its start and its end. */
  async function sendMerged(writes: readonly Write[]): Promise<Answer[]> {
    const columns = writes.flatMap(({ calls }) =>
      (calls[0]?.values ?? []).map((_, column) => calls.map(({ values }) => values[column])),
    )
    const text = mergedText(writes)
    const rows = await connection.unsafe(text, columns as never[], { prepare: true })
    const answers = writes.map(({ twin, calls }) =>
      calls.map((): Answer => ({ rows: [], count: TELLS.test(twin.text) ? 0 : 1 })),
    )
    for (const { write, n } of rows as unknown as { write: number; n: number }[]) {
      const answer = answers[write]?.[n - 1]
      if (answer) answer.count += 1
    }
    return answers.flat()
  }

  async function sendOne(statement: Sql): Promise<Answer[]> {
    const rows = await connection.unsafe(textOf(statement), statement.values as never[], { prepare: true })
    return [{ rows, count: rows.count }]
  }

  async function sendMany({ text }: Twin, calls: Call[]): Promise<Answer[]> {
    const columns = (calls[0]?.values ?? []).map((_, column) => calls.map(({ values }) => values[column]))
    const rows = await connection.unsafe(text, columns as never[], { prepare: true })
    const answers = calls.map((): Answer => ({ rows: [], count: 0 }))
    if (!rows.columns?.length) {
      // Nothing is said of each row: then all of them must have been written.
      if (rows.count !== calls.length) throw new Error(`${rows.count} rows were written of ${calls.length}.`)
      for (const answer of answers) answer.count = 1
    }
    for (const row of rows as unknown as { n: number }[]) {
      const answer = answers[row.n - 1] as Answer
      answer.rows.push(row)
      answer.count += 1
    }
    return answers
  }

  return {
    all: async <T>(statement: Sql, twin: Twin) => (await ask(statement, twin)).rows as T[],
    run: async (statement: Sql, twin: Twin) => (await ask(statement, twin)).count,
  }
}

/** Calls of one twin that writes. */
interface Write {
  twin: Twin
  statement: Sql
  calls: Call[]
}

/** A twin that writes and says no more than which rows it wrote. */
const WRITES = /^\s*(?:insert|update|delete)\b/
/** Whether it says so, or stands for all or nothing. */
const TELLS = /\breturning n\s*$/

/** Each as a part of one statement, its places counted on behind those before. They see one moment and no order. */
function mergedText(writes: readonly Write[]): string {
  let before = 0
  const parts = writes.map(({ twin, calls }, i) => {
    const text = twin.text.replace(/\$(\d+)/g, (_, place) => `$${Number(place) + before}`)
    before += calls[0]?.values.length ?? 0
    return `write${i} as (${text})`
  })
  const told = writes.flatMap(({ twin }, i) =>
    TELLS.test(twin.text) ? [`select ${i} as write, n from write${i}`] : [],
  )
  return `with ${parts.join(', ')} ${told.join(' union all ') || 'select 0 as write, 0 as n where false'}`
}

const MOST_RETRIES = 8
const RETRY_PAUSE_MS = 20

/** Serialisation failures and deadlocks: nothing was done, and doing it again is what the database asks for. */
const REPEATABLE = new Set(['40001', '40P01'])

async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt()
    } catch (fault) {
      if (tries > MOST_RETRIES || !isRepeatable(fault)) throw explain(fault)
      await pause(RETRY_PAUSE_MS * tries * (0.5 + Math.random()))
    }
  }
}

const codeOf = (fault: unknown): string =>
  fault instanceof Error && 'code' in fault ? String(fault.code) : ''

/** A connection that was never made has done nothing either; one that broke may have committed, so that is told. */
const isRepeatable = (fault: unknown): boolean =>
  REPEATABLE.has(codeOf(fault)) || codeOf(fault) === 'ECONNREFUSED'

/** Faults that say that the database is away, shutting down, full or not taking more. */
const AWAY =
  /^(ECONN|ENOTFOUND|EAI_AGAIN|EPIPE|ETIMEDOUT|EHOSTUNREACH|CONNECT_TIMEOUT|CONNECTION_|08|57P|53|25006)/

function explain(fault: unknown): unknown {
  if (!AWAY.test(codeOf(fault))) return fault
  return new StoreUnavailable(
    `The database cannot be used now (${codeOf(fault)}). Check that it runs, has room and takes connections.`,
    {
      cause: fault,
    },
  )
}

const NOTIFY_CHANNEL = 'countersign'
/** A NOTIFY takes a lock of the whole database for a moment: at most one each so often, and never in a transaction of ours. */
const NOTIFY_PAUSE_MS = 50

/** Passes hints on to the other nodes, gathered. */
function sharedHints(client: postgres.Sql) {
  let waiting = new Set<Hint>()
  let isPlanned = false
  let lastAt = 0
  const send = () => {
    isPlanned = false
    lastAt = performance.now()
    const topics = [...waiting].join(' ')
    waiting = new Set()
    // A hint that is lost costs a poll.
    client`select pg_notify(${NOTIFY_CHANNEL}, ${topics})`.catch(() => {})
  }
  return {
    give(topics: Set<Hint>) {
      if (topics.size === 0) return
      for (const topic of topics) waiting.add(topic)
      if (isPlanned) return
      isPlanned = true
      setTimeout(send, Math.max(0, lastAt + NOTIFY_PAUSE_MS - performance.now()))
    },
  }
}

const listen = (client: postgres.Sql, hint: (topic: string) => void) =>
  client
    .listen(NOTIFY_CHANNEL, (topics) => {
      for (const topic of topics.split(' ')) hint(topic)
    })
    .catch(() => undefined)
