import assert from 'node:assert/strict'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import postgresClient from 'postgres'
import { migrate } from '#store/migrate.ts'
import { openPostgres } from '#store/postgres.ts'
import { sql } from '#store/sql.ts'
import { openSqlite } from '#store/sqlite.ts'
import { temporaryFolder } from '../support/folder.ts'
import { borrowPostgres } from '../support/postgres.ts'
import { startReceiver } from '../support/receiver.ts'
import { startServer } from '../support/server.ts'

let postgres: Awaited<ReturnType<typeof borrowPostgres>>
before(async () => {
  postgres = await borrowPostgres()
})
after(() => postgres[Symbol.asyncDispose]())

const OURS = fileURLToPath(new URL('../../src/store/migrations/', import.meta.url))

/** What a later release may add, by the rule of docs/upgrading.md, to the busiest tables there are. */
const LATER = `
  create table later_things (id text primary key, note text);
  alter table token_requests add column later_note text;
  alter table deliveries add column later_count bigint not null default 0;
  alter table outbox add column later_mark text;
  create index later_requests on token_requests (later_note) where later_note is not null;`

/** The migrations of a later release: ours, and one more. */
async function laterMigrations(folder: string) {
  await cp(OURS, folder, { recursive: true })
  for (const engine of ['sqlite', 'postgres']) {
    const text = engine === 'sqlite' ? LATER.replaceAll('bigint', 'integer') : LATER
    await writeFile(join(folder, `0900-later.${engine}.sql`), text)
  }
  return pathToFileURL(`${folder}/`)
}

for (const engine of ['sqlite', 'postgres'] as const) {
  test(`${engine}: a node of this release goes on while a later one changes the store, and starts anew on it`, async () => {
    await using folder = await temporaryFolder('upgrade')
    await using receiver = await startReceiver()
    const later = await laterMigrations(join(folder.path, 'migrations'))
    const env = engine === 'postgres' ? { COUNTERSIGN_DATABASE: await postgres.database() } : {}
    await using server = await startServer({ env })
    const person = await server.person()
    const clients = await Promise.all(
      Array.from({ length: 4 }, () =>
        server.addClient({ user_id: person.userId, notifier_url: receiver.url }),
      ),
    )
    // The whole way of a request, again and again, before, while and after.
    let isOver = false
    let approved = 0
    const callers = clients.map(async (client) => {
      while (!isOver) {
        const id = await server.openRequest(client)
        assert.equal((await person.approve(id)).status, 200)
        approved += 1
      }
    })
    const more = async () => {
      const wanted = approved + 8
      while (approved < wanted) await Promise.race([pause(20), ...callers])
    }
    await more()

    const { COUNTERSIGN_DATABASE: url, COUNTERSIGN_DATA } = server.storeEnv
    const other = url
      ? openPostgres(url, { listens: false })
      : await openSqlite(join(COUNTERSIGN_DATA, 'countersign.db'))
    assert.deepEqual(await migrate(other, Date.now(), later), [`0900-later.${engine}.sql`])
    await more()
    // What the later node writes is let be by the older one.
    await other.transaction((tx) => tx.run(sql`update token_requests set later_note = 'seen'`))
    await more()
    isOver = true
    await Promise.all(callers)
    await receiver.received(approved, 10_000)
    assert.equal(new Set(receiver.posts.map(({ headers }) => headers['webhook-id'])).size, approved)
    assert.deepEqual(
      server.lines.filter((line) => line.includes('"level":"error"')),
      [],
    )

    // Back to the release before: it starts on the store of the later one.
    const [client] = clients
    assert.ok(client)
    await server.stop()
    await using again = await startServer({
      data: server.folder,
      env: { ...env, COUNTERSIGN_PORT: String(server.port), COUNTERSIGN_URL: server.origin },
    })
    await person.approve(await again.openRequest(client))
    await receiver.received(approved + 1, 10_000)
    await other.close()
  })
}

test('postgres: while a dump holds the tables a migration waits, and keeps nobody else waiting for long', async () => {
  await using folder = await temporaryFolder('upgrade')
  const later = await laterMigrations(join(folder.path, 'migrations'))
  const url = await postgres.database()
  const db = openPostgres(url, { listens: false })
  await migrate(db, Date.now())
  const dump = postgresClient(url, { max: 1, onnotice: () => {} })
  await dump.unsafe('begin; lock table token_requests in access share mode')

  const migrated = migrate(db, Date.now(), later)
  let slowestMs = 0
  const until = performance.now() + 2_500
  while (performance.now() < until) {
    const askedAt = performance.now()
    await db.read(sql`select id from token_requests limit 1`)
    slowestMs = Math.max(slowestMs, performance.now() - askedAt)
    await pause(10)
  }
  assert.ok(slowestMs < 2_000, `a read waited ${slowestMs} ms`)
  await dump.unsafe('commit')
  assert.deepEqual(await migrated, ['0900-later.postgres.sql'])
  await dump.end()
  await db.close()
})
