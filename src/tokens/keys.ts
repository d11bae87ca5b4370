import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import type { Clock } from '#base/clock.ts'
import { uuidv7 } from '#base/ids.ts'
import type { Vault } from '#base/seal.ts'
import type { Database } from '#store/database.ts'
import { insertSigningKey, liveSigningKeys, lockSigningKeys } from './store.ts'

/** The key that tokens are signed with (ES256), made a `KeyObject` once. */
export interface SigningKey {
  kid: string
  privateKey: KeyObject
}

/** Loads the newest signing key, or makes the first. Two nodes that start together agree on one. */
export async function loadSigningKey({
  db,
  now,
  vault,
}: {
  db: Database
  now: Clock
  vault: Vault
}): Promise<SigningKey> {
  const { id, sealed } = await db.transaction(async (tx) => {
    await lockSigningKeys(tx)
    const [known] = await liveSigningKeys(tx)
    if (known) return known
    const made = newKey(vault, now())
    await insertSigningKey(tx, made)
    return made
  })
  const pkcs8 = vault.open(keyPlace(id), sealed)
  return { kid: id, privateKey: createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }) }
}

function newKey(vault: Vault, createdAt: number) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const id = uuidv7()
  return {
    id,
    publicJwk: JSON.stringify({ ...publicKey.export({ format: 'jwk' }), kid: id, alg: 'ES256', use: 'sig' }),
    sealed: vault.seal(keyPlace(id), privateKey.export({ format: 'der', type: 'pkcs8' })),
    createdAt,
  }
}

/** Where a signing key lies, as bound into its seal. */
export const keyPlace = (id: string) => `signing_key:${id}`
