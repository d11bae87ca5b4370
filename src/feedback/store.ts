import type { Database, Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'

/** The ways by which feedback leaves the server, if the operator set them. */
export const WAYS = ['webhook', 'mail'] as const
export type Way = (typeof WAYS)[number]

/** What somebody told the people who run the server. */
export interface Feedback {
  id: string
  /** Who was signed in; null from the documents. */
  userId: string | null
  /** Path of the page it was written on. */
  page: string
  text: string
  /** Where an answer may go, in the writer's own words. */
  contact: string | null
  createdAt: number
}

/** One way that one feedback goes. */
export interface Forward {
  feedbackId: string
  way: Way
  state: 'queued' | 'sent' | 'failed'
  /** What was wrong at the last try, in a sentence. */
  note: string | null
  updatedAt: number
}

export const insertFeedback = (tx: Transaction, each: Feedback) =>
  tx.run(sql`
    insert into feedback (id, user_id, page, text, contact, created_at)
    values (${each.id}, ${each.userId}, ${each.page}, ${each.text}, ${each.contact}, ${each.createdAt})`)

export const putForward = (tx: Transaction, { feedbackId, way, state, note, updatedAt }: Forward) =>
  tx.run(sql`
    insert into feedback_forwards (feedback_id, way, state, note, updated_at)
    values (${feedbackId}, ${way}, ${state}, ${note}, ${updatedAt})
    on conflict (feedback_id, way) do update
       set state = excluded.state, note = excluded.note, updated_at = excluded.updated_at`)

export const feedbackById = (tx: Transaction, id: string) =>
  tx.one<Feedback>(sql`
    select id, user_id, page, text, contact, created_at from feedback where id = ${id}`)

/** Newest first, those before an id. */
export const feedbackBefore = (db: Database, before: string, limit: number) =>
  db.read<Feedback>(sql`
    select id, user_id, page, text, contact, created_at
      from feedback where id < ${before} order by id desc limit ${limit}`)

export const forwardsOf = (db: Database, feedbackId: string) =>
  db.read<Forward>(sql`
    select feedback_id, way, state, note, updated_at
      from feedback_forwards where feedback_id = ${feedbackId} order by way`)

/** @returns 0 when there is none with this id */
export async function deleteFeedback(tx: Transaction, id: string): Promise<number> {
  await tx.run(sql`delete from feedback_forwards where feedback_id = ${id}`)
  return tx.run(sql`delete from feedback where id = ${id}`)
}
