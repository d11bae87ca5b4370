import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import { DAY, MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import { hashSecret, isWellFormedSecret, newSecret } from '#base/secrets.ts'
import type { Transaction } from '#store/database.ts'
import { challengeOf, verifyAssertion } from './passkeys.ts'
import {
  insertChallenge,
  insertSession,
  lockUser,
  notePasskeyUse,
  noteSessionSeen,
  sessionBySecret,
  takeChallenge,
} from './store.ts'
import { CHALLENGE_LIFE_MS, type UsersContext } from './users.ts'
import { webauthn } from './webauthn.ts'

/** Where a session is used, so that its user can tell their devices apart. */
export interface Device {
  userAgent: string | null
  address: string | null
}

/** A session ends after this long, however much it is used, */
export const SESSION_LIFE_MS = 30 * DAY
/** and when it was not used for this long. */
export const SESSION_IDLE_MS = 7 * DAY
/** "Last seen" is kept this exactly, so that reading a page is not a write each time. */
const SEEN_PRECISION_MS = 5 * MINUTE

/** Asks for any passkey of this site: the passkey says who is signing in. */
export async function signInOptions({ db, now, site }: UsersContext) {
  const { generateAuthenticationOptions } = await webauthn()
  const options = await generateAuthenticationOptions({ rpID: site.rpId, userVerification: 'required' })
  await db.transaction((tx) =>
    insertChallenge(tx, {
      challenge: options.challenge,
      purpose: 'sign_in',
      userId: null,
      expiresAt: now() + CHALLENGE_LIFE_MS,
    }),
  )
  return options
}

/** @throws Refusal `assertion_refused`, `user_disabled` */
export async function signIn(
  context: UsersContext,
  credential: AuthenticationResponseJSON,
  device: Device,
): Promise<{ userId: string; sessionSecret: string }> {
  const { db, now } = context
  const challenge = challengeOf(credential)
  const { passkey, signCount } = await verifyAssertion(context, credential, challenge)
  return db.transaction(async (tx) => {
    if (!(await takeChallenge(tx, challenge, 'sign_in', now()))) throw new Refusal('assertion_refused')
    // A session that were opened while the account is being disabled would outlive that.
    if ((await lockUser(tx, passkey.userId))?.state !== 'active') throw new Refusal('user_disabled')
    await notePasskeyUse(tx, passkey.id, signCount, now())
    const { secret } = await openSession(tx, passkey.userId, device, { now: now(), passkeyAt: now() })
    return { userId: passkey.userId, sessionSecret: secret }
  })
}

/** Opens a session. Only the hash of its secret is kept. */
export async function openSession(
  tx: Transaction,
  userId: string,
  device: Device,
  { now, passkeyAt }: { now: number; passkeyAt: number | null },
) {
  const id = newId('ses')
  const secret = newSecret('cs_session')
  await insertSession(tx, {
    id,
    secretHash: hashSecret(secret),
    userId,
    userAgent: device.userAgent?.slice(0, 300) ?? null,
    address: device.address,
    createdAt: now,
    lastSeenAt: now,
    expiresAt: now + SESSION_LIFE_MS,
    passkeyAt,
  })
  return { id, secret }
}

/** Who is behind a session cookie. @throws Refusal `not_signed_in` */
export async function requireSession({ db, now }: UsersContext, secret: string | undefined) {
  if (!secret || !isWellFormedSecret(secret)) throw new Refusal('not_signed_in')
  const session = await sessionBySecret(db, hashSecret(secret), now(), now() - SESSION_IDLE_MS)
  if (!session) throw new Refusal('not_signed_in')
  if (session.lastSeenAt < now() - SEEN_PRECISION_MS) {
    await db.transaction((tx) => noteSessionSeen(tx, session.id, now()))
  }
  return session
}
