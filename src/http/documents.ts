import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from './errors.ts'
import { pageHeaders } from './pages.ts'
import type { Server } from './server.ts'

/** One form of a document: as it is, or packed. */
interface Form {
  body: Buffer
  etag: string
  encoding?: 'br' | 'gzip'
}

const TYPES = {
  html: 'text/html; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
  json: 'application/json; charset=utf-8',
} as const

/**
 * Serves the documents: pages under `/docs`, each also as Markdown under the same address with `.md` behind it, and what
 * programs read. Nothing is read before somebody asks. The build packed them for browsers (Brotli); for those who take gzip
 * alone each is packed once.
 *
 * @param folder where `npm run build` puts them
 * @param isSecure whether we are reached by https
 */
export function documentRoutes(server: Server, { folder, isSecure }: { folder: string; isSecure: boolean }) {
  const forms = new Map<string, Promise<Form | undefined>>()
  const keep = (name: string, make: () => Promise<Form | undefined>) => {
    const known = forms.get(name) ?? make()
    forms.set(name, known)
    return known
  }
  const plain = (path: string) => keep(path, () => read(join(folder, path)))
  const inBrotli = (path: string) => keep(`${path}.br`, () => read(join(folder, `${path}.br`), 'br'))
  const inGzip = (path: string, { body }: Form) => keep(`${path}.gz`, () => packed(body))

  /** The smallest form that the caller takes. */
  async function formFor(accepts: string | undefined, path: string): Promise<Form | undefined> {
    const file = await plain(path)
    if (!file || file.body.length < WORTHWHILE_BYTES) return file
    return (
      (takes(accepts, 'br') && (await inBrotli(path))) || (takes(accepts, 'gzip') ? inGzip(path, file) : file)
    )
  }

  async function send(http: FastifyRequest, reply: FastifyReply, path: string) {
    const form = await formFor(http.headers['accept-encoding']?.toString(), path)
    if (!form) {
      // Only what is there is kept in memory, whatever else is asked for.
      forms.delete(path)
      const isBuilt = await plain('docs/index.html')
      if (isBuilt) return reply.callNotFound()
      const detail = 'The documents are not built yet. Run: npm run build'
      return sendProblem(reply, { status: 503, code: 'not_found', detail, facts: {} })
    }
    const kind = path.slice(path.lastIndexOf('.') + 1) as keyof typeof TYPES
    if (kind === 'html') reply.headers(pageHeaders(isSecure))
    reply.headers({ 'cache-control': 'no-cache', vary: 'accept-encoding', etag: form.etag }).type(TYPES[kind])
    if (http.headers['if-none-match'] === form.etag) return reply.code(304).send()
    if (form.encoding) reply.header('content-encoding', form.encoding)
    return reply.send(form.body)
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

/** Below this, packing a document saves no packet on the way; the build does not. */
const WORTHWHILE_BYTES = 1_000

/** Whether somebody takes a form (RFC 9110 §12.5.3); one who gives it the weight 0 does not. */
const takes = (accepts: string | undefined, coding: 'br' | 'gzip') =>
  (accepts ?? '').split(',').some((each) => {
    const [name, ...facts] = each.split(';').map((part) => part.trim().toLowerCase())
    return name === coding && !facts.some((fact) => /^q=0(\.0*)?$/.test(fact))
  })

const read = (path: string, encoding?: Form['encoding']) =>
  readFile(path).then((body) => asForm(body, encoding), asMissing)

const packed = async (body: Buffer) => asForm(await promisify(gzip)(body, { level: 9 }), 'gzip')

const asForm = (body: Buffer, encoding?: Form['encoding']): Form => ({
  body,
  etag: `"${hash('sha256', body, 'base64url').slice(0, 22)}"`,
  ...(encoding && { encoding }),
})

function asMissing(fault: NodeJS.ErrnoException): undefined {
  if (fault.code !== 'ENOENT') throw fault
}
