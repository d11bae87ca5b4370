import type { RegistrationResponseJSON } from '@simplewebauthn/server'
import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { hashSecret } from '#base/secrets.ts'
import { challengeOf, keepPasskey, transportsOf, verifyNewPasskey } from './passkeys.ts'
import { type Device, openSession } from './sessions.ts'
import {
  type ChallengePurpose,
  insertChallenge,
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
 * @throws Refusal `enrolment_invalid`
 */
export async function enrolmentOptions(context: UsersContext, token: string) {
  const user = await userOfEnrolment(context.db, hashSecret(token), context.now())
  if (!user) throw new Refusal('enrolment_invalid')
  const options = await registrationOptions(context, user, 'enrol')
  return { options, user: { handle: user.handle, name: user.name } }
}

/**
 * Binds the passkey, uses up the link and signs the user in: all three or none.
 *
 * @throws Refusal `enrolment_invalid`, `assertion_refused`
 */
export async function enrol(
  context: UsersContext,
  token: string,
  credential: RegistrationResponseJSON,
  label: string,
  device: Device,
): Promise<{ userId: string; sessionSecret: string }> {
  const { db, now } = context
  const tokenHash = hashSecret(token)
  const user = await userOfEnrolment(db, tokenHash, now())
  if (!user) throw new Refusal('enrolment_invalid')
  const challenge = challengeOf(credential)
  const passkey = await verifyNewPasskey(context, credential, { challenge, userId: user.id, label })

  return db.transaction(async (tx) => {
    const question = await takeChallenge(tx, challenge, 'enrol', now())
    if (question?.userId !== user.id) throw new Refusal('assertion_refused')
    if (!(await useEnrolment(tx, tokenHash, now()))) throw new Refusal('enrolment_invalid')
    await keepPasskey(tx, passkey)
    await recordEvent(tx, {
      kind: 'passkey_added',
      actor: 'user',
      userId: user.id,
      detail: label,
      address: device.address,
      at: now(),
    })
    const { secret } = await openSession(tx, user.id, device, now())
    return { userId: user.id, sessionSecret: secret }
  })
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
    await keepPasskey(tx, passkey)
    await recordEvent(tx, { kind: 'passkey_added', actor: 'user', userId, detail: label, at: now() })
    return passkey.id
  })
}

async function registrationOptions(
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
