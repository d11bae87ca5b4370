import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DAY } from '#base/clock.ts'
import { sql } from '#store/sql.ts'
import { openStore } from '../../src/app/store.ts'
import { clearAway } from '../../src/app/sweep.ts'
import { readConfig } from '../../src/config.ts'
import { addInitiator, cibaCalls } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { heldClock, startServer, type TestServer } from '../support/server.ts'

// Every table that holds something of a request.
const OF_REQUESTS = [
  'authorization_codes',
  'decisions',
  'deliveries',
  'notices',
  'refresh_tokens',
  'request_handles',
  'reviews',
  'token_families',
  'tokens',
]

let server: TestServer
let person: Person
let receiver: Awaited<ReturnType<typeof startReceiver>>
const clock = heldClock()
before(async () => {
  server = await startServer({
    now: clock.now,
    env: { COUNTERSIGN_CIBA_HOLD: '0s', COUNTERSIGN_CIBA_REFRESH_LIFE: '90d' },
  })
  receiver = await startReceiver()
  person = await server.person({ handle: 'asha' })
})
after(async () => {
  await receiver[Symbol.asyncDispose]()
  await server[Symbol.asyncDispose]()
})

const count = async (table: string, where = '1 = 1') =>
  Number(
    ((await server.select(`select count(*) as count from ${table} where ${where}`)) as { count: number }[])[0]
      ?.count,
  )

async function clearAwayAfter(days: number) {
  const db = await openStore(readConfig(server.storeEnv), clock.now)
  try {
    await clearAway({ db, now: clock.now, requestRetentionMs: days * DAY })
  } finally {
    await db.close()
  }
}

test('old requests leave with all that is kept of them, and those whose access still lives stay', async () => {
  const client = await server.addClient({ user_id: person.userId, notifier_url: receiver.url })
  const approved = await server.openRequest(client)
  await person.approve(approved)
  await receiver.received(1)
  for (let i = 0; i < 30; i += 1) await person.reject(await server.openRequest(await addApp()))

  const agent = await addInitiator(server, [person.userId], { scope: 'openid offline_access' })
  const calls = cibaCalls(server.origin)
  const asked = await calls.ask(agent, { login_hint: person.userId, scope: 'openid offline_access' })
  const renewable = asked.requestId
  await person.approve(renewable)
  const redeemed = (await (await calls.poll(agent, asked.auth_req_id)).json()) as { refresh_token?: string }
  assert.ok(redeemed.refresh_token)

  clock.forward(40 * DAY)
  const fresh = await server.openRequest(client)
  await clearAwayAfter(30)
  const left = (await server.select('select id from token_requests order by id')) as { id: string }[]
  assert.deepEqual(
    left.map(({ id }) => id),
    [renewable, fresh],
  )
  for (const table of OF_REQUESTS) {
    assert.equal(await count(table, `request_id not in ('${renewable}', '${fresh}')`), 0, table)
  }
  for (const table of ['delivery_attempts', 'delivery_payloads']) assert.equal(await count(table), 0, table)
  assert.equal(await count('tokens', `request_id = '${renewable}'`), 1, 'whose access lives')

  clock.forward(60 * DAY)
  await clearAwayAfter(30)
  assert.equal(await count('token_requests', `id = '${renewable}'`), 0, 'once it can no longer be renewed')
})

const addApp = () => server.addClient({ user_id: person.userId, notifier_url: receiver.url })

test('each table with rows of requests is known here', async () => {
  const known = [...OF_REQUESTS, 'events']
  const db = await openStore(readConfig(server.storeEnv), clock.now)
  const rows =
    db.engine === 'sqlite'
      ? await db.read<{ name: string }>(sql`
          select tables.name as name from sqlite_schema as tables, pragma_table_info(tables.name) as columns
           where tables.type = 'table' and columns.name = 'request_id' order by 1`)
      : await db.read<{ name: string }>(sql`
          select table_name as name from information_schema.columns
           where table_schema = current_schema() and column_name = 'request_id' order by 1`)
  await db.close()
  assert.deepEqual(rows.map(({ name }) => name).sort(), known.sort())
})
