import type { FastifyRequest } from 'fastify'
import { Refusal } from '#base/errors.ts'
import { readCookie, sessionCookie } from '#http/cookies.ts'
import type { Server } from '#http/server.ts'
import { requireSession } from '#users/sessions.ts'
import type { UsersContext } from '#users/users.ts'

/** Who is signed in on the calling page. @throws Refusal `not_signed_in` */
export const signedIn = (context: UsersContext, http: FastifyRequest) =>
  requireSession(context, readCookie(http, sessionCookie(context.site.origin)))

/**
 * Lets only our own pages change something: another site can make a browser send a form with our cookie, but neither
 * our `origin` nor a JSON body.
 */
export function guardPages(server: Server, { site }: UsersContext) {
  server.addHook('onRequest', async (http) => {
    if (http.method === 'GET' || http.method === 'HEAD') return
    requireOwnPages(http, { site })
  })
}

/** @throws Refusal `cross_origin` */
export function requireOwnPages(http: FastifyRequest, { site }: Pick<UsersContext, 'site'>) {
  const { origin = '' } = http.headers
  if (origin === site.origin || site.appOrigins?.includes(origin)) return
  const detail = `This call must come from our own pages at ${site.origin}.`
  throw new Refusal('cross_origin', { detail })
}

/** Where the caller is, for the user's own list of sessions and the timeline. */
export const deviceOf = (http: FastifyRequest) => ({
  userAgent: http.headers['user-agent'] ?? null,
  address: http.ip,
})
