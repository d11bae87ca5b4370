import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readConfig, settingsHelp, settingsTable } from './config.ts'

const PAGE = new URL('../docs/configuration.md', import.meta.url)

test('docs/configuration.md holds every setting as it is (UPDATE_DOCS=1 writes it)', () => {
  const page = readFileSync(PAGE, 'utf8')
  const [head = '', , tail = ''] = page.split(/<!-- settings -->/)
  const fresh = `${head}<!-- settings -->\n${settingsTable()}\n<!-- settings -->${tail}`
  if (process.env.UPDATE_DOCS === '1') writeFileSync(PAGE, fresh)
  assert.equal(readFileSync(PAGE, 'utf8'), fresh)
})

test('nothing set is enough for a first run', () => {
  const config = readConfig({})
  assert.equal(config.port, 8080)
  assert.equal(config.isDev, false)
  assert.equal(config.url, undefined)
  assert.deepEqual(config.dailyExpiry, { time: '03:30', zone: 'Asia/Kolkata' })
})

test('a bad value stops the start with its name and an example', () => {
  for (const [name, value] of [
    ['PORT', '80a'],
    ['PORT', '70000'],
    ['URL', 'https://sign.example.com/path'],
    ['URL', 'sign.example.com'],
    ['DEV', 'true'],
    ['MASTER_KEY', 'c2hvcnQ='],
    ['ADMIN_KEY', 'short'],
    ['UPSTOX_EXPIRY', '03:30'],
    ['UPSTOX_EXPIRY', 'daily 25:30 Asia/Kolkata'],
    ['UPSTOX_EXPIRY', 'daily 03:30 Asia/Nowhere'],
    ['UPSTOX_RATE_LIMIT', 'many'],
    ['UPSTOX_RATE_LIMIT', '0/1s'],
    ['OUTBOUND_ALLOW', '10.20.0.0/16, hooks.corp.example/in'],
    ['OUTBOUND_ALLOW', '0.0.0.0/0'],
    ['OUTBOUND_PROXY', 'proxy:4750'],
    ['OUTBOUND_PROXY', 'socks5://proxy:4750'],
    ['OUTBOUND_PROXY', 'http://proxy:4750'],
    ['OUTBOUND_PROXY_GUARDS', 'yes'],
    ['PUSH_SUBJECT', 'ops@example.com'],
  ] as const) {
    assert.throws(
      () => readConfig({ [`COUNTERSIGN_${name}`]: value }),
      (fault) =>
        fault instanceof Error &&
        fault.message.startsWith(`COUNTERSIGN_${name} `) &&
        /Example: COUNTERSIGN_/.test(fault.message),
      `${name}=${value}`,
    )
  }
})

test('a proxy is taken once it is stated that it refuses private addresses', () => {
  const config = readConfig({
    COUNTERSIGN_OUTBOUND_PROXY: 'http://proxy:4750',
    COUNTERSIGN_OUTBOUND_PROXY_GUARDS: '1',
  })
  assert.equal(config.outboundProxy, 'http://proxy:4750/')
})

test('a misspelt setting stops the start', () => {
  assert.throws(() => readConfig({ COUNTERSIGN_PROT: '1' }), /There is no setting COUNTERSIGN_PROT/)
})

test('a secret may come from a file, and an error never shows it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'))
  const path = join(folder, 'key')
  await writeFile(path, `${'k'.repeat(40)}\n`)
  assert.equal(readConfig({ COUNTERSIGN_ADMIN_KEY_FILE: path }).adminKey, 'k'.repeat(40))
  assert.throws(() => readConfig({ COUNTERSIGN_ADMIN_KEY_FILE: join(folder, 'none') }), /cannot be read/)
  assert.throws(
    () => readConfig({ COUNTERSIGN_ADMIN_KEY: 'hush-hush' }),
    (fault) => fault instanceof Error && !fault.message.includes('hush-hush'),
  )
  await rm(folder, { recursive: true })
})

test('settings may stand in a file; the environment goes before it, and a misspelt line stops the start', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-'))
  const path = join(folder, 'countersign.env')
  await writeFile(path, '# Ours\nCOUNTERSIGN_PORT=9000\nCOUNTERSIGN_URL="https://sign.example.com"\n')
  const config = readConfig({ COUNTERSIGN_CONFIG_FILE: path, COUNTERSIGN_PORT: '9001' })
  assert.equal(config.port, 9001)
  assert.equal(config.url, 'https://sign.example.com')

  await writeFile(path, 'COUNTERSIGN_PROT=1\n')
  assert.throws(() => readConfig({ COUNTERSIGN_CONFIG_FILE: path }), /no setting COUNTERSIGN_PROT/)
  assert.throws(
    () => readConfig({ COUNTERSIGN_CONFIG_FILE: join(folder, 'none') }),
    /COUNTERSIGN_CONFIG_FILE cannot be read/,
  )
  await rm(folder, { recursive: true })
})

test('the help names every setting', () => {
  for (const [name] of settingsTable().matchAll(/COUNTERSIGN_[A-Z_]+/g))
    assert.ok(settingsHelp().includes(name), name)
})
