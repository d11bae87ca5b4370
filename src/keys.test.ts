import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { jsonLog } from '#base/log.ts'
import { startStore } from '../test/support/store.ts'
import { readConfig } from './config.ts'
import { openVault } from './keys.ts'
import { keySourceOf } from './master-key.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-keys-'))
})
after(() => rm(folder, { recursive: true, force: true }))

const newKey = () => randomBytes(32).toString('base64')
const settings = (env: Record<string, string>) => readConfig({ COUNTERSIGN_DATA: folder, ...env })
const SECRET = Buffer.from('a token')

test('a key by variable, by file and by command is the same key', async () => {
  await using db = await startStore()
  const key = newKey()
  const file = join(folder, 'same.key')
  await writeFile(file, `${key}\n`)
  const first = await openVault(db, settings({ COUNTERSIGN_MASTER_KEY: key }))
  const sealed = first.seal('a', SECRET)
  for (const env of [
    { COUNTERSIGN_MASTER_KEY_FILE: file },
    { COUNTERSIGN_MASTER_KEY_COMMAND: `cat ${file}` },
    { COUNTERSIGN_MASTER_KEY: `${newKey()} ${key}` },
  ]) {
    const vault = await openVault(db, settings(env))
    assert.deepEqual(vault.open('a', sealed), SECRET)
    assert.equal(
      vault.isMac('tap', 'x', first.mac('tap', 'x')),
      true,
      'a signature outlives a change of keys',
    )
  }
})

test('a wrong key is refused at the start, in a sentence, from every source', async () => {
  await using db = await startStore()
  await openVault(db, settings({ COUNTERSIGN_MASTER_KEY: newKey() }))
  const file = join(folder, 'wrong.key')
  await writeFile(file, newKey())
  for (const env of [
    { COUNTERSIGN_MASTER_KEY: newKey() },
    { COUNTERSIGN_MASTER_KEY_FILE: file },
    { COUNTERSIGN_MASTER_KEY_COMMAND: `cat ${file}` },
  ]) {
    await assert.rejects(openVault(db, settings(env)), /not the one that this store was sealed with/)
  }
  await assert.rejects(openVault(db, settings({})), /master key of this store is missing/)
})

test('two sources at a time are refused', () => {
  const env = { COUNTERSIGN_MASTER_KEY: newKey(), COUNTERSIGN_MASTER_KEY_COMMAND: 'cat x' }
  assert.throws(() => keySourceOf(settings(env)), /Set only one of/)
})

test('what a command prints is not shown, and no shell reads its words', async () => {
  await using db = await startStore()
  const open = (command: string) => openVault(db, settings({ COUNTERSIGN_MASTER_KEY_COMMAND: command }))
  const script = join(folder, 'fails.mjs')
  await writeFile(script, "console.log('hush-hush'); console.error('hush-hush'); process.exit(3)")
  for (const [command, said] of [
    [`${process.execPath} ${script}`, /ended with 3/],
    ['no-such-command-anywhere', /ended with ENOENT/],
    ['echo hush-hush', /prints must be 32 bytes in base64/],
    [`echo ${newKey()} ; touch ${join(folder, 'touched')}`, /must be 32 bytes in base64/],
  ] as const) {
    await assert.rejects(open(command), (fault) => {
      assert.ok(fault instanceof Error)
      assert.match(fault.message, said)
      assert.doesNotMatch(`${fault.stack} ${JSON.stringify(fault)} ${fault.cause}`, /hush-hush/)
      return true
    })
  }
  await assert.rejects(stat(join(folder, 'touched')))
})

test('a running server learns a new key from the file, by a value that names it or before it seals', async () => {
  await using db = await startStore()
  const file = join(folder, 'changing.key')
  const [older, newer, newest] = [newKey(), newKey(), newKey()]
  const lines: string[] = []
  const config = settings({ COUNTERSIGN_MASTER_KEY_FILE: file })
  await writeFile(file, older)
  const running = await openVault(
    db,
    config,
    jsonLog((line) => lines.push(line)),
  )
  const old = running.seal('a', SECRET)

  await writeFile(file, `${newer}\n${older}\n`)
  const other = await openVault(db, config)
  assert.deepEqual(running.open('a', other.seal('a', SECRET)), SECRET, 'a value names an unknown key')
  assert.deepEqual(running.seal('a', SECRET).subarray(0, 5), other.header())
  assert.deepEqual(running.open('a', old), SECRET)

  await writeFile(file, `${newest}\n${newer}\n${older}\n`)
  await pause(2_100)
  const fresh = await openVault(db, config)
  assert.deepEqual(running.header(), fresh.header(), 'its last look is too old')
  assert.equal(lines.filter((line) => line.includes('master keys have changed')).length, 2)
})

test('a key that was changed wholly meanwhile is taken once it is known to fit; a wrong one never', async () => {
  await using db = await startStore()
  const file = join(folder, 'whole.key')
  const [older, newer] = [newKey(), newKey()]
  const config = settings({ COUNTERSIGN_MASTER_KEY_FILE: file })
  await writeFile(file, older)
  const lines: string[] = []
  const running = await openVault(
    db,
    config,
    jsonLog((line) => lines.push(line)),
  )
  const header = running.header()

  await writeFile(file, newer)
  await pause(2_100)
  assert.throws(() => running.seal('a', SECRET), /is being checked/)
  await pause(100)
  assert.deepEqual(running.header(), header, 'the wrong key is not taken')
  assert.ok(lines.some((line) => line.includes('does not fit this store')))
  await writeFile(file, 'damaged')
  await pause(2_100)
  assert.deepEqual(running.header(), header, 'nor is a damaged one')
  assert.ok(!lines.some((line) => line.includes(newer)))
})

test('a running server learns a new key from a command too, at the first value that names it', async () => {
  await using db = await startStore()
  const file = join(folder, 'printed.key')
  const [older, newer] = [newKey(), newKey()]
  const config = settings({ COUNTERSIGN_MASTER_KEY_COMMAND: `cat ${file}` })
  await writeFile(file, older)
  const running = await openVault(db, config)
  await writeFile(file, `${newer} ${older}`)
  const sealed = (await openVault(db, config)).seal('a', SECRET)

  await pause(2_100)
  assert.throws(() => running.open('a', sealed), /not in force here/)
  await pause(1_000)
  assert.deepEqual(running.open('a', sealed), SECRET)
})
