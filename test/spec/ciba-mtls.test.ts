import assert from 'node:assert/strict'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { decodeJwt } from 'jose'
import { type Agent, fetch as fetchBy } from 'undici'
import { certificateThumbprint } from '#clients/certificates.ts'
import { openCertificates } from '../../src/app/certificates.ts'
import { readConfig, SettingError } from '../../src/config.ts'
import {
  type ClientName,
  callerWith,
  certificateJwks,
  certificateOf,
  MTLS_ENV,
  pathOf,
} from '../support/certificates.ts'
import { addInitiator, CIBA_GRANT, cibaCalls, errorOf, proofKey, signingPair } from '../support/ciba.ts'
import { runCommand } from '../support/command.ts'
import type { Person } from '../support/person.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, basic, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements.

const ENV = {
  COUNTERSIGN_CIBA_HOLD: '0s',
  COUNTERSIGN_CIBA_MOST_OPEN: '1000',
  COUNTERSIGN_CIBA_RATE_LIMIT: '1000/1s',
}
const SCOPE = 'openid offline_access'
const AGENT_DN = 'CN=agent,O=Northwind\\, Inc.,C=IN'

let server: TestServer
let person: Person
let calls: ReturnType<typeof cibaCalls>
let mtls: string
const callers = new Map<string, Agent>()
before(async () => {
  server = await startServer({ env: { ...ENV, ...MTLS_ENV } })
  person = await server.person({ handle: 'asha' })
  calls = cibaCalls(server.origin)
  const aliases = (await metadata()).mtls_endpoint_aliases as Record<string, string>
  mtls = new URL(aliases.token_endpoint ?? '').origin
})
after(async () => {
  await Promise.all([...callers.values()].map((each) => each.close()))
  await server[Symbol.asyncDispose]()
})

const metadata = async () =>
  (await (await fetch(`${server.origin}/.well-known/openid-configuration`)).json()) as Record<string, unknown>
const caller = (name?: ClientName) => {
  const known = callers.get(name ?? '') ?? callerWith(name)
  callers.set(name ?? '', known)
  return known
}
/** A call to the mTLS port that shows a certificate. */
async function post(
  name: ClientName | undefined,
  path: string,
  fields: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Response> {
  const body = new URLSearchParams(fields)
  const answer = await fetchBy(mtls + path, { method: 'POST', body, headers, dispatcher: caller(name) })
  return answer as unknown as Response
}
const add = (form: Record<string, unknown>) =>
  addInitiator(server, [person.userId], { scope: SCOPE, ...form })
const byName = (more: Record<string, unknown>) =>
  add({ token_endpoint_auth_method: 'tls_client_auth', ...more })
const asked = async (name: ClientName | undefined, client_id: string) =>
  post(name, '/bc-authorize', { scope: SCOPE, login_hint: 'asha', client_id })
const statusOf = async (name: ClientName | undefined, client_id: string) =>
  (await asked(name, client_id)).status

async function approve(answer: Response): Promise<string> {
  assert.equal(answer.status, 200, await answer.clone().text())
  await person.approve((answer.headers.get('location') ?? '').replace('/v1/requests/', ''))
  return ((await answer.json()) as { auth_req_id: string }).auth_req_id
}

describe('RFC 8705 §5: where certificates are taken', () => {
  test('6, 8: the metadata names the ways, the aliases, and that tokens may be bound', async () => {
    const found = await metadata()
    for (const method of ['tls_client_auth', 'self_signed_tls_client_auth']) {
      assert.ok((found.token_endpoint_auth_methods_supported as string[]).includes(method))
    }
    assert.equal(found.tls_client_certificate_bound_access_tokens, true)
    assert.deepEqual(found.mtls_endpoint_aliases, {
      backchannel_authentication_endpoint: `${mtls}/bc-authorize`,
      token_endpoint: `${mtls}/token`,
      introspection_endpoint: `${mtls}/introspect`,
      revocation_endpoint: `${mtls}/revoke`,
    })
  })

  test('8: a server that takes none says nothing of it', async () => {
    await using plain = await startServer()
    const found = (await (await fetch(`${plain.origin}/.well-known/openid-configuration`)).json()) as Record<
      string,
      unknown
    >
    assert.equal(found.mtls_endpoint_aliases, undefined)
    assert.equal(found.tls_client_certificate_bound_access_tokens, undefined)
    assert.ok(!(found.token_endpoint_auth_methods_supported as string[]).includes('tls_client_auth'))
  })

  test('that port serves what clients call, and no page', async () => {
    const get = async (path: string) => (await fetchBy(mtls + path, { dispatcher: caller() })).status
    assert.equal(await get('/.well-known/openid-configuration'), 200)
    assert.equal(await get('/jwks'), 200)
    for (const path of ['/', '/v1/me', '/v1/admin/users', '/livez', '/token/../v1/me']) {
      assert.equal(await get(path), 404, path)
    }
  })
})

describe('RFC 8705 §2.1: tls_client_auth', () => {
  for (const [name, value] of [
    ['subject_dn', AGENT_DN],
    ['subject_dn', 'cn=agent, o=Northwind\\2c Inc., c=IN'],
    ['san_dns', 'agent.example.com'],
    ['san_uri', 'spiffe://example.com/agent'],
    ['san_ip', '192.0.2.7'],
    ['san_email', 'agent@example.com'],
  ]) {
    test(`76: a client known by ${name} ${value} is let in by that certificate alone`, async () => {
      const { client_id } = await byName({ [`tls_client_auth_${name}`]: value })
      assert.equal(await statusOf('agent', client_id), 200)
      for (const other of ['other', 'self-signed', 'server-only', undefined] as const) {
        assert.deepEqual(await errorOf(await asked(other, client_id)), [401, 'invalid_client'], other)
      }
    })
  }

  test('76: what only looks alike is another one', async () => {
    for (const form of [
      { tls_client_auth_subject_dn: 'C=IN,O=Northwind\\, Inc.,CN=agent' },
      { tls_client_auth_subject_dn: 'CN=agent' },
      { tls_client_auth_subject_dn: 'CN=agent,O=Northwind' },
      { tls_client_auth_san_dns: 'example.com' },
      { tls_client_auth_san_uri: 'spiffe://example.com/' },
      { tls_client_auth_san_ip: '192.0.2.8' },
    ]) {
      const { client_id } = await byName(form)
      assert.equal(await statusOf('agent', client_id), 401, JSON.stringify(form))
    }
    const { client_id } = await byName({ tls_client_auth_san_dns: 'shop.example.com' })
    assert.equal(await statusOf('other', client_id), 401, 'a wildcard is no name of a client')
  })

  test('16: without client_id, with an unknown one, or by a secret beside: refused', async () => {
    const { client_id } = await byName({ tls_client_auth_subject_dn: AGENT_DN })
    const fields = { scope: SCOPE, login_hint: 'asha' }
    const refused = async (more: Record<string, string>) =>
      errorOf(await post('agent', '/bc-authorize', { ...fields, ...more }))
    assert.deepEqual(await refused({}), [401, 'invalid_client'])
    assert.deepEqual(await refused({ client_id: 'nobody' }), [401, 'invalid_client'])
    assert.deepEqual(await refused({ client_id: 'no\0body' }), [400, 'invalid_request'])
    assert.deepEqual(await refused({ client_id, client_secret: 'x' }), [401, 'invalid_client'])
    const secret = await add({})
    assert.deepEqual(await refused({ client_id: secret.client_id }), [401, 'invalid_client'])
    assert.deepEqual(await errorOf(await calls.post('/bc-authorize', { ...fields, client_id })), [
      401,
      'invalid_client',
    ])
  })

  test('it gets no secret, nor does one of private_key_jwt', async () => {
    assert.equal((await byName({ tls_client_auth_subject_dn: AGENT_DN })).client_secret, undefined)
    const pair = await signingPair()
    const byKey = await add({ token_endpoint_auth_method: 'private_key_jwt', jwks: pair.jwks })
    assert.equal(byKey.client_secret, undefined)
    assert.match((await add({})).client_secret, /^cs_secret_/)
    const rows = await server.select(`select id from client_secrets where client_id = '${byKey.client_id}'`)
    assert.deepEqual(rows, [])
  })
})

describe('our own API, by the certificate alone', () => {
  const call = (name: ClientName | undefined, method: string, path: string) =>
    fetchBy(mtls + path, { method, dispatcher: caller(name) })
  const followed = async (client_id: string, name: ClientName) => {
    const asked = await post(name, '/bc-authorize', { scope: SCOPE, login_hint: 'asha', client_id })
    assert.equal(asked.status, 200)
    return `${asked.headers.get('location')}?client_id=${client_id}`
  }

  test('a client without a secret follows its request and withdraws it', async () => {
    const registered = { jwks: certificateJwks('self-signed') }
    const own = await add({ token_endpoint_auth_method: 'self_signed_tls_client_auth', ...registered })
    const named = await byName({ tls_client_auth_subject_dn: AGENT_DN })
    for (const [name, { client_id }] of [
      ['agent', named],
      ['self-signed', own],
    ] as const) {
      const path = await followed(client_id, name)
      const status = async (by: ClientName | undefined) => {
        const answer = await call(by, 'GET', path)
        return answer.status === 200 ? ((await answer.json()) as { status: string }).status : answer.status
      }
      assert.equal(await status(name), 'pending')
      for (const other of ['other', undefined] as const) assert.equal(await status(other), 401, other)
      assert.equal((await call('other', 'DELETE', path)).status, 401)
      assert.equal((await call(name, 'DELETE', path)).status, 204)
      assert.equal(await status(name), 'withdrawn')
    }
  })

  test('another client is told nothing of it; without client_id, or at the ordinary address, nobody is known', async () => {
    const { client_id } = await byName({ tls_client_auth_subject_dn: AGENT_DN })
    const path = await followed(client_id, 'agent')
    const [bare = ''] = path.split('?')
    const twin = await byName({ tls_client_auth_subject_dn: AGENT_DN })
    assert.equal((await call('agent', 'GET', `${bare}?client_id=${twin.client_id}`)).status, 404)
    assert.equal((await call('agent', 'GET', bare)).status, 401)
    assert.equal((await call('agent', 'GET', `${path}&client_id=${twin.client_id}`)).status, 401, 'twice')
    assert.equal((await fetch(server.origin + path)).status, 401)
    const secret = await add({})
    assert.equal((await call('agent', 'GET', `${bare}?client_id=${secret.client_id}`)).status, 401)
    const header = { 'client-cert': `:${certificateOf('agent').raw.toString('base64')}:` }
    assert.equal((await fetch(server.origin + path, { headers: header })).status, 400, 'no proxy of ours')
  })

  test('it makes a code for linking, too', async () => {
    const { client_id } = await byName({ tls_client_auth_subject_dn: AGENT_DN })
    assert.equal((await call('agent', 'POST', `/v1/links/codes?client_id=${client_id}`)).status, 201)
  })
})

describe('RFC 8705 §2.2: self_signed_tls_client_auth', () => {
  test('76: the certificate that the client registered, and no other one', async () => {
    const { client_id, client_secret } = await add({
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: certificateJwks('self-signed'),
    })
    assert.equal(client_secret, undefined)
    assert.equal(await statusOf('self-signed', client_id), 200)
    assert.equal(await statusOf('agent', client_id), 401)
    assert.equal(await statusOf(undefined, client_id), 401)
  })

  test('76: it may lie at an address, and be changed there', async (t) => {
    let keys = certificateJwks('self-signed')
    await using host = await startReceiver((_http, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(keys))
    })
    const { client_id } = await add({
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks_uri: host.url,
    })
    assert.equal(await statusOf('self-signed', client_id), 200)
    assert.equal(await statusOf('other', client_id), 401)
    keys = certificateJwks('other')
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 31_000 })
    assert.equal(await statusOf('other', client_id), 200)
    assert.equal(await statusOf('self-signed', client_id), 401)
  })
})

describe('RFC 8705 §3: tokens bound to a certificate', () => {
  const bound = { tls_client_certificate_bound_access_tokens: true }
  const cnf = { 'x5t#S256': certificateThumbprint(certificateOf('agent')) }

  test('76: cnf.x5t#S256 in the token and in its introspection; it stays a Bearer; a refresh binds anew', async () => {
    const { client_id } = await byName({ tls_client_auth_subject_dn: AGENT_DN, ...bound })
    const auth_req_id = await approve(await asked('agent', client_id))
    const answer = await post('agent', '/token', { grant_type: CIBA_GRANT, auth_req_id, client_id })
    assert.equal(answer.status, 200)
    const tokens = (await answer.json()) as Record<string, string>
    assert.equal(tokens.token_type, 'Bearer')
    assert.deepEqual(decodeJwt(tokens.access_token ?? '').cnf, cnf)
    const told = await post('agent', '/introspect', { token: tokens.access_token ?? '', client_id })
    assert.deepEqual(((await told.json()) as Record<string, unknown>).cnf, cnf)
    const refresh_token = tokens.refresh_token ?? ''
    const again = await post('agent', '/token', { grant_type: 'refresh_token', refresh_token, client_id })
    const { access_token } = (await again.json()) as { access_token: string }
    assert.deepEqual(decodeJwt(access_token).cnf, cnf)
  })

  test('76: any other way to authenticate will do, with the certificate beside it; without one there is no token', async () => {
    const client = await add(bound)
    const auth_req_id = await approve(await calls.authorize(client, { login_hint: 'asha', scope: SCOPE }))
    assert.deepEqual(await errorOf(await calls.poll(client, auth_req_id)), [400, 'invalid_request'])
    const fields = { grant_type: CIBA_GRANT, auth_req_id }
    const answer = await post('agent', '/token', fields, basic(client))
    assert.equal(answer.status, 200)
    assert.deepEqual(decodeJwt(((await answer.json()) as { access_token: string }).access_token).cnf, cnf)
  })

  test('76: a client that did not ask for it gets what it got before', async () => {
    const client = await add({})
    const auth_req_id = await approve(await calls.authorize(client, { login_hint: 'asha', scope: SCOPE }))
    const answer = await post('agent', '/token', { grant_type: CIBA_GRANT, auth_req_id }, basic(client))
    assert.equal(decodeJwt(((await answer.json()) as { access_token: string }).access_token).cnf, undefined)
  })

  test('79: a DPoP proof and an assertion may name the mTLS address', async () => {
    const [key, pair] = [await proofKey(), await signingPair()]
    const { client_id } = await add({ token_endpoint_auth_method: 'private_key_jwt', jwks: pair.jwks })
    const by = () => pair.assertion(client_id, `${mtls}/token`)
    const fields = { scope: SCOPE, login_hint: 'asha' }
    const auth_req_id = await approve(await post(undefined, '/bc-authorize', { ...fields, ...(await by()) }))
    const dpop = await key.prove(`${mtls}/token`)
    const fetchFields = { grant_type: CIBA_GRANT, auth_req_id, ...(await by()) }
    const answer = await post(undefined, '/token', fetchFields, { dpop })
    assert.equal(answer.status, 200, await answer.clone().text())
    assert.equal(((await answer.json()) as Record<string, string>).token_type, 'DPoP')
  })
})

describe('a proxy that ends TLS', () => {
  const header = (name: ClientName) => ({ 'client-cert': `:${certificateOf(name).raw.toString('base64')}:` })
  const PROXY_ENV = { ...ENV, COUNTERSIGN_MTLS_CA: pathOf('clients-ca.pem') }

  test('76: its header is believed, as RFC 9440 writes it and as nginx does; that of anybody else is refused', async () => {
    await using behind = await startServer({
      env: {
        ...PROXY_ENV,
        COUNTERSIGN_MTLS_PROXY: '127.0.0.0/8,::1',
        COUNTERSIGN_MTLS_URL: 'https://mtls.example',
      },
    })
    await using open = await startServer({ env: { ...PROXY_ENV, COUNTERSIGN_MTLS_PROXY: '192.0.2.1' } })
    for (const [target, isProxy] of [
      [behind, true],
      [open, false],
    ] as const) {
      const asha = await target.person({ handle: 'asha' })
      const form = { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_subject_dn: AGENT_DN }
      const { client_id } = await addInitiator(target, [asha.userId], form)
      const fields = { scope: 'openid', login_hint: 'asha', client_id }
      const ask = (headers: Record<string, string>) =>
        cibaCalls(target.origin).post('/bc-authorize', fields, headers)
      if (!isProxy) {
        assert.deepEqual(await errorOf(await ask(header('agent'))), [400, 'invalid_request'])
        continue
      }
      const pem = encodeURIComponent(certificateOf('agent').toString())
      assert.equal((await ask(header('agent'))).status, 200)
      assert.equal((await ask({ 'client-cert': pem })).status, 200)
      for (const name of ['other', 'self-signed', 'server-only'] as const) {
        assert.deepEqual(await errorOf(await ask(header(name))), [401, 'invalid_client'], name)
      }
      assert.deepEqual(await errorOf(await ask({})), [401, 'invalid_client'])
      assert.deepEqual(await errorOf(await ask({ 'client-cert': '' })), [401, 'invalid_client'])
      for (const text of [':AAAA:', 'no certificate', '%', `${pem}x`.slice(40)]) {
        assert.deepEqual(await errorOf(await ask({ 'client-cert': text })), [400, 'invalid_request'], text)
      }
      const found = await (await fetch(`${target.origin}/.well-known/openid-configuration`)).json()
      const { token_endpoint } = (found as { mtls_endpoint_aliases: Record<string, string> })
        .mtls_endpoint_aliases
      assert.equal(token_endpoint, 'https://mtls.example/token')
    }
  })

  test('on our own port too the header is refused', async () => {
    const { client_id } = await byName({ tls_client_auth_subject_dn: AGENT_DN })
    const fields = { scope: SCOPE, login_hint: 'asha', client_id }
    assert.deepEqual(await errorOf(await post('other', '/bc-authorize', fields, header('agent'))), [
      400,
      'invalid_request',
    ])
  })
})

describe('RFC 7591 §2: registration', () => {
  test('9: what does not fit together is refused', async () => {
    const dn = { tls_client_auth_subject_dn: AGENT_DN }
    const method = { token_endpoint_auth_method: 'tls_client_auth' }
    const { keys } = certificateJwks('self-signed')
    for (const form of [
      method,
      dn,
      { ...method, ...dn, tls_client_auth_san_dns: 'agent.example.com' },
      { ...method, tls_client_auth_san_dns: '.example.com' },
      { ...method, tls_client_auth_san_dns: '*.example.com' },
      { ...method, tls_client_auth_san_ip: 'agent' },
      { ...method, tls_client_auth_san_uri: 'agent' },
      { ...method, tls_client_auth_san_email: 'agent' },
      { token_endpoint_auth_method: 'self_signed_tls_client_auth' },
      { jwks: { keys: [{ ...keys[0], x5c: ['AAAA'] }] } },
      { jwks: { keys: [{ ...keys[0], x5c: [certificateOf('agent').raw.toString('base64')] }] } },
      { tls_client_certificate_bound_access_tokens: true, dpop_bound_access_tokens: true },
      {
        tls_client_certificate_bound_access_tokens: true,
        backchannel_token_delivery_mode: 'push',
        backchannel_client_notification_endpoint: 'https://a.example/',
      },
    ]) {
      const answer = await fetch(`${server.origin}/v1/admin/clients`, {
        method: 'POST',
        headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({ kind: 'initiator', name: 'Agent', ...form }),
      })
      assert.equal(answer.status, 400, JSON.stringify(form))
      assert.equal(((await answer.json()) as { code: string }).code, 'client_metadata_refused')
    }
  })

  test('the command registers it', async () => {
    const words = [
      'client',
      'add',
      '--initiator',
      '--name',
      'Agent',
      '--scope',
      SCOPE,
      '--link',
      'asha',
      '--json',
    ]
    const tls = [
      '--auth-method',
      'tls_client_auth',
      '--tls-subject',
      'san_dns:agent.example.com',
      '--certificate-bound',
    ]
    const { code, out, err } = await runCommand([...words, ...tls], server.storeEnv)
    assert.equal(code, 0, err)
    const made = JSON.parse(out) as Record<string, string>
    assert.equal(made.client_secret, undefined)
    assert.equal(await statusOf('agent', made.client_id ?? ''), 200)
  })
})

test('settings that do not fit stop the start with what is missing', async () => {
  await assert.rejects(startServer({ env: { COUNTERSIGN_MTLS_PORT: '0' } }), SettingError)
  const open = async (env: Record<string, string>) => openCertificates(readConfig(env))
  await assert.rejects(
    open({ ...MTLS_ENV, COUNTERSIGN_MTLS_CA: pathOf('agent.key') }),
    /must name a file of certificates/,
  )
  await assert.rejects(open({ ...MTLS_ENV, COUNTERSIGN_MTLS_CA: '/nowhere.pem' }), /cannot be read/)
  await assert.rejects(open({ COUNTERSIGN_MTLS_PROXY: 'proxy.example' }), /must be addresses/)
})

test('a certificate of the port that is renewed is shown within the minute', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'countersign-mtls-'))
  t.after(() => rm(folder, { recursive: true }))
  const [certificate, key] = [join(folder, 'a.pem'), join(folder, 'a.key')]
  await copyFile(pathOf('expired.pem'), certificate)
  await copyFile(pathOf('expired.key'), key)
  t.mock.timers.enable({ apis: ['setInterval'] })
  await using renewing = await startServer({
    env: { ...MTLS_ENV, COUNTERSIGN_MTLS_CERTIFICATE: certificate, COUNTERSIGN_MTLS_KEY: key },
  })
  const found = await (await fetch(`${renewing.origin}/.well-known/openid-configuration`)).json()
  const { token_endpoint } = (found as { mtls_endpoint_aliases: Record<string, string> })
    .mtls_endpoint_aliases
  const look = async () => {
    const agent = callerWith()
    try {
      return (await fetchBy(new URL('/jwks', token_endpoint), { dispatcher: agent })).status
    } finally {
      await agent.close()
    }
  }
  await assert.rejects(look())
  await copyFile(pathOf('server.pem'), certificate)
  await copyFile(pathOf('server.key'), key)
  t.mock.timers.tick(60_000)
  t.mock.timers.reset()
  for (let tries = 0; ; tries += 1) {
    const status = await look().catch(() => undefined)
    if (status === 200) break
    assert.ok(tries < 50, 'the new one is not shown')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
})
