import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { createVault } from '#base/seal.ts'
import type { Database } from '#store/database.ts'
import { openPostgres } from '#store/postgres.ts'
import { sql } from '#store/sql.ts'
import { openSqlite } from '#store/sqlite.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startPostgres } from '../support/postgres.ts'
import { freePort, READY, startProcess } from '../support/process.ts'
import { ADMIN_KEY, startServer } from '../support/server.ts'
import { until } from '../support/until.ts'

let postgres: Awaited<ReturnType<typeof startPostgres>>
before(async () => {
  postgres = await startPostgres()
})
after(() => postgres[Symbol.asyncDispose]())

/** What /readyz says, in a word. */
async function readiness(origin: string): Promise<string> {
  const answer = await fetch(`${origin}/readyz`)
  const body = (await answer.json()) as { status: string | number; code?: string; reason?: string }
  if (answer.status === 200) return 'ready'
  assert.deepEqual([answer.status, body.code], [503, 'not_ready'])
  return body.reason ?? ''
}
const livesOn = async (origin: string) => assert.equal((await fetch(`${origin}/livez`)).status, 200)
const becomes = (origin: string, said: string) =>
  until(async () => (await readiness(origin)) === said, 30_000)

for (const engine of ['sqlite', 'postgres'] as const) {
  describe(engine, () => {
    const start = async (env: Record<string, string> = {}) =>
      startServer({
        env: {
          ...env,
          ...(engine === 'postgres' ? { COUNTERSIGN_DATABASE: await postgres.database() } : {}),
        },
      })
    const storeOf = (server: Awaited<ReturnType<typeof start>>): Promise<Database> | Database => {
      const { COUNTERSIGN_DATABASE: url, COUNTERSIGN_DATA: folder } = server.storeEnv
      return url ? openPostgres(url, { listens: false }) : openSqlite(`${folder}/countersign.db`)
    }

    test('a store that its keys do not open: not ready, but alive', async () => {
      await using server = await start()
      assert.equal(await readiness(server.origin), 'ready')
      const store = await storeOf(server)
      const [kept] = await store.read<{ value: Uint8Array }>(
        sql`select value from store_facts where name = 'master_key_check'`,
      )
      const put = (value: Uint8Array) =>
        store.transaction((tx) =>
          tx.run(sql`update store_facts set value = ${value} where name = 'master_key_check'`),
        )
      assert.ok(kept)
      await put(createVault(Buffer.alloc(32, 7)).seal('master_key_check', Buffer.from('master_key_check')))

      await becomes(server.origin, 'vault')
      await livesOn(server.origin)
      const [line] = server.lines.filter((each) => each.includes('cannot do its work'))
      assert.match(line ?? '', /needs the master key/)
      await put(kept.value)
      await becomes(server.origin, 'ready')
      await store.close()
    })

    test('told to stop: says so at once, takes calls a while, then none, and ends', async () => {
      await using server = await start({ COUNTERSIGN_STOP_DELAY: '2s' })
      const person = await server.person()
      const client = await server.addClient({ user_id: person.userId, notifier_url: 'http://127.0.0.1:9/' })

      const stopped = server.stop()
      assert.equal(await readiness(server.origin), 'stopping')
      await livesOn(server.origin)
      assert.ok(await server.openRequest(client))
      await stopped
      await assert.rejects(fetch(`${server.origin}/livez`))
    })
  })
}

test('sqlite: a disk that takes no more: not ready, but alive', async () => {
  await using folder = await temporaryFolder('full')
  await using server = startProcess({ data: folder.path, port: await freePort(), fileLimitKiB: 3_000 })
  await server.says(READY)
  assert.equal(await readiness(server.origin), 'ready')

  const fill = (handle: number) =>
    fetch(`${server.origin}/v1/admin/users`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ handle: `person-${handle}`, name: 'x'.repeat(80) }),
    })
  let status = 201
  for (let i = 0; i < 4_000 && status === 201; i += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => fill(i + n)))
    status = answers.find((each) => each.status !== 201)?.status ?? 201
  }
  assert.equal(status, 503)
  assert.equal(await readiness(server.origin), 'store')
  await livesOn(server.origin)
})

test('postgres: a disk that takes no more: not ready, but alive, and ready again with room', async () => {
  const url = await postgres.database()
  await using server = await startServer({ env: { COUNTERSIGN_DATABASE: url } })
  const store = openPostgres(url, { listens: false })
  // What PostgreSQL answers then (appendix A: 53100 disk_full), without filling a disk.
  await store.transaction((tx) =>
    tx.script(`
      create function no_room() returns trigger language plpgsql as $$
        begin raise exception 'could not extend file' using errcode = '53100'; end $$;
      create trigger no_room before insert or update on nodes execute function no_room()`),
  )
  await becomes(server.origin, 'store')
  await livesOn(server.origin)
  await store.transaction((tx) => tx.script('drop trigger no_room on nodes'))
  await becomes(server.origin, 'ready')
  await store.close()
})

test('postgres away: not ready, but alive; told to stop, it ends all the same', async () => {
  await using own = await startPostgres()
  const server = await startServer({ env: { COUNTERSIGN_DATABASE: await own.database() } })
  // In the midst of transactions, so that some of them lose their connection.
  let isOver = false
  const callers = Array.from({ length: 8 }, async () => {
    while (!isOver) await server.addUser({ handle: randomUUID() }).catch(() => {})
  })
  await own.stop()
  isOver = true
  await Promise.all(callers)
  await becomes(server.origin, 'store')
  await livesOn(server.origin)
  const startedAt = performance.now()
  await server.stop()
  assert.ok(performance.now() - startedAt < 25_000)
})
