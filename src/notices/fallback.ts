import { hurry } from '#outbox/store.ts'
import type { Database, Transaction } from '#store/database.ts'
import { hopefulNotices, type Notice, noticesOfRequest, queuedNotices } from './store.ts'

/** Once nothing is left to hope for in one step of telling, the next one need not wait. */
export async function bringNextForward(tx: Transaction, { requestId, step }: Notice, now: number) {
  if ((await hopefulNotices(tx, requestId, step)).length > 0) return
  const waiting = await queuedNotices(tx, requestId)
  const next = waiting[0]?.step
  for (const { id } of waiting.filter((each) => each.step === next)) await hurry(tx, 'notify', id, now)
}

/** How far the telling of a request has come, in the one word that its asker may know. */
export type Reached = 'queued' | 'sent' | 'shown' | 'undeliverable'

export async function howFarTold(db: Database, requestId: string): Promise<Reached> {
  const states = new Set((await noticesOfRequest(db, requestId)).map(({ state }) => state))
  if (states.has('shown')) return 'shown'
  if (states.has('sent') || states.has('delivered')) return 'sent'
  return states.has('queued') ? 'queued' : 'undeliverable'
}
