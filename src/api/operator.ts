import type { FastifyRequest } from 'fastify'
import { Refusal } from '#base/errors.ts'
import { hashSecret, sameHash } from '#base/secrets.ts'
import { readCookie, sessionCookie } from '#http/cookies.ts'
import type { Server } from '#http/server.ts'
import { ADMIN_KEY } from '#users/roles.ts'
import type { UsersContext } from '#users/users.ts'
import { requireOwnPages, signedIn } from './guard.ts'

export interface OperatorContext extends UsersContext {
  adminKeyHash: Uint8Array
  /** How long after a passkey an operator may change something, in milliseconds. */
  freshMs: number
}

const acting = new WeakMap<FastifyRequest, string>()

/** Which operator calls: the id of a user, or `admin_key`. */
export const actingOf = (http: FastifyRequest): string => acting.get(http) ?? ADMIN_KEY

/**
 * Lets in the admin key; and on our own pages operators, and auditors to look. Whoever changes something there must have
 * shown a passkey a moment ago: an open page on an unwatched desk is not enough.
 */
export function guardOperator(server: Server, context: OperatorContext) {
  server.addHook('onRequest', async (http) => {
    const { authorization } = http.headers
    const hasCookie = readCookie(http, sessionCookie(context.site.origin)) !== undefined
    if (authorization !== undefined || !hasCookie) return requireAdminKey(authorization ?? '', context)

    const { userId, role, passkeyAt } = await signedIn(context, http)
    const isLook = http.method === 'GET' || http.method === 'HEAD'
    if (role !== 'operator' && !(role === 'auditor' && isLook)) throw new Refusal('not_operator')
    acting.set(http, userId)
    if (isLook) return
    requireOwnPages(http, context)
    const isFresh = passkeyAt !== null && passkeyAt > context.now() - context.freshMs
    if (!isFresh) throw new Refusal('confirm_first')
  })
}

function requireAdminKey(authorization: string, { adminKeyHash }: OperatorContext) {
  const [scheme, key = ''] = authorization.split(' ')
  const isKnown = sameHash(hashSecret(key), adminKeyHash)
  if (scheme?.toLowerCase() !== 'bearer' || !isKnown) throw new Refusal('admin_key_wrong')
}
