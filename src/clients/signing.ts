import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { DAY } from '#base/clock.ts'
import { newId } from '#base/ids.ts'
import type { Vault } from '#base/seal.ts'
import type { Transaction } from '#store/database.ts'
import { expireSigningSecrets, insertSigningSecret, type SigningSecret } from './store.ts'

/** After a change both secrets sign for this long, so that a receiver can change over in its own time. */
const OVERLAP_MS = DAY

/** Where a signing secret lies, as bound into its seal. */
export const signingSecretPlace = (id: string, clientId: string) => `signing_secret:${id}:${clientId}`

/** Which secret is made, where it is kept, and when. */
export interface NewSigningSecret {
  vault: Vault
  clientId: string
  scheme: SigningSecret['scheme']
  now: number
}

/**
 * Makes a key of a client's deliveries (Standard Webhooks 1.0.0): for `v1` 32 random bytes, shown as `whsec_…`; for
 * `v1a` an Ed25519 key, of which only the public half is shown, as `whpk_…`.
 *
 * @returns what its owner is shown, this once
 */
export async function addSigningSecret(
  tx: Transaction,
  { vault, clientId, scheme, now }: NewSigningSecret,
): Promise<string> {
  const id = newId('sec')
  const { kept, shown } = scheme === 'v1' ? newHmacKey() : newEd25519Key()
  const sealed = vault.seal(signingSecretPlace(id, clientId), kept)
  await insertSigningSecret(tx, { id, clientId, scheme, sealed, createdAt: now })
  return shown
}

/** Makes a new key; the older ones of its kind go on signing for a day. */
export async function rollSigningSecret(tx: Transaction, secret: NewSigningSecret): Promise<string> {
  await expireSigningSecrets(tx, secret.clientId, secret.scheme, secret.now + OVERLAP_MS)
  return addSigningSecret(tx, secret)
}

function newHmacKey() {
  const kept = randomBytes(32)
  return { kept, shown: `whsec_${kept.toString('base64')}` }
}

function newEd25519Key() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  return {
    kept: privateKey.export({ format: 'der', type: 'pkcs8' }),
    shown: `whpk_${raw.toString('base64')}`,
  }
}
