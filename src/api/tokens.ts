import { clientById } from '#clients/store.ts'
import { tokenDeliveryOf } from '#deliveries/store.ts'
import type { Server } from '#http/server.ts'
import type { RequestContext } from '#requests/context.ts'
import { revokeGranted } from '#requests/revoke.ts'
import { accessAt } from '#tokens/access.ts'
import { accessOfUser } from '#tokens/store.ts'
import type { TokenCard } from './contract.ts'
import { signedIn } from './guard.ts'
import { Id } from './shapes.ts'

const MOST_SHOWN = 100

/** What is out, and taking it back. */
export function tokenRoutes(server: Server, context: RequestContext) {
  const { db, now } = context

  server.get('/v1/me/tokens', async (http) => {
    const { userId } = await signedIn(context, http)
    const tokens = await accessOfUser(db, userId, MOST_SHOWN)
    const cards = tokens.map(async (token): Promise<TokenCard> => {
      const client = await clientById(db, token.clientId)
      const delivery = await tokenDeliveryOf(db, token.requestId)
      return {
        id: token.id,
        client: { id: token.clientId, name: client?.name ?? 'A removed app' },
        request_id: token.requestId,
        state: accessAt(token, now()).state,
        issued_at: token.issuedAt,
        expires_at: accessAt(token, now()).expiresAt,
        revoked_at: token.revokedAt,
        is_renewable: token.familyState !== null,
        renewed_at: token.renewedAt,
        delivery: delivery ? { state: delivery.state } : null,
      }
    })
    return { tokens: await Promise.all(cards) }
  })

  server.delete('/v1/me/tokens/:id', { schema: { params: Id } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    await revokeGranted(context, { tokenId: http.params.id, userId, by: 'user' })
    return reply.code(204).send()
  })
}
