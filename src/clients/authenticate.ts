import { HOUR } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { hashSecret, sameHash } from '#base/secrets.ts'
import type { ClientsContext } from './register.ts'
import { type Client, clientWithSecrets, noteSecretUse } from './store.ts'

/** "Last used" is kept this exactly, so that a call is not a write each time. */
const USE_PRECISION_MS = HOUR
/** Compared when there is no such client, so that the answer takes as long. */
const NOBODY = hashSecret('nobody')

/**
 * Finds a client by its id and secret. A wrong secret and an unknown client are told alike, after the same work.
 *
 * @throws Refusal `client_credentials_wrong`
 */
export async function authenticateClient(
  { db, now }: Pick<ClientsContext, 'db' | 'now'>,
  clientId: string,
  secret: string,
): Promise<Client> {
  const given = hashSecret(secret)
  // PostgreSQL has no text with a NUL in it, so no client either.
  const rows = clientId.includes('\0') ? [] : await clientWithSecrets(db, clientId)
  let found: (typeof rows)[number] | undefined
  if (rows.length === 0) sameHash(given, NOBODY)
  // All are compared, whichever matches: the time says nothing of which one it was.
  for (const row of rows) if (sameHash(given, row.hash)) found = row
  if (!found) throw new Refusal('client_credentials_wrong')

  if ((found.lastUsedAt ?? 0) < now() - USE_PRECISION_MS) {
    const { secretId } = found
    void db.transaction((tx) => noteSecretUse(tx, secretId, now())).catch(() => {})
  }
  return found
}

/** @throws Refusal `client_under_review`, `client_rejected`, `client_expired`, `client_disabled` */
export function requireActive(client: Client): void {
  if (client.state !== 'active') throw new Refusal(`client_${client.state}`)
}
