import type { FastifyRequest } from 'fastify'
import { Refusal } from '#base/errors.ts'
import { authenticateClient } from '#clients/authenticate.ts'
import { authenticateInitiator, type CredentialsContext } from '#clients/credentials.ts'
import type { Client } from '#clients/store.ts'

/**
 * The client that calls, by HTTP Basic (as at the token endpoint of RFC 6749 §2.3.1), or where it has a key in the place
 * of a secret, by a JWT as its bearer that it would send to the token endpoint too (RFC 7523 §2.2).
 *
 * @throws Refusal `client_credentials_wrong`
 */
export async function basicClient(
  context: CredentialsContext & { site: { origin: string } },
  http: FastifyRequest,
): Promise<Client> {
  const [scheme, encoded = ''] = (http.headers.authorization ?? '').split(' ')
  if (scheme?.toLowerCase() === 'bearer') {
    const audiences = [context.site.origin]
    const by = { method: 'private_key_jwt' as const, clientId: undefined, assertion: encoded, audiences }
    return (await authenticateInitiator(context, by)).client
  }
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const at = pair.indexOf(':')
  if (scheme?.toLowerCase() !== 'basic' || at < 0 || pair.includes('\0'))
    throw new Refusal('client_credentials_wrong')
  return authenticateClient(context, formDecode(pair.slice(0, at)), formDecode(pair.slice(at + 1)))
}

/** RFC 6749 §2.3.1 wants id and secret form-encoded; many clients send them plain, which reads the same for ours. */
function formDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
