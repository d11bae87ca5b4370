import type { RegistrationResponseJSON } from '@simplewebauthn/server'
import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { hashSecret } from '#base/secrets.ts'
import type { Transaction } from '#store/database.ts'
import { challengeOf, keepPasskey, transportsOf, verifyNewPasskey } from './passkeys.ts'
import { type Device, openSession } from './sessions.ts'
import {
  type ChallengePurpose,
  deleteEnrolments,
  deletePasskeysOfUser,
  deleteRecoveryCodes,
  deleteSessionsOfUser,
  insertChallenge,
  passkeysInside,
  passkeysOfUser,
  takeChallenge,
  type User,
  useEnrolment,
  userOfEnrolment,
} from './store.ts'
import { CHALLENGE_LIFE_MS, type UsersContext } from './users.ts'
import { webauthn } from './webauthn.ts'

/**
 * Asks for the first passkey of the account that a one-time link is for.
 *
 * @throws Refusal `enrolment_invalid`, `enrolment_waits`
 */
export async function enrolmentOptions(context: UsersContext, token: string) {
  const user = await requireEnrolment(context, hashSecret(token))
  const options = await registrationOptions(context, user, 'enrol')
  return { options, user: { handle: user.handle, name: user.name } }
}

/**
 * Binds the passkey, uses up the link and signs the user in: all three or none. Passkeys and recovery codes that were there before, and the
 * sessions they opened, end with it: whoever asked for a link has lost them.
 *
 * @param onReplaced what else ends with passkeys that were there before
 * @throws Refusal `enrolment_invalid`, `enrolment_waits`, `assertion_refused`
 */
export async function enrol(
  context: UsersContext,
  token: string,
  credential: RegistrationResponseJSON,
  label: string,
  device: Device,
  onReplaced?: (tx: Transaction, userId: string) => Promise<unknown>,
): Promise<{ userId: string; sessionSecret: string }> {
  const { db, now } = context
  const tokenHash = hashSecret(token)
  const user = await requireEnrolment(context, tokenHash)
  const challenge = challengeOf(credential)
  const passkey = await verifyNewPasskey(context, credential, { challenge, userId: user.id, label })

  return db.transaction(async (tx) => {
    const question = await takeChallenge(tx, challenge, 'enrol', now())
    if (question?.userId !== user.id) throw new Refusal('assertion_refused')
    if (!(await useEnrolment(tx, tokenHash, now()))) throw new Refusal('enrolment_invalid')
    const isReplaced = (await deletePasskeysOfUser(tx, user.id)) > 0
    await deleteSessionsOfUser(tx, user.id)
    await deleteRecoveryCodes(tx, user.id)
    if (isReplaced) await onReplaced?.(tx, user.id)
    await keepPasskey(tx, passkey)
    await recordEvent(tx, {
      kind: 'passkey_added',
      actor: 'user',
      userId: user.id,
      detail: label,
      address: device.address,
      at: now(),
    })
    const { secret } = await openSession(tx, user.id, device, { now: now(), passkeyAt: now() })
    return { userId: user.id, sessionSecret: secret }
  })
}

async function requireEnrolment({ db, now }: UsersContext, tokenHash: Uint8Array): Promise<User> {
  const user = await userOfEnrolment(db, tokenHash, now())
  if (!user) throw new Refusal('enrolment_invalid')
  if (user.worksAt > now()) {
    const facts = { works_at: user.worksAt }
    const detail = `This link works from ${new Date(user.worksAt).toISOString().slice(0, 16)}Z on. Open it again then.`
    throw new Refusal('enrolment_waits', { detail, facts })
  }
  return user
}

/** Asks for one more passkey of somebody who is signed in. */
export const morePasskeyOptions = (context: UsersContext, user: User) =>
  registrationOptions(context, user, 'add_passkey')

/** @throws Refusal `assertion_refused` */
export async function addPasskey(
  context: UsersContext,
  userId: string,
  credential: RegistrationResponseJSON,
  label: string,
): Promise<string> {
  const { db, now } = context
  const challenge = challengeOf(credential)
  const passkey = await verifyNewPasskey(context, credential, { challenge, userId, label })
  return db.transaction(async (tx) => {
    const question = await takeChallenge(tx, challenge, 'add_passkey', now())
    if (question?.userId !== userId) throw new Refusal('assertion_refused')
    // A link that is still out was made for somebody without a passkey; it would now take the place of this one.
    if ((await passkeysInside(tx, userId)) === 0) await deleteEnrolments(tx, userId)
    await keepPasskey(tx, passkey)
    await recordEvent(tx, { kind: 'passkey_added', actor: 'user', userId, detail: label, at: now() })
    return passkey.id
  })
}

/** Asks for a new passkey, which none of those they have may be. */
export async function registrationOptions(
  { db, now, site }: UsersContext,
  user: Pick<User, 'id' | 'handle' | 'name'>,
  purpose: ChallengePurpose,
) {
  const known = await passkeysOfUser(db, user.id)
  const { generateRegistrationOptions } = await webauthn()
  const options = await generateRegistrationOptions({
    rpName: 'Countersign',
    rpID: site.rpId,
    userName: user.handle,
    userDisplayName: user.name ?? user.handle,
    userID: new TextEncoder().encode(user.id),
    attestationType: 'none',
    excludeCredentials: known.map((each) => ({ id: each.credentialId, transports: transportsOf(each) })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
  })
  await db.transaction((tx) =>
    insertChallenge(tx, {
      challenge: options.challenge,
      purpose,
      userId: user.id,
      expiresAt: now() + CHALLENGE_LIFE_MS,
    }),
  )
  return options
}
