import type { Clock } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import { enqueue } from '#outbox/store.ts'
import type { Database } from '#store/database.ts'
import { type Feedback, insertFeedback, putForward, type Way } from './store.ts'

export interface FeedbackContext {
  db: Database
  now: Clock
  /** The ways that are set. */
  ways: readonly Way[]
}

/**
 * Keeps what somebody wrote, and promises to forward it by every way that is set: both are on disk, or neither.
 *
 * @throws Refusal `input_invalid` when nothing is written
 */
export async function takeFeedback(
  { db, now, ways }: FeedbackContext,
  { text, ...given }: Pick<Feedback, 'userId' | 'page' | 'text' | 'contact'>,
): Promise<string> {
  const written = text.replace(/[^\P{C}\n\t]/gu, '').trim()
  if (written === '') throw new Refusal('input_invalid', { detail: 'Write something first.' })
  const id = newId('fbk')
  const at = now()
  await db.transaction(async (tx) => {
    await insertFeedback(tx, { ...given, id, text: written, createdAt: at })
    for (const way of ways) {
      await putForward(tx, { feedbackId: id, way, state: 'queued', note: null, updatedAt: at })
      await enqueue(tx, { kind: 'feedback', ref: `${way}:${id}`, lane: way, dueAt: at })
    }
  })
  return id
}
