import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import Fastify from 'fastify'
import postgres from 'postgres'
import { Type } from 'typebox'
import { uuidv7 } from '#base/ids.ts'

/**
 * The twin of floor-open.ts on PostgreSQL: one Fastify route with a schema that writes three rows, committed before the
 * answer. What waits while the last statements are out leaves as one statement (`unnest`). It knows no client, no user
 * and no rule.
 *
 * Usage: node floor-open-postgres.ts ADDRESS_OF_A_DATABASE
 */
const MOST_OUT = 4
const DAY_MS = 86_400_000

const client = postgres(process.argv[2] ?? '', { max: MOST_OUT, onnotice: () => {} })
await client.unsafe(`
  create table requests (
    id text primary key, client_id text not null, state text not null, opened_at bigint not null, expires_at bigint not null);
  create table outbox (
    id text primary key, kind text not null, ref text not null, due_at bigint not null, attempt bigint not null)`)

interface Waiting {
  id: string
  clientId: string
  now: number
  resolve: () => void
  reject: (fault: unknown) => void
}
let waiting: Waiting[] = []
let [out, isPlanned] = [0, false]

const committed = (id: string, clientId: string, now: number) =>
  new Promise<void>((resolve, reject) => {
    waiting.push({ id, clientId, now, resolve, reject })
    plan()
  })

function plan() {
  if (isPlanned || out === MOST_OUT || waiting.length === 0) return
  isPlanned = true
  setImmediate(() => {
    isPlanned = false
    const group = waiting
    waiting = []
    out += 1
    void write(group).finally(() => {
      out -= 1
      plan()
    })
  })
}

async function write(group: Waiting[]) {
  const [ids, clients, times] = [
    group.map(({ id }) => id),
    group.map(({ clientId }) => clientId),
    group.map(({ now }) => now),
  ]
  const jobs = group.flatMap(() => [uuidv7(), uuidv7()])
  try {
    await client`
      with opened as (
        insert into requests (id, client_id, state, opened_at, expires_at)
        select id, client_id, 'pending', at, at + ${DAY_MS}::bigint
          from unnest(${ids}::text[], ${clients}::text[], ${times}::bigint[]) as each (id, client_id, at))
      insert into outbox (id, kind, ref, due_at, attempt)
      select (${jobs}::text[])[2 * nth - 1 + which], case which when 0 then 'notify' else 'expire' end, id,
             at + which * ${DAY_MS}::bigint, 0
        from unnest(${ids}::text[], ${times}::bigint[]) with ordinality as each (id, at, nth), generate_series(0, 1) as which`
    for (const { resolve } of group) resolve()
  } catch (fault) {
    for (const { reject } of group) reject(fault)
  }
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
  await committed(id, http.params.client_id, now)
  return { id, expires_at: now + DAY_MS }
})
process.stdout.write(`Ready at ${await server.listen({ port: 0, host: '127.0.0.1' })}\n`)
process.once('SIGTERM', () => process.exit(0))
