import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import type { Transaction } from '#store/database.ts'
import { lockOperators, lockUser, type Role, setUserRole } from './store.ts'
import type { UsersContext } from './users.ts'

/** Acts of operators that stand for no user: whoever holds the admin key, or the machine, stands above all roles. */
export const ADMIN_KEY = 'admin_key'
export const COMMAND_LINE = 'command_line'

/**
 * Gives a user another role. An operator gives roles to others; from themselves they can only take, and not while
 * nobody else is left. The admin key and the command line may do all of it: they are the way back in.
 *
 * @throws Refusal `user_not_found`, `not_operator`, `last_operator`
 */
export async function giveRole(
  { db, now }: Pick<UsersContext, 'db' | 'now'>,
  id: string,
  role: Role,
  by: string,
) {
  await db.transaction(async (tx) => {
    const operators = await requireOperator(tx, by)
    const user = await lockUser(tx, id)
    if (!user) throw new Refusal('user_not_found')
    if (user.role === role) return
    const isLast = !operators.some((each) => each.id !== id)
    if (by === id && isLast) throw new Refusal('last_operator')
    await setUserRole(tx, id, role)
    await recordEvent(tx, {
      kind: 'role_given',
      actor: 'operator',
      actorId: by,
      userId: id,
      detail: `${user.role} → ${role}`,
      at: now(),
    })
  })
}

/**
 * Whether whoever acts is still an operator, now that the act is written. Two operators who take the role from one
 * another at the same moment wait for each other here.
 *
 * @returns all operators who can act
 * @throws Refusal `not_operator`
 */
export async function requireOperator(tx: Transaction, by: string): Promise<{ id: string }[]> {
  const operators = await lockOperators(tx)
  const isAbove = by === ADMIN_KEY || by === COMMAND_LINE
  if (!isAbove && !operators.some(({ id }) => id === by)) throw new Refusal('not_operator')
  return operators
}
