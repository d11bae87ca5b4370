import { randomBytes } from 'node:crypto'
import { recordEvent } from '#audit/events.ts'
import { MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import { hashSecret } from '#base/secrets.ts'
import type { Transaction } from '#store/database.ts'
import type { Provider, ProviderUser } from './provider.ts'
import { type Device, openSession } from './sessions.ts'
import {
  insertIdentity,
  insertProviderSignIn,
  insertUser,
  lockUser,
  passkeysInside,
  setUserRole,
  takeProviderSignIn,
  type User,
  userByHandleInside,
  userOfIdentity,
} from './store.ts'
import type { UsersContext } from './users.ts'

/** Whoever went to the provider is back by then. */
export const JOURNEY_MS = 10 * MINUTE

export const CALLBACK_PATH = '/v1/session/provider/callback'

const random = () => randomBytes(32).toString('base64url')

/**
 * Sends a browser to the provider.
 *
 * @param returnTo a path of ours
 * @returns where to, and what the browser must bring back beside the provider's answer
 * @throws Refusal `provider_unreachable`
 */
export async function beginProviderSignIn(
  { db, now, site }: UsersContext,
  provider: Provider,
  returnTo: string,
) {
  const journey = { state: random(), nonce: random(), verifier: random() }
  const address = await provider.address(journey, `${site.origin}${CALLBACK_PATH}`)
  const { state, nonce, verifier } = journey
  const expiresAt = now() + JOURNEY_MS
  await db.transaction((tx) =>
    insertProviderSignIn(tx, { stateHash: hashSecret(state), nonce, verifier, returnTo, expiresAt }),
  )
  return { address, state }
}

/**
 * Signs in whoever comes back. The session opens the inbox and no more: what it needs to approve is a passkey, and
 * somebody who has none yet makes the first one now.
 *
 * @param state what the same browser was given at the beginning
 * @throws Refusal `provider_refused`, `provider_unreachable`, `provider_unknown_user`, `user_disabled`
 */
export async function signInByProvider(
  context: UsersContext,
  provider: Provider,
  { query, state }: { query: string; state: string | undefined },
  device: Device,
) {
  const { db, now, site } = context
  const callback = new URL(`${site.origin}${CALLBACK_PATH}?${query}`)
  if (!state || callback.searchParams.get('state') !== state) throw new Refusal('provider_refused')
  const begun = await db.transaction((tx) => takeProviderSignIn(tx, hashSecret(state), now()))
  if (!begun) throw new Refusal('provider_refused')
  const known = await provider.userOf(callback, { state, nonce: begun.nonce, verifier: begun.verifier })

  return db.transaction(async (tx) => {
    const user = await accountOf(tx, provider, known, now())
    if (user.state !== 'active') throw new Refusal('user_disabled')
    if (known.role && known.role !== user.role) {
      await setUserRole(tx, user.id, known.role)
      const detail = `${user.role} → ${known.role}`
      await recordEvent(tx, { kind: 'role_given', actor: 'provider', userId: user.id, detail, at: now() })
    }
    const { secret } = await openSession(tx, user.id, device, { now: now(), passkeyAt: null })
    const at = now()
    const { address } = device
    await recordEvent(tx, { kind: 'signed_in_by_provider', actor: 'user', userId: user.id, address, at })
    const hasPasskey = (await passkeysInside(tx, user.id)) > 0
    return { sessionSecret: secret, returnTo: begun.returnTo, hasPasskey }
  })
}

/** By the subject, which never changes; the handle counts once, when the two are bound. */
async function accountOf(
  tx: Transaction,
  { settings }: Provider,
  known: ProviderUser,
  now: number,
): Promise<User> {
  const { issuer, subject, handle, name } = known
  const bound = await userOfIdentity(tx, issuer, subject)
  const user = bound ? await lockUser(tx, bound.userId) : await userByHandleInside(tx, handle)
  if (bound && user) return user
  if (!user && !settings.createsUsers) throw new Refusal('provider_unknown_user')
  const id = user?.id ?? newId('usr')
  if (!user) {
    if (!(await insertUser(tx, { id, handle, name, createdAt: now }))) throw new Refusal('provider_refused')
    await recordEvent(tx, { kind: 'user_added', actor: 'provider', userId: id, detail: handle, at: now })
  }
  // A handle that was given to somebody else at the provider does not open the account of whoever had it before.
  const made = await insertIdentity(tx, { issuer, subject, userId: id, createdAt: now })
  if (!made) throw new Refusal('provider_refused')
  return user ?? { id, handle, name, state: 'active', role: 'owner' }
}
