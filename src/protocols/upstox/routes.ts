import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '#base/log.ts'
import { troubleOf } from '#http/errors.ts'
import type { Server } from '#http/server.ts'
import { envelope, UpstoxRefusal, upstoxError } from './errors.ts'
import { loginRoutes } from './login.ts'
import { logoutRoute } from './logout.ts'
import { tokenRequestRoute, type UpstoxContext } from './token-request.ts'

/** The addresses of Upstox's API: whatever goes wrong under them is told in Upstox's envelope. */
const PREFIXES = ['/v2', '/v3'] as const

export async function upstoxRoutes(server: Server, context: UpstoxContext & { log: Log }) {
  const answer = (error: unknown, http: FastifyRequest, reply: FastifyReply) => {
    const trouble = error instanceof UpstoxRefusal ? undefined : troubleOf(error, http, context.log)
    if (trouble?.retryAfter !== undefined) reply.header('retry-after', trouble.retryAfter)
    const shown = trouble ? upstoxError(trouble) : (error as UpstoxRefusal)
    return reply.code(shown.status).type('application/json').send(envelope(shown))
  }

  for (const prefix of PREFIXES) {
    await server.register(
      async (scope) => {
        scope.setErrorHandler(answer)
        scope.setNotFoundHandler((http, reply) => answer(NOT_FOUND, http, reply))
        if (prefix === '/v3') tokenRequestRoute(scope as Server, context)
        else {
          logoutRoute(scope as Server, context)
          loginRoutes(scope as Server, context)
        }
      },
      { prefix },
    )
  }
}

/** Answers an address that cannot be decoded, if it is one of ours. */
export function upstoxBadUrl(url: string, _http: FastifyRequest, reply: FastifyReply): boolean {
  if (!PREFIXES.some((prefix) => url.startsWith(`${prefix}/`))) return false
  const message = 'The address is not well formed.'
  reply
    .code(400)
    .type('application/json')
    .send(envelope({ status: 400, errorCode: 'UDAPI100038', message }))
  return true
}

const NOT_FOUND = new UpstoxRefusal(404, 'UDAPI100060', 'Resource not Found')
