import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import { MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { Transaction } from '#store/database.ts'
import { challengeOf, transportsOf, verifyAssertion } from './passkeys.ts'
import { insertChallenge, notePasskeySeen, notePasskeyUse, passkeysOfUser, takeChallenge } from './store.ts'
import { CHALLENGE_LIFE_MS, type UsersContext } from './users.ts'
import { webauthn } from './webauthn.ts'

/**
 * Asks somebody who is signed in for their passkey once more, because what they are about to do is worth more than an
 * open page.
 *
 * @param subject what exactly is confirmed; the answer is good for nothing else
 */
export async function confirmOptions({ db, now, site }: UsersContext, userId: string, subject: string) {
  const passkeys = await passkeysOfUser(db, userId)
  const { generateAuthenticationOptions } = await webauthn()
  const options = await generateAuthenticationOptions({
    rpID: site.rpId,
    userVerification: 'required',
    allowCredentials: passkeys.map((each) => ({ id: each.credentialId, transports: transportsOf(each) })),
  })
  const { challenge } = options
  const expiresAt = now() + CHALLENGE_LIFE_MS
  await db.transaction((tx) =>
    insertChallenge(tx, { challenge, purpose: 'confirm', userId, subject, expiresAt }),
  )
  return options
}

/**
 * Checks the answer to it.
 *
 * @returns what uses the answer up, once, in the transaction of the change
 * @throws Refusal `passkey_needed` without an answer, `assertion_refused` with a wrong one
 */
export async function requireConfirmation(
  context: UsersContext,
  userId: string,
  subject: string,
  credential: AuthenticationResponseJSON | undefined,
): Promise<(tx: Transaction) => Promise<void>> {
  if (!credential) throw new Refusal('passkey_needed')
  const challenge = challengeOf(credential)
  const { passkey, signCount } = await verifyAssertion(context, credential, challenge)
  if (passkey.userId !== userId) throw new Refusal('assertion_refused')
  return async (tx) => {
    const question = await takeChallenge(tx, challenge, 'confirm', context.now())
    const isOurs = question?.userId === userId && question.subject === subject
    if (!isOurs) throw new Refusal('assertion_refused')
    await notePasskeyUse(tx, passkey.id, signCount, context.now())
  }
}

/** Of a whole session: that its user is there now. */
export const PRESENCE = 'presence'

/** How long a passkey that was shown stands for what an open page alone may not do. */
const PRESENCE_MS = 10 * MINUTE

/**
 * For what would give whoever found an open page more than the page: another passkey for instance.
 *
 * @throws Refusal `confirm_first` unless a passkey of the account was shown a moment ago; who has none cannot
 */
export async function requirePresence(
  { db, now }: UsersContext,
  { userId, passkeyAt }: { userId: string; passkeyAt: number | null },
): Promise<void> {
  if (passkeyAt !== null && passkeyAt > now() - PRESENCE_MS) return
  if ((await passkeysOfUser(db, userId)).length > 0) throw new Refusal('confirm_first')
}

/**
 * Notes that whoever is signed in has just shown a passkey of their account.
 *
 * @throws Refusal `passkey_needed`, `assertion_refused`
 */
export async function confirmSession(
  context: UsersContext,
  { id, userId }: { id: string; userId: string },
  credential: AuthenticationResponseJSON,
): Promise<void> {
  const confirm = await requireConfirmation(context, userId, PRESENCE, credential)
  await context.db.transaction(async (tx) => {
    await confirm(tx)
    await notePasskeySeen(tx, id, context.now())
  })
}
