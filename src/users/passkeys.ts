import type {
  AuthenticationResponseJSON,
  AuthenticatorTransport,
  RegistrationResponseJSON,
  WebAuthnCredential,
} from '@simplewebauthn/server'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import type { Transaction } from '#store/database.ts'
import { insertPasskey, type Passkey, passkeyByCredential } from './store.ts'
import type { Site, UsersContext } from './users.ts'
import { webauthn } from './webauthn.ts'

export const transportsOf = (passkey: Passkey) => JSON.parse(passkey.transports) as AuthenticatorTransport[]

/** The passkey in the form the WebAuthn library takes. */
const credentialOf = (passkey: Passkey): WebAuthnCredential => ({
  id: passkey.credentialId,
  publicKey: new Uint8Array(passkey.publicKey),
  counter: passkey.signCount,
  transports: transportsOf(passkey),
})

/**
 * Reads which challenge a WebAuthn answer is for. It is only a key to look the question up by: whether the answer is
 * good is decided later, against the question we find.
 */
export function challengeOf(credential: { response: { clientDataJSON: string } }): string {
  try {
    const clientData = JSON.parse(
      Buffer.from(credential.response.clientDataJSON, 'base64url').toString('utf8'),
    )
    if (typeof clientData.challenge === 'string') return clientData.challenge
  } catch {
    // Falls through to the refusal: text that is no JSON is no answer.
  }
  throw new Refusal('assertion_refused')
}

/**
 * Checks an assertion by a passkey we know, with user verification (WebAuthn Level 3 §7.2).
 *
 * @returns the passkey and its new signature counter
 * @throws Refusal `assertion_refused`
 */
export async function verifyAssertion(
  { db, site }: UsersContext,
  credential: AuthenticationResponseJSON,
  challenge: string,
): Promise<{ passkey: Passkey; signCount: number }> {
  const passkey = await passkeyByCredential(db, credential.id)
  if (!passkey) throw new Refusal('assertion_refused')
  const signCount = await checkAssertion(site, credential, challenge, credentialOf(passkey))
  return { passkey, signCount }
}

/** The check itself, which needs no store, so that evidence can be checked by anybody, offline. */
export async function checkAssertion(
  { origin, rpId, appOrigins = [] }: Site,
  response: AuthenticationResponseJSON,
  challenge: string,
  credential: WebAuthnCredential,
): Promise<number> {
  const { verifyAuthenticationResponse } = await webauthn()
  const verified = await verifyAuthenticationResponse({
    response,
    credential,
    expectedChallenge: challenge,
    expectedOrigin: [origin, ...appOrigins],
    expectedRPID: rpId,
    requireUserVerification: true,
  }).catch((cause) => {
    throw new Refusal('assertion_refused', { cause })
  })
  if (!verified.verified) throw new Refusal('assertion_refused')
  return verified.authenticationInfo.newCounter
}

/**
 * Checks a new passkey (WebAuthn Level 3 §7.1) and gives it the form in which it is kept.
 *
 * @throws Refusal `assertion_refused`
 */
export async function verifyNewPasskey(
  { now, site }: UsersContext,
  response: RegistrationResponseJSON,
  { challenge, userId, label }: { challenge: string; userId: string; label: string },
): Promise<Passkey> {
  const { verifyRegistrationResponse } = await webauthn()
  const verified = await verifyRegistrationResponse({
    response,
    expectedChallenge: challenge,
    expectedOrigin: [site.origin, ...(site.appOrigins ?? [])],
    expectedRPID: site.rpId,
    requireUserVerification: true,
  }).catch((cause) => {
    throw new Refusal('assertion_refused', { cause })
  })
  if (!verified.verified) throw new Refusal('assertion_refused')

  const { credential, credentialDeviceType } = verified.registrationInfo
  return {
    id: newId('psk'),
    userId,
    credentialId: credential.id,
    publicKey: credential.publicKey,
    signCount: credential.counter,
    transports: JSON.stringify(credential.transports ?? []),
    label,
    isSynced: credentialDeviceType === 'multiDevice' ? 1 : 0,
    createdAt: now(),
    lastUsedAt: null,
  }
}

/** @throws Refusal `assertion_refused` when another account has this passkey */
export async function keepPasskey(tx: Transaction, passkey: Passkey): Promise<void> {
  if (!(await insertPasskey(tx, passkey))) throw new Refusal('assertion_refused')
}
