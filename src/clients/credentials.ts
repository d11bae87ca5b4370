import { Refusal } from '#base/errors.ts'
import { type AuthenticateContext, authenticateClient, requireActive } from './authenticate.ts'
import { type AuthMethod, type Client, type Initiator, initiatorOf } from './store.ts'

/** What a caller shows of itself, and in which way (OpenID Connect Core 1.0 §9). */
export interface Credentials {
  method: AuthMethod
  clientId: string
  secret: string
}

/**
 * Finds the initiator that calls. It must come in the way it is registered for, and in no other.
 *
 * @throws Refusal `client_credentials_wrong`; for who it is known to be `client_not_initiator`, and why it is not active
 */
export async function authenticateInitiator(
  context: AuthenticateContext,
  credentials: Credentials,
): Promise<{ client: Client; initiator: Initiator }> {
  const client = await authenticateClient(context, credentials.clientId, credentials.secret)
  const initiator = await initiatorOf(context.db, client.id)
  if (!initiator) throw new Refusal('client_not_initiator')
  if (initiator.authMethod !== credentials.method) throw new Refusal('client_credentials_wrong')
  requireActive(client)
  return { client, initiator }
}
