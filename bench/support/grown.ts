import type { Database } from '#store/database.ts'
import { sql } from '#store/sql.ts'

const CHUNK = 50_000
/** Older than any retention that may be set, and than whatever is measured. */
const AGE_MS = 40 * 86_400_000
const SEAL = 500
const HASH = 32
const APPS = 1_000
const USERS = 10_000

/**
 * Requests that were approved and delivered long ago, with all that stays of one: the request, its decision, its token, the
 * delivery with its attempt, three entries of the audit log, sealed. Ids in the order of their time, hashes at random. About 2.5 kB
 * each; the evidence of a decision is 400 bytes here and about 2 kB in life, since it is read by its key alone.
 */
export async function finishedRows(db: Database, count: number, say: (done: number) => void = () => {}) {
  const at = Date.now() - AGE_MS
  // Of this connection alone: the hashes of tokens fall all over their index.
  if (db.engine === 'sqlite') await db.transaction((tx) => tx.script('pragma cache_size = -400000'))
  for (let from = 0; from < count; from += CHUNK) {
    await insertChunk(db, from, Math.min(from + CHUNK, count), at)
    say(Math.min(from + CHUNK, count))
  }
  await sealAll(db, at)
  if (db.engine === 'postgres') await db.transaction((tx) => tx.script('analyze'))
}

/** A whole number of 16 digits, behind 16 that a time of ours would begin with: as long as an id, and in order. */
const BASE = 7_000_000_000_000_000
const TIME = '0190000000007000'

async function insertChunk(db: Database, from: number, upTo: number, at: number) {
  const evidence = 'e'.repeat(400)
  await db.transaction(async (tx) => {
    await tx.run(sql`
      with recursive counted (i) as (
        select cast(${from} as bigint) + 1 union all select i + 1 from counted where i < cast(${upTo} as bigint))
      insert into token_requests (id, client_id, user_id, protocol, delivery, state, address, fold, requested_at, expires_at,
                                  token_expires_at, settled_at)
      select 'req_' || ${TIME} || (cast(${BASE} as bigint) + i), '00000000-0000-7000-8000-' || (100000000000 + i % cast(${APPS} as bigint)),
             'usr_' || ${TIME} || (cast(${BASE} as bigint) + i % cast(${USERS} as bigint)), 'upstox', 'notifier', 'approved',
             '203.0.113.7', 'upstox', cast(${at} as bigint), cast(${at} as bigint) + 86400000, cast(${at} as bigint) + 86400000,
             cast(${at} as bigint) + 5000
        from counted`)
    await tx.run(sql`
      with recursive counted (i) as (
        select cast(${from} as bigint) + 1 union all select i + 1 from counted where i < cast(${upTo} as bigint))
      insert into decisions (request_id, user_id, decision, channel, evidence, withheld, decided_at)
      select 'req_' || ${TIME} || (cast(${BASE} as bigint) + i), 'usr_' || ${TIME} || (cast(${BASE} as bigint) + i % cast(${USERS} as bigint)),
             'approved', 'web', ${evidence}, '[]', cast(${at} as bigint)
        from counted`)
    await (db.engine === 'postgres'
      ? tx.run(sql`
          with recursive counted (i) as (
            select cast(${from} as bigint) + 1 union all select i + 1 from counted where i < cast(${upTo} as bigint))
          insert into tokens (id, hash, request_id, client_id, user_id, state, issued_at, expires_at)
          select 'tok_' || ${TIME} || (cast(${BASE} as bigint) + i), sha256(cast(cast(i as text) as bytea)),
                 'req_' || ${TIME} || (cast(${BASE} as bigint) + i), '00000000-0000-7000-8000-' || (100000000000 + i % cast(${APPS} as bigint)),
                 'usr_' || ${TIME} || (cast(${BASE} as bigint) + i % cast(${USERS} as bigint)), 'active', cast(${at} as bigint),
                 cast(${at} as bigint) + 86400000
            from counted`)
      : tx.run(sql`
          with recursive counted (i) as (
            select cast(${from} as bigint) + 1 union all select i + 1 from counted where i < cast(${upTo} as bigint))
          insert into tokens (id, hash, request_id, client_id, user_id, state, issued_at, expires_at)
          select 'tok_' || ${TIME} || (cast(${BASE} as bigint) + i), randomblob(32),
                 'req_' || ${TIME} || (cast(${BASE} as bigint) + i), '00000000-0000-7000-8000-' || (100000000000 + i % cast(${APPS} as bigint)),
                 'usr_' || ${TIME} || (cast(${BASE} as bigint) + i % cast(${USERS} as bigint)), 'active', cast(${at} as bigint),
                 cast(${at} as bigint) + 86400000
            from counted`))
    await tx.run(sql`
      with recursive counted (i) as (
        select cast(${from} as bigint) + 1 union all select i + 1 from counted where i < cast(${upTo} as bigint))
      insert into deliveries (id, request_id, client_id, user_id, kind, token_id, url, state, expires_at, created_at, settled_at)
      select 'dlv_' || ${TIME} || (cast(${BASE} as bigint) + i), 'req_' || ${TIME} || (cast(${BASE} as bigint) + i),
             '00000000-0000-7000-8000-' || (100000000000 + i % cast(${APPS} as bigint)),
             'usr_' || ${TIME} || (cast(${BASE} as bigint) + i % cast(${USERS} as bigint)), 'token',
             'tok_' || ${TIME} || (cast(${BASE} as bigint) + i), 'https://northwind.example/token', 'delivered',
             cast(${at} as bigint) + 86400000, cast(${at} as bigint), cast(${at} as bigint) + 100
        from counted`)
    await tx.run(sql`
      with recursive counted (i) as (
        select cast(${from} as bigint) + 1 union all select i + 1 from counted where i < cast(${upTo} as bigint))
      insert into delivery_attempts (delivery_id, number, state, started_at, ended_at, status, response)
      select 'dlv_' || ${TIME} || (cast(${BASE} as bigint) + i), 1, 'succeeded', cast(${at} as bigint),
             cast(${at} as bigint), 200, 'ok'
        from counted`)
    await tx.run(sql`
      with recursive counted (i) as (
        select cast(${from} as bigint) + 1 union all select i + 1 from counted where i < cast(${upTo} as bigint))
      insert into events (request_id, user_id, client_id, kind, actor, address, at)
      select 'req_' || ${TIME} || (cast(${BASE} as bigint) + i), 'usr_' || ${TIME} || (cast(${BASE} as bigint) + i % cast(${USERS} as bigint)),
             '00000000-0000-7000-8000-' || (100000000000 + i % cast(${APPS} as bigint)), kinds.kind, 'system', '203.0.113.7',
             cast(${at} as bigint)
        from counted
       cross join (select 'asked' as kind union all select 'approved' union all select 'token_delivered') as kinds`)
  })
}

/** As if each had been sealed in its time, by hashes that are nothing: only their lengths are right. */
async function sealAll(db: Database, at: number) {
  const [last] = await db.read<{ seq: number }>(sql`select coalesce(max(seq), 0) as seq from events`)
  // They were counted in their time too.
  await db.transaction((tx) =>
    tx.run(sql`
      insert into event_tally_position (id, seq) values (1, ${last?.seq ?? 0})
      on conflict (id) do update set seq = excluded.seq`),
  )
  const seals = Math.floor((last?.seq ?? 0) / SEAL)
  if (seals === 0) return
  const peaks = Buffer.alloc((seals * SEAL).toString(2).replaceAll('0', '').length * HASH)
  const hashes = Buffer.alloc(SEAL * HASH)
  await db.transaction(async (tx) => {
    await tx.run(sql`
      with recursive counted (i) as (
        select cast(1 as bigint) union all select i + 1 from counted where i < cast(${seals} as bigint))
      insert into event_seals (size, since_size, since_seq, last_seq, sealed_at, peaks, nodes, note)
      select i * 500, (i - 1) * 500, (i - 1) * 500, i * 500, cast(${at} as bigint), ${peaks}, ${hashes}, 'none'
        from counted`)
    await tx.run(sql`
      with recursive counted (i) as (
        select cast(1 as bigint) union all select i + 1 from counted where i < cast(${seals} as bigint))
      insert into event_leaves (size, hashes) select i * 500, ${hashes} from counted`)
  })
}
