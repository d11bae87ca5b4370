import { randomInt } from 'node:crypto'
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { hashSecret } from '#base/secrets.ts'
import type { Transaction } from '#store/database.ts'
import { requireConfirmation } from './confirm.ts'
import { registrationOptions } from './enrol.ts'
import { challengeOf, keepPasskey, verifyNewPasskey } from './passkeys.ts'
import { type Device, openSession } from './sessions.ts'
import {
  deleteRecoveryCodes,
  insertRecoveryCode,
  lockUser,
  takeChallenge,
  useRecoveryCode,
  userOfRecoveryCode,
} from './store.ts'
import type { UsersContext } from './users.ts'

/** Codes that a user gets at a time, each good once. */
const CODES = 10
/** Letters and digits that nobody takes for one another (no I, L, O, U). */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
/** Of 5 bits each: 80 bits are random enough to need no slow hash. */
const LENGTH = 16

/** Of a confirmation: that new recovery codes are made. */
export const NEW_CODES = 'recovery_codes'

/** Says to a user, wherever they can be told, what became of their account. */
type Tell = (tx: Transaction, userId: string) => Promise<unknown>

/**
 * Makes new recovery codes for somebody who shows a passkey; older ones stop working. Only hashes are kept.
 *
 * @returns the codes, the one time that they can be read
 * @throws Refusal `passkey_needed`, `assertion_refused`
 */
export async function makeRecoveryCodes(
  context: UsersContext,
  userId: string,
  credential: AuthenticationResponseJSON,
  { address, tell }: { address: string | null; tell: Tell },
): Promise<string[]> {
  const { db, now } = context
  const confirm = await requireConfirmation(context, userId, NEW_CODES, credential)
  const codes = Array.from({ length: CODES }, newCode)
  await db.transaction(async (tx) => {
    await lockUser(tx, userId)
    await confirm(tx)
    await deleteRecoveryCodes(tx, userId)
    for (const code of codes)
      await insertRecoveryCode(tx, { codeHash: hashOf(code), userId, createdAt: now() })
    await recordEvent(tx, { kind: 'recovery_codes_made', actor: 'user', userId, address, at: now() })
    await tell(tx, userId)
  })
  return codes
}

/**
 * Asks for the new passkey of whoever has lost theirs and holds one of their codes. The code is not used up yet.
 *
 * @throws Refusal `recovery_code_wrong`
 */
export async function recoveryOptions(context: UsersContext, code: string) {
  const user = await requireCode(context, code)
  return registrationOptions(context, user, 'recover')
}

/**
 * Binds a new passkey by a recovery code, uses the code up, and signs its user in: all three or none. It is all that a
 * code can do, and the user is told of it everywhere. Passkeys that were there before stay, for the user to remove.
 *
 * @throws Refusal `recovery_code_wrong`, `assertion_refused`
 */
export async function recover(
  context: UsersContext,
  { code, credential, label }: { code: string; credential: RegistrationResponseJSON; label: string },
  device: Device,
  tell: Tell,
): Promise<{ userId: string; sessionSecret: string }> {
  const { db, now } = context
  const user = await requireCode(context, code)
  const challenge = challengeOf(credential)
  const passkey = await verifyNewPasskey(context, credential, { challenge, userId: user.id, label })
  return db.transaction(async (tx) => {
    const question = await takeChallenge(tx, challenge, 'recover', now())
    if (question?.userId !== user.id) throw new Refusal('assertion_refused')
    // An account that is being disabled must not get a passkey and a session that outlive that.
    const isActive = (await lockUser(tx, user.id))?.state === 'active'
    if (!isActive || !(await useRecoveryCode(tx, hashOf(code), now())))
      throw new Refusal('recovery_code_wrong')
    await keepPasskey(tx, passkey)
    const { address } = device
    await recordEvent(tx, {
      kind: 'account_recovered',
      actor: 'user',
      userId: user.id,
      detail: label,
      address,
      at: now(),
    })
    await tell(tx, user.id)
    const { secret } = await openSession(tx, user.id, device, { now: now(), passkeyAt: now() })
    return { userId: user.id, sessionSecret: secret }
  })
}

async function requireCode({ db }: UsersContext, code: string) {
  const user = await userOfRecoveryCode(db, hashOf(code))
  if (!user) throw new Refusal('recovery_code_wrong')
  return user
}

/** Four groups of four, because people read them from paper. */
function newCode(): string {
  const letters = Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)])
  return letters.join('').replace(/(.{4})(?=.)/g, '$1-')
}

/** However a person writes it: small letters, spaces, O for 0, I or L for 1. */
const hashOf = (code: string) =>
  hashSecret(
    code
      .toUpperCase()
      .replace(/[^0-9A-Z]/g, '')
      .replace(/O/g, '0')
      .replace(/[IL]/g, '1'),
  )
