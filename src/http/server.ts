import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type RawServerDefault,
} from 'fastify'
import type { Log } from '#base/log.ts'
import { sendProblem, troubleOf } from './errors.ts'
import { validatorCompiler } from './validate.ts'

export type Server = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** Names a call in the log: this process and a count. Random bytes for each cost more than all else around a route. */
const processId = randomBytes(5).toString('hex')
let calls = 0
const requestId = () => {
  calls += 1
  return `${processId}-${calls.toString(36)}`
}

interface ServerOptions {
  log: Log
  /** Addresses of the proxies in front whose `x-forwarded-for` is believed; false for none. */
  trustProxy: string[] | false
  /** A protocol's own words for an address that cannot be read. */
  onBadUrl: (url: string, http: FastifyRequest, reply: FastifyReply) => boolean
}

/** Everything around the routes: limits, headers, errors. */
export function createServer({ log, trustProxy, onBadUrl }: ServerOptions): Server {
  const server = Fastify({
    trustProxy,
    bodyLimit: 64 * 1024,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: false },
    requestTimeout: 30_000,
    keepAliveTimeout: 72_000,
    genReqId: requestId,
    forceCloseConnections: 'idle',
    frameworkErrors(error, http, reply) {
      const open = reply as unknown as FastifyReply
      if (!onBadUrl(http.url, http as unknown as FastifyRequest, open)) {
        sendProblem(open, troubleOf(error, http as unknown as FastifyRequest, log))
      }
    },
  }).withTypeProvider<TypeBoxTypeProvider>() as Server
  server.setValidatorCompiler(validatorCompiler)

  // A body that is empty is no body; whether one is needed is for the route to say.
  server.removeContentTypeParser(['application/json', 'text/plain'])
  server.addContentTypeParser('application/json', { parseAs: 'string' }, (_http, text, done) => {
    if (text === '') return done(null, undefined)
    // No store keeps a NUL in a text, and nobody has an honest use for one.
    if ((text as string).includes('\\u0000')) return done(notJson('FST_ERR_CTP_NUL'), undefined)
    try {
      done(null, JSON.parse(text as string))
    } catch {
      done(notJson('FST_ERR_CTP_INVALID_JSON_BODY'), undefined)
    }
  })

  server.addHook('onSend', (_http, reply, payload, done) => {
    reply.header('x-content-type-options', 'nosniff')
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
    done(null, payload)
  })
  server.setErrorHandler((error, http, reply) => sendProblem(reply, troubleOf(error, http, log)))
  return server
}

/**
 * Takes no more calls and finishes those under way, for 5 s at most. A connection that was busy when the close began would
 * be kept for its client's next call, as long as the keep-alive lasts: it is closed as soon as it is idle.
 */
export async function closeServer(server: Server): Promise<void> {
  const closed = server.close()
  const closeIdle = setInterval(() => server.server.closeIdleConnections(), IDLE_LOOK_MS)
  const closeAll = setTimeout(() => server.server.closeAllConnections(), CALLS_END_MS)
  try {
    await closed
  } finally {
    clearInterval(closeIdle)
    clearTimeout(closeAll)
  }
}

const IDLE_LOOK_MS = 50
const CALLS_END_MS = 5_000

const notJson = (code: string) =>
  Object.assign(new Error('The body cannot be read.'), { statusCode: 400, code })
