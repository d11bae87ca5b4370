import { MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { Vault } from '#base/seal.ts'
import { hashSecret, newSecret } from '#base/secrets.ts'
import type { Database, Transaction } from '#store/database.ts'
import type { Grant } from './issue.ts'
import { codeByHash, insertCode, markCodeUsed } from './store.ts'

/** RFC 6749 §4.1.2 recommends ten minutes at most. */
const CODE_LIFE_MS = 5 * MINUTE

/** Where the token of a code lies, as bound into its seal. */
export const codePlace = (requestId: string, clientId: string) =>
  `authorization_code:${requestId}:${clientId}`

/** Makes a code by which a client fetches its token once. Only its hash is kept; the token waits sealed. */
export async function issueCode(
  tx: Transaction,
  vault: Vault,
  {
    requestId,
    clientId,
    userId,
    issuedAt,
    redirectUrl,
    accessToken,
  }: Grant & { redirectUrl: string; accessToken: string },
): Promise<string> {
  const code = newSecret('cs_code')
  await insertCode(tx, {
    hash: hashSecret(code),
    requestId,
    clientId,
    userId,
    redirectUrl,
    sealed: vault.seal(codePlace(requestId, clientId), Buffer.from(accessToken)),
    expiresAt: issuedAt + CODE_LIFE_MS,
  })
  return code
}

/**
 * Exchanges a code for the token. A code is used up by the first try, whether or not that succeeds.
 *
 * @throws Refusal `code_wrong`
 */
export async function redeemCode(
  { db, vault, now }: { db: Database; vault: Vault; now: () => number },
  { clientId, code, redirectUrl }: { clientId: string; code: string; redirectUrl: string },
): Promise<{ userId: string; accessToken: string }> {
  const hash = hashSecret(code)
  const found = await db.transaction(async (tx) => {
    const row = await codeByHash(tx, hash)
    if (!row?.sealed || row.clientId !== clientId || row.expiresAt <= now()) return undefined
    const used = await markCodeUsed(tx, hash, now())
    if (used !== 1 || row.redirectUrl !== redirectUrl) return undefined
    // Opened before the code is used up for good: if it cannot be now, the client may come again.
    const accessToken = vault.open(codePlace(row.requestId, clientId), row.sealed).toString('utf8')
    return { userId: row.userId, accessToken }
  })
  if (!found) throw new Refusal('code_wrong')
  return found
}
