import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyReply } from 'fastify'
import { sendProblem } from './errors.ts'
import type { Server } from './server.ts'

/**
 * Only our own files, no inline script or style, and no way to make script of a text (Trusted Types): a page whose one
 * job is to show the truth.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  // The one policy that lets our own service worker be started.
  'trusted-types sw',
].join('; ')

/** What every page of ours is sent with. */
export const pageHeaders = (isSecure: boolean) => ({
  'content-security-policy': CONTENT_SECURITY_POLICY,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'publickey-credentials-get=(self), publickey-credentials-create=(self)',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
  ...(isSecure ? { 'strict-transport-security': 'max-age=31536000' } : {}),
})

/** Addresses of the pages themselves; the page finds out which of them it is. */
const PAGES = [
  '/',
  '/enrol',
  '/sign-in',
  '/recover',
  '/r/:id',
  '/tokens',
  '/history',
  '/security',
  '/alerts',
  '/authorize',
  '/link',
  '/link/:id',
  '/links',
  '/apps',
  '/apps/new',
  '/apps/:id',
  '/apps/:id/:part',
  '/operator',
  '/operator/reviews',
  '/operator/users',
  '/operator/users/:id',
  '/operator/apps',
  '/operator/events',
  '/operator/feedback',
  '/operator/settings',
]

/**
 * Serves the built pages.
 *
 * @param folder where `npm run build` puts them
 * @param isSecure whether we are reached by https
 */
export async function pageRoutes(
  server: Server,
  { folder, isSecure }: { folder: string; isSecure: boolean },
) {
  const index = join(folder, 'index.html')
  if (!existsSync(index)) {
    server.get('/', { schema: { hide: true } as object }, (_http, reply) =>
      reply.code(503).type('text/plain').send('The pages are not built yet. Run: npm run build\n'),
    )
    return
  }
  const shell = await readFile(index, 'utf8')
  const sendShell = (reply: FastifyReply, status: number) => {
    reply.headers(pageHeaders(isSecure))
    return reply.code(status).type('text/html; charset=utf-8').send(shell)
  }

  await server.register(fastifyStatic, {
    root: folder,
    index: false,
    wildcard: false,
    // The documents have routes of their own.
    globIgnore: ['docs/**', 'openapi.json*', 'llms*', '**/*.br', '**/*.gz'],
    // The build packed them; whoever takes neither Brotli nor gzip gets them as they are.
    preCompressed: true,
    cacheControl: false,
    setHeaders(reply, path) {
      // Files under assets/ carry their hash in their name, so they never change.
      const isHashed = dirname(path) === join(folder, 'assets')
      reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
      reply.header('x-content-type-options', 'nosniff')
      // The service worker obeys the policy that it came with itself.
      if (/^sw\.js(\.br|\.gz)?$/.test(basename(path)))
        reply.header('content-security-policy', CONTENT_SECURITY_POLICY)
    },
  })
  for (const page of PAGES)
    server.get(page, { schema: { hide: true } as object }, (_http, reply) => sendShell(reply, 200))

  server.setNotFoundHandler((http, reply) => {
    const isPage = http.method === 'GET' && http.headers.accept?.includes('text/html')
    if (isPage) return sendShell(reply, 404)
    const detail = 'There is nothing at this address.'
    return sendProblem(reply, { status: 404, code: 'not_found', detail, facts: {} })
  })
}
