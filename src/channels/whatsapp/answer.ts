import { MINUTE } from '#base/clock.ts'
import { newId } from '#base/ids.ts'
import { ChannelFailed } from '#notices/channel.ts'
import { jitter } from '#outbox/backoff.ts'
import { enqueue } from '#outbox/store.ts'
import type { Handler } from '#outbox/worker.ts'
import type { Transaction } from '#store/database.ts'
import { textMessage } from './body.ts'
import { DEADLINE_MS } from './channel.ts'
import type { CloudApi } from './cloud-api.ts'
import { CHANNEL } from './sender.ts'
import { type Answer, answerById, deleteAnswer, insertAnswer } from './store.ts'
import { answerWords } from './words.ts'

/** How long an answer is worth anything to whoever waits for it. */
const LIFE_MS = 10 * MINUTE
const MOST_ATTEMPTS = 4

/** Promises an answer to somebody who wrote, in the transaction that takes what they wrote. */
export async function answer(tx: Transaction, said: Omit<Answer, 'id' | 'expiresAt'>, now: number) {
  const id = newId('ans')
  await insertAnswer(tx, { ...said, id, expiresAt: now + LIFE_MS })
  await enqueue(tx, { kind: 'answer', ref: id, lane: CHANNEL, dueAt: now })
}

interface AnswerContext {
  now: () => number
  site: { origin: string }
  api: CloudApi
}

/** Says it: by free words, for whoever wrote has opened the window. */
export const answerHandler = ({ now, site, api }: AnswerContext): Handler => ({
  slots: 8,
  laneSlots: 8,
  deadlineMs: DEADLINE_MS,

  async start(tx, job) {
    const said = await answerById(tx, job.ref)
    if (!said) return undefined
    if (said.expiresAt <= now()) {
      await deleteAnswer(tx, said.id)
      return undefined
    }
    const { about, language, detail, recipient } = said
    const text = answerWords(about, language, { account: detail ?? '', origin: site.origin })
    return async (signal) => {
      const failure = await api.post(textMessage(recipient, text), signal).then(
        (taken) => (taken.externalId === undefined ? api.failureOf(taken) : undefined),
        (cause) =>
          cause instanceof ChannelFailed
            ? cause
            : new ChannelFailed('unreachable', 'Meta cannot be reached.', { retryAfterMs: 0, cause }),
      )
      return async (tx, isLate) => {
        if (isLate) return { done: true }
        if (failure?.retryAfterMs !== undefined && job.attempt < MOST_ATTEMPTS) {
          return { repeatAt: now() + jitter(Math.max(failure.retryAfterMs, 4 ** (job.attempt - 1) * 1_000)) }
        }
        await deleteAnswer(tx, said.id)
        return { done: true }
      }
    }
  },
})
