import { Refusal } from '#base/errors.ts'
import { hashSecret, sameHash } from '#base/secrets.ts'
import type { Database } from '#store/database.ts'
import { type Client, clientWithSecrets } from './store.ts'
import type { SecretUses } from './uses.ts'

export interface AuthenticateContext {
  db: Database
  uses: SecretUses
}

/** Compared when there is no such client, so that the answer takes as long. */
const NOBODY = hashSecret('nobody')

/**
 * Finds a client by its id and secret. A wrong secret and an unknown client are told alike, after the same work.
 *
 * @throws Refusal `client_credentials_wrong`
 */
export async function authenticateClient(
  { db, uses }: AuthenticateContext,
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

  uses.note(found.id, found.secretId)
  return found
}

/** @throws Refusal `client_under_review`, `client_rejected`, `client_expired`, `client_disabled`, `client_deleted` */
export function requireActive(client: Client): void {
  if (client.deletesAt !== null) throw new Refusal('client_deleted')
  if (client.state !== 'active') throw new Refusal(`client_${client.state}`)
}
