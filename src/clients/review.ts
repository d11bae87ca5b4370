import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import type { ClientsContext } from './register.ts'
import { clientById, settleReview } from './store.ts'

export interface Verdict {
  state: 'active' | 'rejected'
  /** Which operator decides. */
  by: string
  /** Why not, for the owner to read; needed to reject. */
  note?: string | null | undefined
}

const LONGEST_NOTE = 500

/**
 * The operator's word on an app that waits for it. An app that asks many users may ask nobody before.
 *
 * @throws Refusal `review_note_missing`, `client_not_found`, `client_reviewed`
 */
export async function reviewClient(
  { db, now }: Pick<ClientsContext, 'db' | 'now'>,
  id: string,
  { state, by, note }: Verdict,
): Promise<void> {
  const why = note?.replace(/[\p{C}\s]+/gu, ' ').trim() || null
  const isMissing = state === 'rejected' && why === null
  if (isMissing || (why?.length ?? 0) > LONGEST_NOTE) throw new Refusal('review_note_missing')
  if (!(await clientById(db, id))) throw new Refusal('client_not_found')
  await db.transaction(async (tx) => {
    const at = now()
    const reviewed = await settleReview(tx, id, { state, by, note: why, at })
    if (!reviewed) throw new Refusal('client_reviewed')
    await recordEvent(tx, {
      kind: state === 'active' ? 'app_accepted' : 'app_rejected',
      actor: 'operator',
      actorId: by,
      clientId: id,
      ...(reviewed.userId ? { userId: reviewed.userId } : {}),
      detail: why ?? reviewed.name,
      at,
    })
  })
}
