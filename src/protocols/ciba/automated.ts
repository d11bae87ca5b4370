import type { FastifyInstance, FastifyRequest } from 'fastify'
import { playByHandle } from '#requests/simulate.ts'
import type { CibaContext } from './context.ts'
import { CibaRefusal, invalidRequest } from './errors.ts'

const OUTCOMES: Record<string, 'approve' | 'reject'> = { allow: 'approve', deny: 'reject' }

/**
 * Decides in the place of the user, so that the OpenID conformance suite can be run with nobody there
 * (`automated_ciba_approval_url`). A server in development has it, for callers on the same machine.
 */
export function automatedRoute(scope: FastifyInstance, context: CibaContext) {
  // It is no part of the API, and so in no document of it.
  scope.post('/dev/ciba', { schema: { hide: true } }, async (http) => {
    requireSameMachine(http)
    const { token, type = '' } = http.query as Record<string, string | undefined>
    const outcome = Object.hasOwn(OUTCOMES, type) ? OUTCOMES[type] : undefined
    if (typeof token !== 'string' || !outcome) {
      throw invalidRequest('Call it with ?token= the auth_req_id, and &type= allow or deny.')
    }
    const { status } = await playByHandle(context, token, outcome)
    return { status }
  })
}

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/

/**
 * What came by way of a proxy may have come from anywhere.
 *
 * @throws CibaRefusal `access_denied`
 */
function requireSameMachine({ socket, headers }: FastifyRequest): void {
  const isForwarded = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via'].some((name) => name in headers)
  // A page in a browser on this machine is not what this is for.
  const isPage = 'origin' in headers || 'sec-fetch-site' in headers
  if (LOOPBACK.test(socket.remoteAddress ?? '') && !isForwarded && !isPage) return
  throw new CibaRefusal('access_denied', 'This is for programs on the same machine alone.', 403)
}
