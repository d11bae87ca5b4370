import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { runCommand } from './support/command.ts'
import { startPerson } from './support/person.ts'
import { startReceiver } from './support/receiver.ts'
import { startServer } from './support/server.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-cli-'))
})
after(() => rm(folder, { recursive: true, force: true }))

const freshData = () => mkdtemp(join(folder, 'data-'))

test('user add, client add and evidence verify work on the store of a running server', async () => {
  await using receiver = await startReceiver()
  await using server = await startServer()
  const env = { COUNTERSIGN_DATA: server.folder, COUNTERSIGN_URL: server.origin, COUNTERSIGN_DEV: '1' }

  const user = await runCommand(['user', 'add', '--handle', 'asha', '--name', 'Asha Rao', '--json'], env)
  assert.equal(user.code, 0, user.err)
  const { user_id, enrolment_url } = JSON.parse(user.out)
  assert.ok(enrolment_url.startsWith(`${server.origin}/enrol#`))

  const words = [
    'client',
    'add',
    '--individual',
    user_id,
    '--name',
    'Tool',
    '--notifier',
    receiver.url,
    '--json',
  ]
  const client = await runCommand(words, env)
  assert.equal(client.code, 0, client.err)
  const app = JSON.parse(client.out)
  assert.deepEqual(Object.keys(app).slice(0, 2), ['client_id', 'client_secret'])

  const person = await startPerson(server.origin, user_id, enrolment_url)
  const id = await server.openRequest(app, 'By the command line')
  assert.equal((await person.approve(id)).status, 200)
  await receiver.received(1)

  const file = join(folder, 'evidence.json')
  const text = await (await person.call('GET', `/v1/me/requests/${id}/evidence`)).text()
  await writeFile(file, text)
  const good = await runCommand(['evidence', 'verify', file])
  assert.equal(good.code, 0, good.err)
  assert.match(good.out, /The evidence holds/)
  assert.match(good.out, /By the command line/)

  await writeFile(file, text.replace('By the command line', 'By nobody in the end'))
  const bad = await runCommand(['evidence', 'verify', file])
  assert.equal(bad.code, 1)
  assert.match(bad.err, /does not hold/)
})

test('two processes that start at the same time migrate a new store once', async () => {
  const env = { COUNTERSIGN_DATA: await freshData() }
  const runs = await Promise.all([1, 2, 3, 4].map(() => runCommand(['migrate'], env)))
  for (const { code, err } of runs) assert.equal(code, 0, err)
  const db = new DatabaseSync(join(env.COUNTERSIGN_DATA, 'countersign.db'))
  const applied = db.prepare('select name, count(*) as times from schema_migrations group by name').all()
  db.close()
  assert.ok(applied.length >= 1)
  for (const { times } of applied) assert.equal(times, 1)
})

test('two processes that start at the same time agree on one master key', async () => {
  const env = { COUNTERSIGN_DATA: await freshData() }
  const add = (handle: string) => runCommand(['user', 'add', '--handle', handle, '--json'], env)
  for (const { code, err } of await Promise.all(['a', 'b', 'c'].map(add))) assert.equal(code, 0, err)
  const { mode } = await stat(join(env.COUNTERSIGN_DATA, 'master.key'))
  assert.equal(mode & 0o077, 0)
})

test('a master key that is missing or is another one stops the start, and says what to do', async () => {
  const env = { COUNTERSIGN_DATA: await freshData() }
  await runCommand(['user', 'add', '--handle', 'asha'], env)
  const path = join(env.COUNTERSIGN_DATA, 'master.key')
  const key = await readFile(path)

  await rm(path)
  const missing = await runCommand(['user', 'add', '--handle', 'ravi'], env)
  assert.equal(missing.code, 1)
  assert.match(missing.err, /master key of this store is missing/)

  await writeFile(path, `${Buffer.alloc(32, 1).toString('base64')}\n`)
  const other = await runCommand(['user', 'add', '--handle', 'ravi'], env)
  assert.equal(other.code, 1)
  assert.match(other.err, /not the one that this store was sealed with/)
  assert.doesNotMatch(other.err, / {4}at /)

  await writeFile(path, key)
  assert.equal((await runCommand(['user', 'add', '--handle', 'ravi'], env)).code, 0)
})

test('what is wrong on the command line is said in a sentence, with the help', async () => {
  const env = { COUNTERSIGN_DATA: await freshData() }
  for (const [words, code, said] of [
    [['nonsense'], 2, /There is no command “nonsense”/],
    [['user', 'add'], 1, /--handle is missing/],
    [['user', 'add', '--handel', 'x'], 1, /Unknown option '--handel'/],
    [['client', 'add', '--name', 'x'], 1, /Say either --individual USER_ID or --initiator/],
    [['client', 'add', '--name', 'x', '--individual', 'nobody'], 1, /No user has this id/],
    [
      ['client', 'add', '--name', 'x', '--initiator', '--notifier', 'http://a.example.com'],
      1,
      /does not begin with https/,
    ],
    [['evidence', 'verify', '/nowhere.json'], 1, /cannot be read/],
    [['evidence'], 1, /Usage: countersign evidence verify FILE/],
  ] as const) {
    const run = await runCommand([...words], env)
    assert.equal(run.code, code, `${words.join(' ')}: ${run.err}`)
    assert.match(run.err, said)
    assert.doesNotMatch(run.err, / {4}at /)
  }
})

test('every command tells what it does by --help', async () => {
  const general = await runCommand(['--help'])
  assert.equal(general.code, 0)
  const names = [...general.out.matchAll(/^ {2}(\w+) {2,}/gm)].map(([, name = '']) => name)
  assert.ok(names.includes('serve') && names.includes('demo') && names.includes('doctor'))
  for (const name of names) {
    const { code, out } = await runCommand([name, '--help'])
    assert.equal(code, 0)
    assert.match(out, new RegExp(`^Usage: countersign ${name}`))
  }
})

test('a server reached by http on another host than this machine does not start', async () => {
  const env = {
    COUNTERSIGN_DATA: await freshData(),
    COUNTERSIGN_PORT: '0',
    COUNTERSIGN_URL: 'http://sign.example.com',
  }
  const run = await runCommand(['serve'], env)
  assert.equal(run.code, 1)
  assert.match(run.err, /COUNTERSIGN_URL must begin with https/)
})
