import { timingSafeEqual } from 'node:crypto'
import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { userCodeInside } from '#users/store.ts'
import { userCodeMac } from '#users/user-code.ts'
import { forgetTries, lockTries, noteWrong } from './code-tries.ts'
import type { RequestContext } from './context.ts'

/**
 * Checks the secret code of a user that a client sends with its ask (CIBA Core 1.0 §7.1). A wrong one, one of a user who has
 * none, and any one while the client is locked for this user are answered alike: the answer tells no right code from a
 * wrong one, however often it is tried.
 *
 * @throws Refusal `user_code_wrong`
 */
export async function requireUserCode(
  { db, now, vault }: Pick<RequestContext, 'db' | 'now' | 'vault'>,
  { userId, clientId }: { userId: string; clientId: string },
  code: string,
): Promise<void> {
  const given = Buffer.from(userCodeMac(vault, userId, code))
  const isTaken = await db.transaction(async (tx) => {
    const at = now()
    const tries = await lockTries(tx, userId, `user_code:${clientId}`)
    const known = await userCodeInside(tx, userId)
    const kept = Buffer.from(known?.mac ?? userCodeMac(vault, '', ''))
    const isRight = timingSafeEqual(given, kept) && known !== undefined
    if (tries.lockedUntil > at) return false
    if (isRight) {
      await forgetTries(tx, tries)
      return true
    }
    const { lockedUntil } = await noteWrong(tx, tries, at)
    const kind = lockedUntil > at ? 'user_code_locked' : 'user_code_wrong'
    await recordEvent(tx, { kind, actor: 'client', userId, clientId, at })
    return false
  })
  if (!isTaken) throw new Refusal('user_code_wrong')
}
