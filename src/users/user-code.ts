import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import type { Vault } from '#base/seal.ts'
import { requireConfirmation } from './confirm.ts'
import { deleteUserCode, putUserCode } from './store.ts'
import type { UsersContext } from './users.ts'

/** Of a confirmation: that the user code is another one from now on. */
export const NEW_USER_CODE = 'user_code'

/**
 * Sets the secret code by which apps show that it is the user who has them ask (CIBA Core 1.0 §7.1), for somebody who
 * shows a passkey. What is kept is signed by a key of ours: a code that people remember is too short for a hash.
 *
 * @throws Refusal `user_code_unfit`, `passkey_needed`, `assertion_refused`
 */
export async function setUserCode(
  context: UsersContext & { vault: Vault },
  userId: string,
  code: string,
  credential: AuthenticationResponseJSON | undefined,
): Promise<void> {
  const { db, now, vault } = context
  if (!/^\P{C}{4,64}$/u.test(code)) throw new Refusal('user_code_unfit')
  const confirm = await requireConfirmation(context, userId, NEW_USER_CODE, credential)
  await db.transaction(async (tx) => {
    await confirm(tx)
    await putUserCode(tx, { userId, mac: userCodeMac(vault, userId, code), setAt: now() })
    await recordEvent(tx, { kind: 'user_code_set', actor: 'user', userId, at: now() })
  })
}

/** Takes the code away: apps that need one can then not ask. Taking away what is not there is no error. */
export const removeUserCode = ({ db, now }: Pick<UsersContext, 'db' | 'now'>, userId: string) =>
  db.transaction(async (tx) => {
    if (await deleteUserCode(tx, userId))
      await recordEvent(tx, { kind: 'user_code_removed', actor: 'user', userId, at: now() })
  })

/** However a keyboard composes its letters. */
export const userCodeMac = (vault: Vault, userId: string, code: string): string =>
  vault.mac('user_code', `${userId}\0${code.normalize('NFC')}`)
