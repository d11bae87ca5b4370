import { randomInt } from 'node:crypto'
import type { Clock } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import type { Vault } from '#base/seal.ts'
import type { Database } from '#store/database.ts'
import { insertLinkCode, type LinkCode, openLinkCode } from './store.ts'

/** No vowels, so that no word comes of it, and no two that look alike (0 O, 1 I L, 2 Z, 5 S, 8 B): 35 bits in eight. */
const ALPHABET = '34679CDFGHJKMNPQRTVWXY'
const LENGTH = 8
const PURPOSE = 'link_code'

interface CodeContext {
  db: Database
  now: Clock
  vault: Vault
}

/**
 * Makes a code that a user types, or reads from a picture, to link an app. Only what we sign of it is kept.
 *
 * @param lifeMs how long it is good
 */
export async function makeLinkCode(
  { db, now, vault }: CodeContext,
  { clientId, scopes, lifeMs }: { clientId: string; scopes: readonly string[]; lifeMs: number },
): Promise<{ id: string; code: string; expiresAt: number }> {
  const code = Array.from({ length: LENGTH }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
  const id = newId('lkc')
  const createdAt = now()
  const expiresAt = createdAt + lifeMs
  const made = await db.transaction((tx) =>
    insertLinkCode(tx, {
      id,
      mac: vault.mac(PURPOSE, code),
      clientId,
      scopes: scopes.join(' '),
      createdAt,
      expiresAt,
    }),
  )
  // The same code is out already, once in very long: another one.
  if (!made) return makeLinkCode({ db, now, vault }, { clientId, scopes, lifeMs })
  return { id, code, expiresAt }
}

/** As people write it: in any case, with spaces or dashes between. */
export const codeMac = (vault: Vault, code: string): string =>
  vault.mac(PURPOSE, code.toUpperCase().replace(/[\s-]/g, ''))

/** @throws Refusal `link_code_wrong`, also when it was used or is too old */
export async function requireLinkCode({ db, now, vault }: CodeContext, code: string): Promise<LinkCode> {
  const known = await openLinkCode(db, codeMac(vault, code), now())
  if (!known) throw new Refusal('link_code_wrong')
  return known
}
