import { DAY } from '#base/clock.ts'
import { notifierUrls, tlsEndingBefore } from '#clients/store.ts'
import type { Database } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import { openStore } from '../../app/store.ts'
import type { Config } from '../../config.ts'
import { openVault } from '../../keys.ts'
import type { TimeTold } from './clock.ts'
import { type Finding, sentenceOf } from './finding.ts'

interface StoreLook {
  findings: Finding[]
  /** What the database says the time is, where it has a clock of its own. */
  time?: TimeTold
  /** Endpoints of apps that are active. */
  endpoints: string[]
}

type EngineLook = Pick<StoreLook, 'findings' | 'time'>

/** So many endpoints are looked up; the newest ones. */
const MOST_ENDPOINTS = 200

/** Looks into the store, as the server will open it. */
export async function lookIntoStore(config: Config): Promise<StoreLook> {
  const what = 'store and keys'
  try {
    const db = await openStore(config, Date.now)
    try {
      await openVault(db, config)
      const [users] = await db.read<{ count: number }>(sql`select count(*) as count from users`)
      const [jobs] = await db.read<{ count: number }>(sql`
        select count(*) as count from outbox where kind <> 'expire'`)
      const waiting = `${jobs?.count ?? 0} deliveries and notices wait`
      const say = `${users?.count ?? 0} users; ${waiting}; the master key fits`
      const engine = db.engine === 'sqlite' ? await embedded(db) : await postgres(db, config)
      return {
        findings: [
          { state: 'ok', what, say },
          await writable(db),
          ...engine.findings,
          await certificates(db),
        ],
        ...(engine.time ? { time: engine.time } : {}),
        endpoints: await notifierUrls(db, MOST_ENDPOINTS),
      }
    } finally {
      await db.close()
    }
  } catch (fault) {
    return { findings: [{ state: 'bad', what, say: sentenceOf(fault) }], endpoints: [] }
  }
}

/** Opening a store reads; only a write shows that the disk, the rights and the locks let one through. */
export async function writable(db: Database): Promise<Finding> {
  const what = 'writing'
  const startedAt = performance.now()
  try {
    const value = new Uint8Array([1])
    await db.transaction((tx) =>
      tx.run(
        sql`insert into store_facts (name, value) values ('doctor', ${value}) on conflict (name) do update set value = excluded.value`,
      ),
    )
    await db.transaction((tx) => tx.run(sql`delete from store_facts where name = 'doctor'`))
  } catch (fault) {
    return {
      state: 'bad',
      what,
      say: `${sentenceOf(fault)} Nothing can be kept; see that the store may be written.`,
    }
  }
  const ms = (performance.now() - startedAt) / 2
  const say = `a write is on disk after ${ms.toFixed(1)} ms`
  return ms < SLOW_WRITE_MS
    ? { state: 'ok', what, say }
    : { state: 'look', what, say: `${say}. That is slow: is the disk a network one, or busy?` }
}

const SLOW_WRITE_MS = 500

/** The embedded store stands on write-ahead logging, which some network file systems refuse without a word. */
export async function embedded(db: Database): Promise<EngineLook> {
  const what = 'embedded store'
  const [mode] = await db.read<{ journalMode: string }>(sql`pragma journal_mode`)
  const [version] = await db.read<{ version: string }>(sql`select sqlite_version() as version`)
  const say = `SQLite ${version?.version}, journal ${mode?.journalMode}`
  if (mode?.journalMode === 'wal') return { findings: [{ state: 'ok', what, say }] }
  const advice = 'It must be wal. Put COUNTERSIGN_DATA on a local disk; a network file system cannot do it.'
  return { findings: [{ state: 'bad', what, say: `${say}. ${advice}` }] }
}

const LEAST_POSTGRES = 150_000

interface PostgresFacts {
  version: number
  shown: string
  most: number
  syncs: string
  fsync: string | null
  at: number
}

async function postgres(db: Database, { databasePool }: Config): Promise<EngineLook> {
  const askedAt = Date.now()
  const [facts] = await db.read<PostgresFacts>(sql`
    select current_setting('server_version_num')::integer as version, current_setting('server_version') as shown,
           current_setting('max_connections')::integer as most, current_setting('synchronous_commit') as syncs,
           current_setting('fsync', true) as fsync, (extract(epoch from clock_timestamp()) * 1000)::bigint as at`)
  if (!facts) return { findings: [] }
  const at = (askedAt + Date.now()) / 2
  return {
    findings: judgePostgres(facts, databasePool),
    time: { from: 'the database', saidAt: facts.at, at, graceMs: 0 },
  }
}

/** @param pool connections that this node opens at most */
export function judgePostgres(
  { version, shown, most, syncs, fsync }: Omit<PostgresFacts, 'at'>,
  pool: number,
): Finding[] {
  const engine = `PostgreSQL ${shown}`
  const durable = `synchronous_commit = ${syncs}, fsync = ${fsync ?? 'unknown'}`
  return [
    version >= LEAST_POSTGRES
      ? { state: 'ok', what: 'database', say: engine }
      : { state: 'bad', what: 'database', say: `${engine} is too old. PostgreSQL 15 or newer is needed.` },
    pool * 2 <= most
      ? { state: 'ok', what: 'connections', say: `this node takes up to ${pool} of ${most}` }
      : {
          state: pool < most ? 'look' : 'bad',
          what: 'connections',
          say: `this node takes up to ${pool} of the database's ${most}, so there is no room for another node. Lower COUNTERSIGN_DATABASE_POOL, or raise max_connections.`,
        },
    syncs === 'off' || fsync === 'off'
      ? {
          state: 'bad',
          what: 'durability',
          say: `${durable}: what was acknowledged may be lost when the power fails. Turn both on.`,
        }
      : { state: 'ok', what: 'durability', say: durable },
  ]
}

const SOON_MS = 30 * DAY
const MOST_NAMED = 10

/** An app whose own certificate has ended gets nothing more; that its owner knows before. */
async function certificates(db: Database): Promise<Finding> {
  const what = 'certificates of apps'
  const now = Date.now()
  const ending = await tlsEndingBefore(db, now + SOON_MS)
  const [first] = ending
  if (!first) return { state: 'ok', what, say: 'none ends within 30 days' }
  const named = ending
    .slice(0, MOST_NAMED)
    .map(({ clientId, name, endsAt }) => {
      const day = new Date(endsAt).toISOString().slice(0, 10)
      return `${name} (${clientId}) ${endsAt <= now ? 'ended' : 'ends'} on ${day}`
    })
    .join('; ')
  const more = ending.length > MOST_NAMED ? `; and ${ending.length - MOST_NAMED} more` : ''
  const say = `${named}${more}. Set new ones: countersign client tls --help`
  return { state: first.endsAt <= now ? 'bad' : 'soon', what, say }
}
