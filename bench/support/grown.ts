import type { Database } from '#store/database.ts'
import { sql } from '#store/sql.ts'

const CHUNK = 100_000
const DAY_MS = 86_400_000

/** Deliveries that were made and written down long ago, with their attempts and events: ids in the order of their time. */
export async function finishedRows(db: Database, count: number) {
  const [now, clients] = [Date.now() - DAY_MS, 1_000]
  for (let from = 0; from < count; from += CHUNK) {
    const upTo = Math.min(from + CHUNK, count)
    await db.transaction(async (tx) => {
      await tx.run(sql`
        with recursive counted (i) as (
          select cast(${from} as bigint) + 1 union all select i + 1 from counted where i < cast(${upTo} as bigint))
        insert into deliveries (id, request_id, client_id, user_id, token_id, url, state, expires_at, created_at, settled_at)
        select 'dlv_00000000000070008' || (1000000000 + i), 'req_00000000000070008' || (1000000000 + i),
               '00000000-0000-7000-8000-' || (1000000000 + i % cast(${clients} as bigint)), 'usr_0', 'tok_' || i,
               'https://northwind.example/token', 'delivered', cast(${now} as bigint), cast(${now} as bigint),
               cast(${now} as bigint)
          from counted`)
      await tx.run(sql`
        with recursive counted (i) as (
          select cast(${from} as bigint) + 1 union all select i + 1 from counted where i < cast(${upTo} as bigint))
        insert into delivery_attempts (delivery_id, number, state, started_at, ended_at, status, response)
        select 'dlv_00000000000070008' || (1000000000 + i), 1, 'succeeded', cast(${now} as bigint),
               cast(${now} as bigint), 200, 'ok'
          from counted`)
      await tx.run(sql`
        with recursive counted (i) as (
          select cast(${from} as bigint) + 1 union all select i + 1 from counted where i < cast(${upTo} as bigint))
        insert into events (request_id, user_id, client_id, kind, actor, at)
        select 'req_00000000000070008' || (1000000000 + i), 'usr_0',
               '00000000-0000-7000-8000-' || (1000000000 + i % cast(${clients} as bigint)), 'token_delivered', 'system',
               cast(${now} as bigint)
          from counted`)
    })
  }
}
