import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventCard, Me, SignInWays } from '#api/contract.ts'
import { createPasskey } from '../../demo/passkey.ts'
import { runCommand } from '../support/command.ts'
import { type Somebody, startOidcProvider } from '../support/oidc-provider.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, startServer } from '../support/server.ts'

const ASHA = { sub: 'sub-1', preferred_username: 'asha', name: 'Asha Rao', groups: ['ops'] }

async function startSite(people: Somebody[], env: Record<string, string> = {}) {
  await using parts = new AsyncDisposableStack()
  const oidc = parts.use(await startOidcProvider(people))
  const server = parts.use(await startServer({ env: { ...oidc.env, ...env } }))
  oidc.connect(server.origin)
  const all = parts.move()
  return { oidc, server, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

/** A browser's way to the provider and back: follows each step, with the cookies of each site. */
async function goToProvider(origin: string, { until = () => false }: { until?: (url: URL) => boolean } = {}) {
  const jar = new Map<string, Map<string, string>>()
  const cookiesOf = (url: URL) =>
    [...(jar.get(url.host) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ')
  async function call(url: URL, init: RequestInit = {}) {
    const headers = { cookie: cookiesOf(url), ...(init.headers as Record<string, string>) }
    const answer = await fetch(url, { ...init, redirect: 'manual', headers })
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';')
      const at = pair.indexOf('=')
      const own = jar.get(url.host) ?? new Map<string, string>()
      jar.set(url.host, own.set(pair.slice(0, at), pair.slice(at + 1)))
    }
    return answer
  }
  let url = new URL('/v1/session/provider?to=/tokens', origin)
  for (let steps = 0; steps < 12 && !until(url); steps += 1) {
    const answer = await call(url)
    const location = answer.headers.get('location')
    if (!location) break
    url = new URL(location, url)
    if (url.origin === origin && !url.pathname.startsWith('/v1/')) break
  }
  return {
    landed: `${url.pathname}${url.search}`,
    url,
    call: (method: string, path: string, body?: unknown) =>
      call(new URL(path, origin), {
        method,
        headers: { origin, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    follow: (to: URL) => call(to),
  }
}

test('a user of ours signs in at the provider, makes a first passkey, and approves by that alone', async () => {
  await using site = await startSite([ASHA])
  const { server } = site
  await using receiver = await startReceiver()
  const { user_id } = await server.addUser({ handle: 'asha' })
  assert.equal(
    ((await (await fetch(`${server.origin}/v1/sign-in`)).json()) as SignInWays).provider,
    new URL(site.oidc.issuer).host,
  )

  const browser = await goToProvider(server.origin)
  assert.equal(browser.landed, '/security')
  const me = (await (await browser.call('GET', '/v1/me')).json()) as Me
  assert.deepEqual([me.user_id, me.by_passkey], [user_id, false])
  const authorization = site.oidc.calls.find((each) => each.startsWith('GET /auth?')) ?? ''
  for (const part of ['code_challenge_method=S256', 'code_challenge=', 'state=', 'nonce='])
    assert.ok(authorization.includes(part), part)

  const client = await server.addClient({ user_id, notifier_url: receiver.url })
  const id = await server.openRequest(client)
  const passkey = createPasskey(server.origin)
  const { options } = (await (await browser.call('POST', '/v1/me/passkeys/options', {})).json()) as {
    options: Record<string, unknown>
  }
  assert.equal(
    (await browser.call('POST', '/v1/me/passkeys', { credential: passkey.register(options) })).status,
    201,
  )
  const review = (await (await browser.call('POST', `/v1/me/requests/${id}/review`, {})).json()) as {
    options: Record<string, unknown>
  }
  const credential = passkey.assert(review.options)
  assert.equal((await browser.call('POST', `/v1/me/requests/${id}/approve`, { credential })).status, 200)
})

test('the provider alone approves nothing: it adds no passkey beside one, and removes none', async () => {
  await using site = await startSite([ASHA])
  const { server } = site
  await server.person({ handle: 'asha' })
  const browser = await goToProvider(server.origin)
  assert.equal(browser.landed, '/tokens')
  const stolen = createPasskey(server.origin)
  assert.equal((await browser.call('POST', '/v1/me/passkeys/options', {})).status, 403)
  const options = { challenge: 'AAAA', rp: { id: 'localhost' }, user: { id: 'AAAA' } }
  const added = await browser.call('POST', '/v1/me/passkeys', { credential: stolen.register(options) })
  assert.equal(added.status, 403)
  const { passkeys } = (await (await browser.call('GET', '/v1/me/passkeys')).json()) as {
    passkeys: { id: string }[]
  }
  assert.equal(passkeys.length, 1)
  assert.equal((await browser.call('DELETE', `/v1/me/passkeys/${passkeys[0]?.id}`)).status, 403)
})

test('whoever we do not know is refused, or gets an account where the operator says so', async () => {
  await using strict = await startSite([ASHA])
  assert.equal((await goToProvider(strict.server.origin)).landed, '/sign-in?problem=provider_unknown_user')
  assert.deepEqual(await strict.server.select('select id from users'), [])

  await using open = await startSite([ASHA], {
    COUNTERSIGN_OIDC_CREATE_USERS: '1',
    COUNTERSIGN_OIDC_ROLE_CLAIM: 'groups',
    COUNTERSIGN_OIDC_ROLES: 'ops=operator, revision=auditor',
  })
  const browser = await goToProvider(open.server.origin)
  const me = (await (await browser.call('GET', '/v1/me')).json()) as Me
  assert.deepEqual([me.handle, me.name, me.role], ['asha', 'Asha Rao', 'operator'])
  const events = await browser.call('GET', `/v1/admin/events?user_id=${me.user_id}`)
  const kinds = ((await events.json()) as { events: EventCard[] }).events.map(({ kind }) => kind)
  assert.deepEqual(kinds, ['signed_in_by_provider', 'role_given', 'user_added'])
  const change = await browser.call('POST', '/v1/admin/users', { handle: 'new' })
  assert.equal(((await change.json()) as { code: string }).code, 'confirm_first')
})

test('a handle that is given to somebody else at the provider opens nothing here', async () => {
  const people = [ASHA, { ...ASHA, sub: 'sub-2' }]
  await using site = await startSite(people)
  await site.server.addUser({ handle: 'asha' })
  assert.equal((await goToProvider(site.server.origin)).landed, '/security')
  site.oidc.signInAs('sub-2')
  assert.equal((await goToProvider(site.server.origin)).landed, '/sign-in?problem=provider_refused')
})

test('an answer without its state, of another browser, or used before is refused; so is a disabled account', async () => {
  await using site = await startSite([ASHA])
  const { server } = site
  const { user_id } = await server.addUser({ handle: 'asha' })
  const isBack = (url: URL) => url.origin === server.origin && url.pathname.endsWith('/callback')
  const browser = await goToProvider(server.origin, { until: isBack })
  const stranger = await fetch(browser.url, { redirect: 'manual' })
  assert.equal(stranger.headers.get('location'), '/sign-in?problem=provider_refused')
  const changed = new URL(browser.url)
  changed.searchParams.set('state', 'x')
  assert.equal((await browser.follow(changed)).headers.get('location'), '/sign-in?problem=provider_refused')
  assert.equal((await browser.follow(browser.url)).headers.get('location'), '/security')
  assert.equal(
    (await browser.follow(browser.url)).headers.get('location'),
    '/sign-in?problem=provider_refused',
  )

  await fetch(`${server.origin}/v1/admin/users/${user_id}/state`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ state: 'disabled' }),
  })
  assert.equal((await goToProvider(server.origin)).landed, '/sign-in?problem=user_disabled')
})

test('mail counts as a handle only where the provider has verified it', async () => {
  const env = { COUNTERSIGN_OIDC_HANDLE_CLAIM: 'email', COUNTERSIGN_OIDC_CREATE_USERS: '1' }
  const people = [
    { sub: 'a', email: 'asha@example.com', email_verified: false },
    { sub: 'b', email: 'ravi@example.com', email_verified: true },
  ]
  await using site = await startSite(people, env)
  assert.equal((await goToProvider(site.server.origin)).landed, '/sign-in?problem=provider_refused')
  site.oidc.signInAs('b')
  assert.equal((await goToProvider(site.server.origin)).landed, '/security')
})

test('a provider on an inner network is called only where its own setting says so; one that is away is said to be', async () => {
  await using oidc = await startOidcProvider([ASHA])
  await using guarded = await startServer({ env: { ...oidc.env, COUNTERSIGN_DEV: '0' } })
  oidc.connect(guarded.origin)
  assert.equal((await goToProvider(guarded.origin)).landed, '/sign-in?problem=provider_unreachable')
  assert.deepEqual(oidc.calls, [])
})

test('doctor says whether the provider answers as the issuer that is set', async () => {
  await using oidc = await startOidcProvider([ASHA])
  oidc.connect('http://localhost')
  await using server = await startServer()
  const env = { ...server.storeEnv, ...oidc.env, COUNTERSIGN_DEV: '1' }
  const good = await runCommand(['doctor'], env)
  assert.match(good.out, /^ok {3}sign-in provider: http:\/\/127\.0\.0\.1:\d+ answers$/m)
  assert.match(good.out, /^ok {3}clock: agrees with .*127\.0\.0\.1/m)
  const other = await runCommand(['doctor'], { ...env, COUNTERSIGN_OIDC_ISSUER: `${oidc.issuer}/other` })
  assert.match(other.out, /^bad {2}sign-in provider: .*COUNTERSIGN_OIDC_ISSUER/m)
  const inner = await runCommand(['doctor'], { ...env, COUNTERSIGN_DEV: '0' })
  assert.match(inner.out, /^bad {2}sign-in provider: .*COUNTERSIGN_OIDC_ALLOW/m)
})
