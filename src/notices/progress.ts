import { recordEvent } from '#audit/events.ts'
import type { NoticeFact } from '#base/facts.ts'
import type { Transaction } from '#store/database.ts'
import { bringNextForward } from './fallback.ts'
import { type Notice, type NoticeState, noticeById, setNoticeState } from './store.ts'
import { callOff } from './tell.ts'

/** How far a message has come. Reports arrive in any order and more than once, so a state only ever rises. */
const RANK: Record<NoticeState, number> = {
  queued: 0,
  cancelled: 0,
  failed: 1,
  sent: 1,
  delivered: 2,
  shown: 3,
}

/** Notes a messenger's report. An older or repeated one changes nothing. */
export async function advanceNotice(
  tx: Transaction,
  { id }: Pick<Notice, 'id'>,
  to: 'sent' | 'delivered' | 'shown' | 'failed',
  at: number,
  failure: string | null = null,
) {
  const notice = await noticeById(tx, id)
  if (!notice) return
  const isNews =
    to === 'failed'
      ? RANK[notice.state] < RANK.delivered && notice.state !== 'failed'
      : RANK[to] > RANK[notice.state]
  if (!isNews) return
  await setNoticeState(tx, id, to, failure, at)
  sayNotice(tx, notice, to, failure)
  // News of an outcome is no step of the request.
  if (notice.about !== 'waiting') return
  if (to === 'shown') await callOff(tx, notice.requestId, at)
  if (to === 'failed') await bringNextForward(tx, notice, at)
  await recordEvent(tx, {
    kind: `notice_${to}`,
    actor: 'system',
    requestId: notice.requestId,
    userId: notice.userId,
    clientId: notice.clientId,
    detail: failure ? `${notice.channel}: ${failure}` : notice.channel,
    at,
  })
}

/** Says how far a message has come, to whoever counts or writes it down. */
export const sayNotice = (
  tx: Transaction,
  { id, userId, channel, ...about }: { id: string; requestId?: string; userId: string; channel: string },
  status: NoticeFact['status'],
  failure: string | null = null,
) =>
  tx.happened({
    what: 'notice',
    noticeId: id,
    ...(about.requestId === undefined ? {} : { requestId: about.requestId }),
    userId,
    channel,
    status,
    failure,
  })
