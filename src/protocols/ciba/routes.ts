import type { FastifyReply, FastifyRequest } from 'fastify'
import { Refusal } from '#base/errors.ts'
import type { Log } from '#base/log.ts'
import { hashSecret, sameHash } from '#base/secrets.ts'
import { authenticateInitiator } from '#clients/credentials.ts'
import { certificateOf, type ShownCertificate } from '#http/certificates.ts'
import { originsOf, readCredentials } from '#http/credentials.ts'
import { troubleOf } from '#http/errors.ts'
import type { Server } from '#http/server.ts'
import { automatedRoute } from './automated.ts'
import { backchannelRoute } from './backchannel.ts'
import type { CibaContext, ClientRoute } from './context.ts'
import { discoveryRoutes } from './discovery.ts'
import { CibaRefusal, cibaError } from './errors.ts'
import { type Parameters, readForm } from './form.ts'
import { requireProfile } from './profile.ts'
import { tokenRoute } from './token.ts'
import { tokenStateRoutes } from './token-state.ts'

/** Longest body: a signed request with its details is a few thousand bytes. */
const BODY_LIMIT = 64 * 1024

/** OpenID CIBA Core 1.0: addresses, authentication and errors of its endpoints. */
export async function cibaRoutes(server: Server, context: CibaContext) {
  discoveryRoutes(server, context)

  await server.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: BODY_LIMIT },
      (_http, text, done) => done(null, text),
    )
    scope.setErrorHandler((error, http, reply) => answer(error, http, reply, context.log))

    /** A POST of a client that authenticates; a browser that comes there is told so. */
    const clientRoute: ClientRoute = (url, respond, toResource) => {
      scope.post(url, async (http, reply) => {
        const form = readForm(http)
        if (toResource && isResource(context, http)) return toResource(form)
        const { certificates } = context
        const certificate = certificates && certificateOf(certificates, http, context.now())
        const known = await authenticate(context, http, form, certificate)
        requireProfile(context.profile, known.initiator)
        reply.header('pragma', 'no-cache')
        return respond({ http, form, certificate, ...known }, reply)
      })
      scope.get(url, async (_http, reply) => {
        reply.header('allow', 'POST')
        throw new CibaRefusal('invalid_request', 'This address takes POST alone.', 405)
      })
    }
    backchannelRoute(clientRoute, context)
    tokenRoute(clientRoute, context)
    tokenStateRoutes(clientRoute, context)
    if (context.isDev) automatedRoute(scope, context)
  })
}

function isResource({ resourceKeyHash }: CibaContext, { headers }: FastifyRequest): boolean {
  const [scheme, key = ''] = (headers.authorization ?? '').split(' ')
  return (
    resourceKeyHash !== undefined &&
    scheme?.toLowerCase() === 'bearer' &&
    sameHash(hashSecret(key), resourceKeyHash)
  )
}

async function authenticate(
  context: CibaContext,
  http: FastifyRequest,
  form: Parameters,
  certificate: ShownCertificate | undefined,
) {
  try {
    const said = { header: http.headers.authorization, parameter: form.get, certificate }
    return await authenticateInitiator(context, readCredentials(said, originsOf(context)))
  } catch (fault) {
    if (fault instanceof Refusal && fault.code === 'client_credentials_wrong') context.limitAddress(http.ip)
    throw fault
  }
}

function answer(error: unknown, http: FastifyRequest, reply: FastifyReply, log: Log) {
  const trouble = error instanceof CibaRefusal ? error : troubleOf(error, http, log)
  if (!(trouble instanceof CibaRefusal) && trouble.retryAfter !== undefined) {
    reply.header('retry-after', trouble.retryAfter)
  }
  const { status, body } = cibaError(trouble)
  // Only who tried by the header is told by the header (RFC 6749 §5.2).
  if (status === 401 && http.headers.authorization !== undefined) {
    reply.header('www-authenticate', 'Basic realm="countersign"')
  }
  return reply.code(status).type('application/json').send(body)
}
