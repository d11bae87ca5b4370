import { revokeGranted } from '#requests/revoke.ts'
import { activeToken } from '#tokens/revoke.ts'
import type { Token } from '#tokens/store.ts'
import { invalidRequest } from './errors.ts'
import type { CibaContext, ClientCall, ClientRoute } from './routes.ts'

/** Introspection (RFC 7662) and revocation (RFC 7009) of a client's own tokens; of others' nothing is told or done. */
export function tokenStateRoutes(clientRoute: ClientRoute, context: CibaContext) {
  clientRoute('/introspect', async (call) => {
    const token = await ownToken(context, call)
    if (!token) return { active: false }
    const { clientId, userId, issuedAt, expiresAt, claims } = token
    return {
      active: true,
      iss: context.site.origin,
      client_id: clientId,
      sub: userId,
      aud: context.issuer.audience,
      token_type: 'Bearer',
      iat: Math.floor(issuedAt / 1_000),
      exp: Math.floor(expiresAt / 1_000),
      ...(JSON.parse(claims ?? '{}') as object),
    }
  })

  clientRoute('/revoke', async (call) => {
    const token = await ownToken(context, call)
    if (token) await revokeGranted(context, { tokenId: token.id, userId: token.userId, by: 'client' })
    return {}
  })
}

async function ownToken(context: CibaContext, { form, client }: ClientCall): Promise<Token | undefined> {
  const text = form.get('token')
  if (text === undefined) throw invalidRequest('token is missing.')
  const token = await activeToken(context.db, text, context.now())
  return token?.clientId === client.id ? token : undefined
}
