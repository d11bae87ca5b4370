import type { Static } from 'typebox'
import { DAY, HOUR, MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { deleteFeedback, feedbackBefore, forwardsOf } from '#feedback/store.ts'
import { type FeedbackContext, takeFeedback } from '#feedback/take.ts'
import { callLimit } from '#http/limits.ts'
import type { Server } from '#http/server.ts'
import { userById } from '#users/store.ts'
import type { UsersContext } from '#users/users.ts'
import type { FeedbackCard } from './contract.ts'
import { signedIn } from './guard.ts'
import { Id } from './shapes.ts'
import { sharedLimit } from './shared-limit.ts'

const PAGE = 50
/** Sorts after every id. */
const NEWEST = '~'
/** What one writer, and what all that are not signed in together may write. */
const OF_ONE = [
  { most: 5, ms: MINUTE },
  { most: 30, ms: DAY },
]
const OF_STRANGERS = { most: 200, ms: HOUR }

const NewFeedback = Type.Object({
  text: Type.String({ minLength: 1, maxLength: 4_000, description: 'What there is to say' }),
  page: Type.Optional(
    Type.String({ maxLength: 300, pattern: '^/[!-~]*$', description: 'Path of the page it was written on' }),
  ),
  contact: Type.Optional(Type.String({ maxLength: 200, description: 'Where an answer may go' })),
})

/** Where people tell what is missing: who is signed in by their name, readers of the documents without one. */
export function feedbackRoutes(
  server: Server,
  context: UsersContext & FeedbackContext & { steady: () => number },
) {
  const limitOne = callLimit(OF_ONE, context.steady)
  const limitStrangers = sharedLimit(context, 'feedback', OF_STRANGERS)

  server.post('/v1/feedback', { schema: { body: NewFeedback } }, async (http, reply) => {
    const userId = await signedIn(context, http).then(
      (session) => session.userId,
      (fault: unknown) => {
        if (fault instanceof Refusal && fault.code === 'not_signed_in') return null
        throw fault
      },
    )
    limitOne(userId ?? http.ip)
    if (!userId) await limitStrangers('all')
    const { text, page = '/', contact }: Static<typeof NewFeedback> = http.body
    const id = await takeFeedback(context, { userId, page, text, contact: contact?.trim() || null })
    return reply.code(201).send({ id })
  })
}

/** What the operator reads and clears away. */
export function adminFeedbackRoutes(server: Server, { db }: Pick<FeedbackContext, 'db'>) {
  const query = Type.Object({
    cursor: Type.Optional(Type.String({ maxLength: 100, pattern: '^[!-~]+$' })),
  })
  server.get('/v1/admin/feedback', { schema: { querystring: query } }, async (http) => {
    const found = await feedbackBefore(db, http.query.cursor ?? NEWEST, PAGE)
    const feedback = found.map(
      async ({ id, userId, page, text, contact, createdAt }): Promise<FeedbackCard> => {
        const user = userId ? await userById(db, userId) : undefined
        const forwards = await forwardsOf(db, id)
        return {
          id,
          user: user ? { user_id: user.id, handle: user.handle } : null,
          page,
          text,
          contact,
          created_at: createdAt,
          forwards: forwards.map(({ way, state, note, updatedAt }) => ({ way, state, note, at: updatedAt })),
        }
      },
    )
    const next = found.length === PAGE ? (found.at(-1)?.id ?? null) : null
    return { feedback: await Promise.all(feedback), next }
  })

  server.delete('/v1/admin/feedback/:id', { schema: { params: Id } }, async (http, reply) => {
    const deleted = await db.transaction((tx) => deleteFeedback(tx, http.params.id))
    if (deleted === 0) throw new Refusal('feedback_not_found')
    return reply.code(204).send()
  })
}
