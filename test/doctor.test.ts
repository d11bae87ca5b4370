import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { DAY, HOUR } from '#base/clock.ts'
import { migrate } from '#store/migrate.ts'
import { openSqlite } from '#store/sqlite.ts'
import { accessRequestTemplate, accountNewsTemplate, type Template } from '../demo/whatsapp/template.ts'
import { allowedFinding, endpointsFinding } from '../src/commands/doctor/endpoints.ts'
import { diskFinding } from '../src/commands/doctor/machine.ts'
import { mtlsFinding } from '../src/commands/doctor/mtls.ts'
import { lookAtPublicUrl } from '../src/commands/doctor/public-url.ts'
import { pagesFinding } from '../src/commands/doctor/settings.ts'
import { embedded, judgePostgres, writable } from '../src/commands/doctor/store.ts'
import { templatesFinding } from '../src/commands/doctor/whatsapp.ts'
import { examine } from '../src/commands/doctor.ts'
import { readConfig } from '../src/config.ts'
import { MTLS_ENV } from './support/certificates.ts'
import { runCommand } from './support/command.ts'
import { startPostgres } from './support/postgres.ts'
import { selectFrom } from './support/select.ts'
import { startWhatsappApi } from './support/whatsapp-api.ts'

const TLS = fileURLToPath(new URL('./support/tls/', import.meta.url))

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-doctor-'))
  setDefaultCACertificates([...getCACertificates(), await readFile(join(TLS, 'ca.pem'), 'utf8')])
})
after(() => rm(folder, { recursive: true, force: true }))

/** What doctor says, by the name of what was looked at. */
async function doctor(env: Record<string, string> = {}) {
  const data = await mkdtemp(join(folder, 'data-'))
  const findings = await examine(readConfig({ COUNTERSIGN_DATA: data, ...env }))
  const of = (what: string) => findings.find((each) => each.what === what) ?? assert.fail(what)
  return { ok: findings.every(({ state }) => state !== 'bad'), out: JSON.stringify(findings), of }
}

/** The public address, as a proxy before the server would answer there. */
async function startPublic({ cert = 'server', status = 200, clockOff = 0 } = {}) {
  const pem = (kind: string) => readFile(join(TLS, `${cert}.${kind}`))
  const server = createServer({ cert: await pem('pem'), key: await pem('key') }, (http, reply) => {
    const isOurs = http.url === '/livez' && status === 200
    reply.setHeader('date', new Date(Date.now() + clockOff).toUTCString())
    reply.writeHead(status).end(isOurs ? '{"status":"ok"}' : '<h1>It works!</h1>')
  })
  const port = await listen(server)
  return {
    env: { COUNTERSIGN_URL: `https://localhost:${port}` },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const listen = (server: Server) =>
  new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  )

async function closedPort(): Promise<number> {
  const probe = createTcpServer()
  const port = await listen(probe)
  await new Promise((resolve) => probe.close(resolve))
  return port
}

test('on a fresh machine nothing is bad, and each line says what to do', async () => {
  const { ok, of } = await doctor()
  assert.ok(ok)
  assert.equal(of('store and keys').state, 'ok')
  assert.equal(of('embedded store').state, 'ok')
  assert.match(of('WhatsApp').say, /COUNTERSIGN_WHATSAPP_PHONE_NUMBER_ID/)
  const plain = await runCommand(['doctor'], { COUNTERSIGN_DATA: await mkdtemp(join(folder, 'data-')) })
  assert.match(plain.out, /^ok {3}store and keys: 0 users;/m)
  assert.equal(plain.code, 0)
  assert.match(plain.out, /^off {2}address: .*COUNTERSIGN_URL/m)
})

test('the public address is called: name, certificate, and whether it is us that answers', async () => {
  {
    await using site = await startPublic()
    const { of } = await doctor(site.env)
    assert.equal(of('public address').state, 'ok', of('public address').say)
    assert.equal(of('clock').state, 'ok', of('clock').say)

    // A process of its own does not know the authority of the tests.
    const data = await mkdtemp(join(folder, 'data-'))
    const untrusted = await runCommand(['doctor', '--json'], { COUNTERSIGN_DATA: data, ...site.env })
    assert.equal(untrusted.code, 1, untrusted.err)
    const report = JSON.parse(untrusted.out)
    assert.equal(report.ok, false)
    const told = report.findings.find(({ what }: { what: string }) => what === 'public address')
    assert.equal(told.state, 'bad')
    assert.match(told.say, /not of a known authority/)

    const ending = await lookAtPublicUrl({ url: site.env.COUNTERSIGN_URL }, () => Date.UTC(2125, 11, 25))
    assert.equal(ending.finding.state, 'soon', ending.finding.say)
  }
  {
    await using site = await startPublic({ cert: 'expired' })
    const { ok, of } = await doctor(site.env)
    assert.ok(!ok)
    assert.match(of('public address').say, /has expired/)
  }
  {
    await using site = await startPublic({ status: 404 })
    assert.match((await doctor(site.env)).of('public address').say, /answers 404, not as Countersign would/)
  }
  const nobody = await doctor({ COUNTERSIGN_URL: `https://localhost:${await closedPort()}` })
  assert.equal(nobody.of('public address').state, 'look')
  assert.match(nobody.of('public address').say, /refused/)
  const nameless = await doctor({ COUNTERSIGN_URL: 'https://sign.nothing.invalid' })
  assert.equal(nameless.of('public address').state, 'bad')
  assert.match(nameless.of('public address').say, /DNS record/)
})

test('the certificates of mTLS: there, of one pair, and not about to end', async () => {
  const at = (name: string) => join(TLS, name)
  const files = { mtlsPort: 8443, mtlsProxies: undefined, mtlsCa: at('clients-ca.pem') }
  const own = { ...files, mtlsCertificate: at('server.pem'), mtlsKey: at('server.key') }
  const good = await mtlsFinding(own)
  assert.equal(good.state, 'ok', good.say)
  const [, path = '', day = ''] = /in (\S+), on (\S+)$/.exec(good.say) ?? []
  assert.ok([own.mtlsCertificate, own.mtlsCa].includes(path), good.say)
  const end = Date.parse(day)
  const soon = await mtlsFinding(own, () => end - 13 * DAY)
  assert.deepEqual([soon.state, /not renewed/.test(soon.say)], ['soon', true])
  assert.equal((await mtlsFinding(own, () => end + 2 * DAY)).state, 'bad')

  for (const [wrong, sentence] of [
    [{ mtlsCertificate: at('expired.pem'), mtlsKey: at('expired.key') }, /expired\.pem ended on/],
    [{ mtlsKey: at('other.key') }, /is not the key of/],
    [{ mtlsCertificate: at('nothing.pem') }, /nothing\.pem cannot be read \(ENOENT\)/],
    [{ mtlsCa: at('server.key') }, /holds no certificate/],
    [{ mtlsKey: undefined }, /COUNTERSIGN_MTLS_KEY is missing/],
  ] as const) {
    const found = await mtlsFinding({ ...own, ...wrong })
    assert.equal(found.state, 'bad', found.say)
    assert.match(found.say, sentence)
  }
  const { of } = await doctor(MTLS_ENV)
  assert.equal(of('mTLS').state, 'ok', of('mTLS').say)
  assert.equal((await doctor({})).of('mTLS').state, 'off')
})

test('an address in clear text is bad', async () => {
  const { of } = await doctor({ COUNTERSIGN_URL: 'http://sign.example.com' })
  assert.match(of('address').say, /not https/)
  assert.equal(of('address').state, 'bad')
})

test('a clock that differs from that of others is told, by how much and in which direction', async () => {
  await using behind = await startPublic({ clockOff: HOUR })
  const slow = (await doctor(behind.env)).of('clock')
  assert.equal(slow.state, 'bad')
  assert.match(slow.say, /^3\d{3} s behind localhost/)
  await using ahead = await startPublic({ clockOff: -15_000 })
  const fast = (await doctor(ahead.env)).of('clock')
  assert.equal(fast.state, 'look')
  assert.match(fast.say, /s ahead of localhost/)
})

test('development mode is bad on a real server', async () => {
  assert.equal((await doctor({ COUNTERSIGN_DEV: '1' })).of('development').state, 'bad')
})

test('a store that holds something else, and one that cannot be written, are bad', async () => {
  const data = await mkdtemp(join(folder, 'data-'))
  await writeFile(join(data, 'countersign.db'), 'something else, long enough to be read '.repeat(50))
  const broken = (await doctor({ COUNTERSIGN_DATA: data })).of('store and keys')
  assert.equal(broken.state, 'bad')
  assert.match(broken.say, /holds something else/)

  const path = join(folder, 'locked.db')
  const db = await openSqlite(path)
  await migrate(db, Date.now())
  const other = new DatabaseSync(path)
  other.exec('begin immediate')
  const locked = await writable(db)
  other.exec('rollback')
  assert.equal(locked.state, 'bad', locked.say)
  assert.equal((await writable(db)).state, 'ok')
  await db.close()
  other.close()
})

test('an embedded store without a write-ahead log is bad', async () => {
  // This way to the disk has no shared memory, as a network file system has none.
  const db = await openSqlite(`file:${join(folder, 'no-wal.db')}?vfs=unix-none`)
  const [finding] = (await embedded(db)).findings
  await db.close()
  assert.equal(finding?.state, 'bad', finding?.say)
  assert.match(finding?.say ?? '', /local disk/)
})

test('PostgreSQL: its clock, its age, its connections, and whether what it acknowledges is on disk', async () => {
  await using server = await startPostgres()
  const url = await server.database()
  const env = { COUNTERSIGN_DATABASE: url, COUNTERSIGN_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') }
  const good = await doctor(env)
  assert.ok(good.ok, good.out)
  for (const what of ['database', 'connections', 'durability', 'clock', 'writing'])
    assert.equal(good.of(what).state, 'ok', good.of(what).say)
  assert.match(good.of('clock').say, /agrees with the database/)

  await selectFrom({ url }, `alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`)
  const risky = await doctor({ ...env, COUNTERSIGN_DATABASE_POOL: '150' })
  assert.equal(risky.of('durability').state, 'bad')
  assert.equal(risky.of('connections').state, 'look')
  assert.match(risky.of('connections').say, /COUNTERSIGN_DATABASE_POOL/)

  const old = { version: 140_011, shown: '14.11', most: 100, syncs: 'on', fsync: 'on' }
  assert.deepEqual(
    judgePostgres(old, 200).map(({ state }) => state),
    ['bad', 'bad', 'ok'],
  )
  await server.stop()
  const away = await doctor(env)
  assert.equal(away.of('store and keys').state, 'bad')
  await server.start()
})

test('a master key file that others may read is bad, and so is one that is not there', async () => {
  const data = await mkdtemp(join(folder, 'data-'))
  const env = { COUNTERSIGN_DATA: data }
  assert.equal((await doctor(env)).of('master key file').state, 'ok')
  await chmod(join(data, 'master.key'), 0o644)
  const open = (await doctor(env)).of('master key file')
  assert.equal(open.state, 'bad')
  assert.match(open.say, /chmod 600/)
  const missing = await doctor({ COUNTERSIGN_MASTER_KEY_FILE: join(folder, 'no-such-key') })
  assert.equal(missing.of('master key file').state, 'bad')
})

test('a full disk is bad; a folder that is not made yet lies on the disk around it', async () => {
  assert.equal((await diskFinding(folder, Number.MAX_SAFE_INTEGER)).state, 'bad')
  const inside = join(folder, 'not', 'made', 'yet')
  assert.match((await diskFinding(inside, 1)).say, new RegExp(`free under ${folder}$`))
  await assert.rejects(stat(inside))
})

test('pages that are not built are bad', () => {
  const { state, say } = pagesFinding(folder)
  assert.equal(state, 'bad')
  assert.match(say, /npm run build/)
})

test('WhatsApp: half set up, a token that Meta refuses, and no answer are bad; no token is shown', async () => {
  await using api = await startWhatsappApi()
  const env = {
    ...api.env,
  }
  const good = await doctor(env)
  assert.equal(good.of('WhatsApp').state, 'ok', good.of('WhatsApp').say)
  assert.match(good.of('WhatsApp').say, /^The token is taken for /)
  assert.match(good.of('clock').say, /the WhatsApp API/)
  assert.equal(api.messages.length, 0)

  const refused = await doctor({ ...env, COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: 'EAAGnolongervalid' })
  assert.equal(refused.of('WhatsApp').state, 'bad')
  assert.match(refused.of('WhatsApp').say, /token_refused.*COUNTERSIGN_WHATSAPP_ACCESS_TOKEN/)
  assert.doesNotMatch(refused.out, /EAAGnolongervalid/)

  const unsendable = await doctor({ ...env, COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: 'EAAGhush\nbroken' })
  assert.equal(unsendable.of('WhatsApp').state, 'bad')
  assert.doesNotMatch(unsendable.out, /EAAGhush/)

  const silent = await doctor({ ...env, COUNTERSIGN_WHATSAPP_API: `http://127.0.0.1:${await closedPort()}` })
  assert.match(silent.of('WhatsApp').say, /no answer came/)
  assert.equal(silent.of('WhatsApp').state, 'bad')

  const half = await doctor({ COUNTERSIGN_WHATSAPP_PHONE_NUMBER_ID: '1' })
  assert.equal(half.of('WhatsApp').state, 'bad')
  assert.match(half.of('WhatsApp').say, /COUNTERSIGN_WHATSAPP_ACCESS_TOKEN/)
})

test('WhatsApp templates: each must be approved in its language and of the form that is filled in', async () => {
  const origin = 'https://sign.example.com'
  const good = ['en', 'hi'].map((language) => accessRequestTemplate(origin, 'access_request_v1', language))
  const lookAt = async (templates: Template[], env: Record<string, string> = {}) => {
    await using api = await startWhatsappApi({ templates })
    const config = readConfig({ ...api.env, COUNTERSIGN_URL: origin, ...env })
    const { state, say } = await templatesFinding(config)
    assert.equal(api.messages.length, 0)
    assert.doesNotMatch(say, new RegExp(api.accessToken))
    return `${state}: ${say}`
  }
  const [en, hi] = good as [Template, Template]
  assert.equal(await lookAt(good), 'ok: Approved: access_request_v1 in en, access_request_v1 in hi.')
  assert.match(await lookAt([en]), /^look: access_request_v1 in hi is not there/)
  assert.match(await lookAt([hi]), /^bad: access_request_v1 in en is not there/)
  for (const status of ['PENDING', 'REJECTED', 'PAUSED', 'DISABLED'] as const)
    assert.match(
      await lookAt([{ ...en, status }, hi]),
      new RegExp(`^bad: access_request_v1 in en is ${status}`),
    )
  assert.match(await lookAt([en, { ...hi, status: 'PAUSED' }]), /^look: access_request_v1 in hi is PAUSED/)
  assert.match(await lookAt([{ ...en, quality: 'RED' }, hi]), /^look: .* in en has the quality RED/)
  assert.match(
    await lookAt([{ ...en, category: 'MARKETING' }, hi]),
    /^look: .* MARKETING, and should be UTILITY/,
  )
  assert.match(
    await lookAt([{ ...en, buttons: en.buttons.toReversed() }, hi]),
    /^bad: .* buttons URL, QUICK_REPLY/,
  )
  assert.match(
    await lookAt([{ ...en, body: 'An app asks.' }, hi]),
    /^bad: .* 0 variables in its body and not 2/,
  )
  const elsewhere = accessRequestTemplate('https://other.example.com')
  assert.match(
    await lookAt([elsewhere, hi]),
    /^bad: .* a button to https:\/\/other\.example\.com\/\{\{1\}\} and not/,
  )

  const news = { COUNTERSIGN_WHATSAPP_ACCOUNT_TEMPLATE: 'account_news_v1' }
  assert.match(await lookAt(good, news), /^bad: account_news_v1 in en is not there/)
  const many = Array.from({ length: 130 }, (_, i) => accountNewsTemplate(`account_news_v1_${i}`))
  const withNews = [...good, ...many, accountNewsTemplate(), accountNewsTemplate('account_news_v1', 'hi')]
  assert.match(await lookAt(withNews, news), /^ok: .*account_news_v1 in hi\.$/)

  const wrong = { COUNTERSIGN_WHATSAPP_BUSINESS_ACCOUNT_ID: '1' }
  assert.match(await lookAt(good, wrong), /^bad: .* account 1: misconfigured.*BUSINESS_ACCOUNT_ID/)
  assert.match(await lookAt(good, { COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: 'EAAGold' }), /^bad: .*token_refused/)
  const unset = { COUNTERSIGN_WHATSAPP_BUSINESS_ACCOUNT_ID: '' }
  assert.match(
    await lookAt(good, unset),
    /^off: not looked at\. Set COUNTERSIGN_WHATSAPP_BUSINESS_ACCOUNT_ID/,
  )
})

test('the way out: a proxy that cannot be reached is bad, and its password is not shown', async () => {
  assert.match((await doctor()).of('way to endpoints').say, /^direct/)
  const server = createTcpServer((socket) => socket.destroy())
  const port = await listen(server)
  const proxied = (at: number) =>
    doctor({
      COUNTERSIGN_OUTBOUND_PROXY: `http://user:hush@127.0.0.1:${at}`,
      COUNTERSIGN_OUTBOUND_PROXY_GUARDS: '1',
    })
  const good = await proxied(port)
  assert.match(good.of('way to endpoints').say, /^by the proxy 127\.0\.0\.1:\d+, which checks addresses$/)
  assert.doesNotMatch(good.out, /hush/)
  await new Promise((resolve) => server.close(resolve))
  const shut = await proxied(port)
  assert.equal(shut.of('way to endpoints').state, 'bad')
  assert.doesNotMatch(shut.out, /hush/)
})

test('the allow-list is shown, and a host in it that is not found is told', async () => {
  const list = '10.20.0.0/16, *.svc.cluster.local'
  const known = await allowedFinding(readConfig({ COUNTERSIGN_OUTBOUND_ALLOW: list }))
  assert.deepEqual([known.state, known.say], ['ok', list])
  const unknown = await allowedFinding(readConfig({ COUNTERSIGN_OUTBOUND_ALLOW: 'hooks.nothing.invalid' }))
  assert.equal(unknown.state, 'look')
  assert.match(unknown.say, /Not found: hooks\.nothing\.invalid/)
})

test('endpoints of apps that are not found, or not public, are named', async () => {
  const config = readConfig({})
  const urls = ['https://gone.nothing.invalid/token', 'https://localhost/token']
  const some = await endpointsFinding(config, urls)
  assert.equal(some.state, 'look')
  assert.match(some.say, /not found: gone\.nothing\.invalid;.*not public: localhost/)
  const none = await endpointsFinding(config, urls.slice(0, 1))
  assert.equal(none.state, 'bad')
  assert.match(none.say, /resolver/)

  const data = await mkdtemp(join(folder, 'data-'))
  const env = { COUNTERSIGN_DATA: data, COUNTERSIGN_DEV: '1' }
  const words = ['client', 'add', '--initiator', '--name', 'Tool', '--notifier']
  await runCommand([...words, 'https://gone.nothing.invalid/token'], env)
  assert.match((await doctor(env)).of('endpoints of apps').say, /gone\.nothing\.invalid/)
})
