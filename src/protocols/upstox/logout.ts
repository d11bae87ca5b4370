import { Refusal } from '#base/errors.ts'
import type { Server } from '#http/server.ts'
import type { RequestContext } from '#requests/context.ts'
import { revokeGranted } from '#requests/revoke.ts'
import type { TokenClaims } from '#tokens/issue.ts'
import { activeToken } from '#tokens/revoke.ts'
import type { Token } from '#tokens/store.ts'

/** Logout: the token that is sent along ends. */
export function logoutRoute(server: Server, context: RequestContext) {
  server.delete('/logout', async (http) => {
    const [scheme, text = ''] = (http.headers.authorization ?? '').split(' ')
    const token =
      scheme?.toLowerCase() === 'bearer' ? await activeToken(context.db, text, context.now()) : undefined
    if (!token || isBound(token)) throw new Refusal('token_invalid')
    await revokeGranted(context, { tokenId: token.id, userId: token.userId, by: 'client' })
    return { status: 'success', data: true }
  })
}

/** A bound token is good for nobody who shows nothing with it (RFC 9449 §7.1). */
const isBound = ({ claims }: Token) => (JSON.parse(claims ?? '{}') as TokenClaims).cnf !== undefined
