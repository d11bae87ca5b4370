import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sql } from '#store/sql.ts'
import { openSqlite } from '#store/sqlite.ts'
import { runCommand } from './support/command.ts'
import { temporaryFolder } from './support/folder.ts'
import { startReceiver } from './support/receiver.ts'
import { selectFrom } from './support/select.ts'
import { startServer } from './support/server.ts'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))

test('a backup made while the server works, restored elsewhere, delivers what was pending: the same token, never a second one', async () => {
  let isAwake = false
  await using receiver = await startReceiver((_http, response) =>
    response.writeHead(isAwake ? 200 : 503).end(),
  )
  await using folder = await temporaryFolder('backup')
  const old = await startServer()
  const person = await old.person({ handle: 'asha' })
  const client = await old.addClient({ user_id: person.userId, notifier_url: receiver.url })
  const pending = await old.openRequest(client)
  await person.approve(pending)
  await receiver.received(1)
  const others = await Promise.all(
    Array.from({ length: 8 }, () => old.addClient({ user_id: person.userId, notifier_url: receiver.url })),
  )

  // Written to all the while.
  let isOver = false
  const callers = others.map(async (each) => {
    while (!isOver) {
      const id = await old.openRequest(each)
      await fetch(`${old.origin}/v1/requests/${id}`, {
        method: 'DELETE',
        headers: { authorization: `Basic ${btoa(`${each.client_id}:${each.client_secret}`)}` },
      })
    }
  })
  const file = join(folder.path, 'store.backup')
  const made = await runCommand(['backup', '--to', file], old.storeEnv)
  isOver = true
  await Promise.all(callers)
  assert.equal(made.code, 0, made.err)
  assert.match(made.out, /copied [\d.]+ of [\d.]+ MB/)
  assert.match(made.out, /1 deliveries on their way/)
  assert.match(made.out, /master key is not in it: keep a copy of .*master\.key/)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(folder.path), ['store.backup'])
  // One moment of it: no request that waits without the work that ends it, and the other way round.
  const [torn] = await selectFrom(
    { path: file },
    `select (select count(*) from token_requests where state = 'pending'
              and not exists (select 1 from outbox where outbox.id = 'expire:' || token_requests.id)) +
            (select count(*) from outbox where kind = 'expire'
              and not exists (select 1 from token_requests where token_requests.id = outbox.ref and state = 'pending')) as torn`,
  )
  assert.equal(torn?.torn, 0)
  const over = await runCommand(['backup', '--to', file], old.storeEnv)
  assert.deepEqual(
    [over.code, /is there already, and is not overwritten/.test(over.err)],
    [1, true],
    over.err,
  )

  // What is delivered after the backup is on its way again in it.
  isAwake = true
  const { delivery } = await old.requestStatus(client, pending)
  await person.must('POST', `/v1/me/apps/${client.client_id}/deliveries/${delivery?.id}/resend`, {})
  await receiver.received(2)
  await old.stop()

  const data = join(folder.path, 'data')
  const env = { COUNTERSIGN_DATA: data }
  const keyless = await runCommand(['restore', '--from', file], env)
  assert.deepEqual([keyless.code, /The master key of this store is missing/.test(keyless.err)], [1, true])
  assert.deepEqual(await readdir(data), [], 'nothing is left of it')
  await copyFile(join(old.folder, 'master.key'), join(data, 'master.key'))
  const restored = await runCommand(['restore', '--from', file], env)
  assert.equal(restored.code, 0, restored.err)
  assert.match(restored.out, /The store is in place: \d+ requests, 1 deliveries on their way, as of 20\d\d-/)
  assert.deepEqual((await readdir(data)).sort(), ['countersign.db', 'master.key'])
  const twice = await runCommand(['restore', '--from', file], env)
  assert.deepEqual([twice.code, /is there already, and is not overwritten/.test(twice.err)], [1, true])

  await using server = await startServer({
    data,
    env: { COUNTERSIGN_PORT: String(old.port), COUNTERSIGN_URL: old.origin },
  })
  const posts = await receiver.received(3, 20_000)
  const [first] = posts
  for (const post of posts) {
    assert.equal(post.body, first?.body, 'the very same token')
    assert.equal(post.headers['webhook-id'], first?.headers['webhook-id'], 'by which a receiver knows it')
  }
  const tokens = await server.select(`select id from tokens where request_id = '${pending}'`)
  assert.equal(tokens.length, 1)
  assert.equal(posts.length, 3)
  assert.equal((await person.call('GET', '/v1/me')).status, 401, 'everybody signs in anew')
  const events = await server.select(`select actor, actor_id from events where kind = 'store_restored'`)
  assert.deepEqual({ ...events[0] }, { actor: 'operator', actor_id: 'command_line' })
})

test('a backup that is killed leaves nothing under its name, or the whole', async () => {
  await using folder = await temporaryFolder('backup-kill')
  const data = join(folder.path, 'data')
  await mkdir(data)
  const env = { COUNTERSIGN_DATA: data }
  assert.equal((await runCommand(['migrate'], env)).code, 0)
  const store = await openSqlite(join(data, 'countersign.db'))
  const [rows, bulk] = [60, new Uint8Array(1_000_000)]
  for (let i = 0; i < rows; i += 1) {
    await store.transaction((tx) =>
      tx.run(sql`insert into store_facts (name, value) values (${`bulk-${i}`}, ${bulk})`),
    )
  }
  await store.close()

  let midway = 0
  for (let nth = 0; nth < 4; nth += 1) {
    const file = join(folder.path, `store-${nth}.backup`)
    const child = spawn(process.execPath, [CLI, 'backup', '--to', file], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    // Its first word comes with the first megabyte.
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const names = (await readdir(folder.path)).filter((each) => each.startsWith(`store-${nth}.backup`))
    if (names.includes(`store-${nth}.backup`)) {
      const copy = new DatabaseSync(file, { readOnly: true })
      const { held } = copy
        .prepare("select count(*) as held from store_facts where name like 'bulk-%'")
        .get() as {
        held: number
      }
      copy.close()
      assert.equal(held, rows)
    } else {
      midway += 1
      assert.match(names.join(), /\.partial-\d+/, 'what is left says that it is not whole')
      const kept = await runCommand(['restore', '--from', file], {
        COUNTERSIGN_DATA: join(folder.path, 'other'),
      })
      assert.match(kept.err, /There is no file/)
    }
  }
  assert.ok(midway > 0, 'no kill came in between')
})

test('what is no backup, is damaged, is of a newer release, or lies in PostgreSQL is refused in a sentence', async () => {
  await using folder = await temporaryFolder('backup-refused')
  const env = { COUNTERSIGN_DATA: join(folder.path, 'data') }
  const file = join(folder.path, 'store.backup')
  const restore = async (path: string) => {
    const { code, err } = await runCommand(['restore', '--from', path], env)
    assert.equal(code, 1, err)
    assert.doesNotMatch(err, /\n {4}at /, 'no stack')
    return err
  }
  assert.match((await runCommand(['backup', '--to', file], env)).err, /There is no store at/)
  assert.match(await restore(join(folder.path, 'nothing')), /There is no file/)
  const other = join(folder.path, 'letter.txt')
  await writeFile(other, 'this is a letter, not a store, and it is long enough to be looked at. '.repeat(50))
  assert.match(await restore(other), /is not a store of Countersign/)

  await runCommand(['migrate'], env)
  assert.equal((await runCommand(['backup', '--to', file], env)).code, 0)
  env.COUNTERSIGN_DATA = join(folder.path, 'elsewhere')
  const bytes = await readFile(file)
  await writeFile(other, bytes.fill(0x55, 8_192, 40_960))
  assert.match(await restore(other), /is damaged/)
  const copy = new DatabaseSync(file)
  copy.exec("insert into schema_migrations (name, applied_at) values ('9999-later.sqlite.sql', 1)")
  copy.close()
  assert.match(await restore(file), /is of a newer release \(it has 9999-later\.sqlite\.sql\)/)
  assert.deepEqual(await readdir(env.COUNTERSIGN_DATA).catch(() => []), [])

  const postgres = { COUNTERSIGN_DATABASE: 'postgres://nobody:hidden@127.0.0.1:9/none' }
  for (const [words, tool] of [
    [['backup', '--to', join(folder.path, 'x')], /pg_dump/],
    [['restore', '--from', file], /pg_restore/],
  ] as const) {
    const { code, err } = await runCommand([...words], postgres)
    assert.equal(code, 1)
    assert.match(err, tool)
    assert.doesNotMatch(err, /hidden/)
  }
  for (const name of ['backup', 'restore']) {
    const { code, out } = await runCommand([name, '--help'])
    assert.deepEqual([code, out.startsWith(`Usage: countersign ${name}`)], [0, true])
  }
})
