import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { DAY } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import type { Vault } from '#base/seal.ts'
import type { Database, Transaction } from '#store/database.ts'
import {
  countSigningSecrets,
  expireSigningSecrets,
  insertSigningSecret,
  liveSigningSecrets,
  type SigningSecret,
} from './store.ts'

/** After a change both secrets sign for this long, so that a receiver can change over in its own time. */
const OVERLAP_MS = DAY
/** Of one kind at a time. */
const MOST_LIVE = 2

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

/**
 * Makes a new key; the older one of its kind goes on signing for a day.
 *
 * @throws Refusal `signing_secrets_full` when two are live already
 */
export async function rollSigningSecret(tx: Transaction, secret: NewSigningSecret): Promise<string> {
  const live = await countSigningSecrets(tx, secret.clientId, secret.scheme, secret.now)
  if (live >= MOST_LIVE) throw new Refusal('signing_secrets_full')
  await expireSigningSecrets(tx, secret.clientId, secret.scheme, secret.now + OVERLAP_MS)
  return addSigningSecret(tx, secret)
}

/** The signing secrets of a client that are live: of a shared one its first characters, of a pair its public half. */
export async function signingSecretCards(db: Database, vault: Vault, clientId: string, now: number) {
  const secrets = await liveSigningSecrets(db, clientId, now)
  return secrets.map(({ id, scheme, sealed, createdAt, expiresAt }) => {
    const kept = vault.open(signingSecretPlace(id, clientId), sealed)
    const shown =
      scheme === 'v1' ? `whsec_${kept.toString('base64').slice(0, SHOWN_CHARACTERS)}` : publicHalf(kept)
    return { id, scheme, shown, createdAt, expiresAt }
  })
}

const SHOWN_CHARACTERS = 4

const publicHalf = (kept: Buffer) => {
  const { x = '' } = createPublicKey(createPrivateKey({ key: kept, format: 'der', type: 'pkcs8' })).export({
    format: 'jwk',
  })
  return `whpk_${Buffer.from(x, 'base64url').toString('base64')}`
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
