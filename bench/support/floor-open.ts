import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import { Type } from 'typebox'
import { uuidv7 } from '#base/ids.ts'

/**
 * The least that opening a request can cost: one Fastify route with a schema that writes three rows, on disk before the
 * answer, by group commit. It knows no client, no user and no rule.
 *
 * Usage: node floor-open.ts FOLDER
 */
const database = new DatabaseSync(join(process.argv[2] ?? '.', 'floor.db'))
database.exec(`
  pragma journal_mode = wal; pragma synchronous = full;
  create table requests (
    id text primary key, client_id text not null, state text not null, opened_at integer not null,
    expires_at integer not null
  ) strict, without rowid;
  create table outbox (
    id text primary key, kind text not null, ref text not null, due_at integer not null, attempt integer not null
  ) strict, without rowid;`)
const insertRequest = database.prepare(
  "insert into requests (id, client_id, state, opened_at, expires_at) values (?, ?, 'pending', ?, ?)",
)
const insertJob = database.prepare(
  'insert into outbox (id, kind, ref, due_at, attempt) values (?, ?, ?, ?, 0)',
)

const DAY_MS = 86_400_000
let waiting: { write: () => void; resolve: () => void }[] = []

/** Whatever waits in the same turn of the event loop shares one commit. */
function committed(write: () => void): Promise<void> {
  return new Promise((resolve) => {
    waiting.push({ write, resolve })
    if (waiting.length === 1) setImmediate(flush)
  })
}

function flush() {
  const group = waiting
  waiting = []
  database.exec('begin immediate')
  for (const { write } of group) write()
  database.exec('commit')
  for (const { resolve } of group) resolve()
}

const server = Fastify().withTypeProvider<TypeBoxTypeProvider>()
server.setValidatorCompiler(TypeBoxValidatorCompiler)

const schema = {
  params: Type.Object({ client_id: Type.String() }),
  body: Type.Object({ client_secret: Type.String(), reason: Type.Optional(Type.String()) }),
  response: { 200: Type.Object({ id: Type.String(), expires_at: Type.Integer() }) },
}
server.post('/v3/login/auth/token/request/:client_id', { schema }, async (http) => {
  const now = Date.now()
  const id = uuidv7()
  await committed(() => {
    insertRequest.run(id, http.params.client_id, now, now + DAY_MS)
    insertJob.run(uuidv7(), 'notify', id, now)
    insertJob.run(uuidv7(), 'expire', id, now + DAY_MS)
  })
  return { id, expires_at: now + DAY_MS }
})
process.stdout.write(`Ready at ${await server.listen({ port: 0, host: '127.0.0.1' })}\n`)
process.once('SIGTERM', () => process.exit(0))
