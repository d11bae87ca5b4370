import type { Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'

/** Notes that the webhook has brought an event. Undefined if it was brought before. */
export const noteEvent = (tx: Transaction, id: string, now: number) =>
  tx.one<{ id: string }>(sql`
    insert into whatsapp_events (id, received_at) values (${id}, ${now})
    on conflict (id) do nothing
    returning id`)

export const forgetEvents = (tx: Transaction, receivedBefore: number) =>
  tx.run(sql`delete from whatsapp_events where received_at < ${receivedBefore}`)
