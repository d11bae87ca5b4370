import { DAY, MINUTE } from '#base/clock.ts'
import type { Transaction } from '#store/database.ts'
import { sql } from '#store/sql.ts'

/** How often a user may be told without having approved anything in between: more would be pestering. */
const BUDGETS = [
  { most: 3, ms: 10 * MINUTE },
  { most: 10, ms: DAY },
]

const budgetOf = (tx: Transaction, userId: string) =>
  tx.one<{ toldAt: string }>(sql`
    select told_at from notice_budgets where user_id = ${userId} /* for update */`)

/**
 * Counts one more telling of a user, whatever app asks.
 *
 * @returns false when there were too many, and then counts nothing: the request waits in the inbox in silence
 */
export async function spendBudget(tx: Transaction, userId: string, now: number): Promise<boolean> {
  // A row to lock, so that of two nodes at the same moment the second sees what the first has spent.
  await tx.run(sql`
    insert into notice_budgets (user_id, told_at) values (${userId}, '') on conflict (user_id) do nothing`)
  const known = (await budgetOf(tx, userId))?.toldAt ?? ''
  const told = known
    .split(',')
    .filter(Boolean)
    .map(Number)
    .filter((at) => at > now - DAY)
  if (BUDGETS.some(({ most, ms }) => told.filter((at) => at > now - ms).length >= most)) return false
  const spent = [...told, now].join(',')
  await tx.run(sql`update notice_budgets set told_at = ${spent} where user_id = ${userId}`)
  return true
}

/** Whoever approves something is not being pestered. */
export const renewBudget = (tx: Transaction, userId: string) =>
  tx.run(sql`delete from notice_budgets where user_id = ${userId}`)
