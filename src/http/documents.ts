import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './errors.ts'
import { pageHeaders } from './pages.ts'
import type { Server } from './server.ts'

interface File {
  body: Buffer
  etag: string
}

const TYPES = {
  html: 'text/html; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  json: 'application/json; charset=utf-8',
} as const

/**
 * Serves the documents: pages under `/docs`, each also as Markdown under the same address with `.md` behind it, and what
 * programs read. Nothing is read before somebody asks.
 *
 * @param folder where `npm run build` puts them
 * @param isSecure whether we are reached by https
 */
export function documentRoutes(server: Server, { folder, isSecure }: { folder: string; isSecure: boolean }) {
  const files = new Map<string, Promise<File | undefined>>()
  const fileAt = (path: string) => {
    const known = files.get(path) ?? readFile(join(folder, path)).then(asFile, asMissing)
    files.set(path, known)
    return known
  }

  async function send(http: FastifyRequest, reply: FastifyReply, path: string) {
    const file = await fileAt(path)
    if (!file) {
      // Only what is there is kept in memory, whatever else is asked for.
      files.delete(path)
      const isBuilt = await fileAt('docs/index.html')
      if (isBuilt) return reply.callNotFound()
      const detail = 'The documents are not built yet. Run: npm run build'
      return sendProblem(reply, { status: 503, code: 'not_found', detail, facts: {} })
    }
    const kind = path.slice(path.lastIndexOf('.') + 1) as keyof typeof TYPES
    if (kind === 'html') reply.headers(pageHeaders(isSecure))
    reply.headers({ 'cache-control': 'no-cache', etag: file.etag }).type(TYPES[kind])
    return http.headers['if-none-match'] === file.etag ? reply.code(304).send() : reply.send(file.body)
  }

  for (const name of ['openapi.json', 'llms.txt', 'llms-full.txt']) {
    server.get(`/${name}`, (http, reply) => send(http, reply, name))
  }
  const hidden = { schema: { hide: true } as object }
  server.get('/docs', hidden, (http, reply) => send(http, reply, 'docs/index.html'))
  server.get('/docs.md', hidden, (http, reply) => send(http, reply, 'docs/index.md'))
  server.get('/docs/*', hidden, (http, reply) => {
    const name = (http.params as { '*': string })['*']
    if (name === '') return reply.redirect('/docs', 308)
    if (!/^[a-z0-9-]+(\/[a-z0-9-]+)?(\.md)?$/.test(name)) return reply.callNotFound()
    return send(http, reply, `docs/${name.endsWith('.md') ? name : `${name}.html`}`)
  })
}

const asFile = (body: Buffer): File => ({ body, etag: `"${hash('sha256', body, 'base64url').slice(0, 22)}"` })

function asMissing(fault: NodeJS.ErrnoException): undefined {
  if (fault.code !== 'ENOENT') throw fault
}
