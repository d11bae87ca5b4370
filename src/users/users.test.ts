import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY } from '#base/clock.ts'
import { createPasskey } from '../../demo/passkey.ts'
import { signIn, startPerson, startSession } from '../../test/support/person.ts'
import { heldClock, startServer } from '../../test/support/server.ts'

interface Options {
  options: Record<string, unknown>
}
interface Sessions {
  sessions: { id: string; current: boolean; user_agent: string | null }[]
}
interface Passkeys {
  passkeys: { id: string; label: string }[]
}

test('an enrolment link binds one passkey, signs its user in, and works once', async () => {
  await using server = await startServer()
  const { user_id, enrolment_url } = await server.addUser({ handle: 'asha', name: 'Asha Rao' })
  assert.match(enrolment_url, /\/enrol#cs_enrol_/)
  const person = await startPerson(server.origin, user_id, enrolment_url)

  const me = await person.must<Record<string, unknown>>('GET', '/v1/me')
  assert.equal(me.user_id, user_id)
  assert.equal(me.handle, 'asha')
  assert.equal(me.name, 'Asha Rao')
  await assert.rejects(startPerson(server.origin, user_id, enrolment_url), /410.*enrolment_invalid/)
})

test('of two enrolments by one link at the same moment one is taken', async () => {
  await using server = await startServer()
  const { user_id, enrolment_url } = await server.addUser()
  const outcomes = await Promise.allSettled(
    [1, 2, 3].map(() => startPerson(server.origin, user_id, enrolment_url)),
  )
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('an enrolment link ends after three days', async () => {
  const clock = heldClock()
  await using server = await startServer({ now: clock.now })
  const { user_id, enrolment_url } = await server.addUser()
  clock.forward(3 * DAY)
  await assert.rejects(startPerson(server.origin, user_id, enrolment_url), /410/)
})

test('a passkey made without user verification is refused, and the link stays good', async () => {
  await using server = await startServer()
  const { user_id, enrolment_url } = await server.addUser()
  const session = startSession(server.origin)
  const token = new URL(enrolment_url).hash.slice(1)
  const { options } = await session.must<Options>('POST', '/v1/enrolment/options', { token })
  const credential = createPasskey(server.origin).register(options, { withoutVerification: true })
  const answer = await session.call('POST', '/v1/enrolment', { token, credential })
  assert.equal(answer.status, 403)
  await startPerson(server.origin, user_id, enrolment_url)
})

test('sign-in needs no name: the passkey says who it is', async () => {
  await using server = await startServer()
  const person = await server.person()
  const other = await signIn(server.origin, person.passkey)
  assert.equal((await other.must<{ user_id: string }>('GET', '/v1/me')).user_id, person.userId)
})

test('a sign-in challenge is good for one answer', async () => {
  await using server = await startServer()
  const person = await server.person()
  const session = startSession(server.origin)
  const { options } = await session.must<Options>('POST', '/v1/session/options', {})
  const credential = person.passkey.assert(options)
  assert.equal((await session.call('POST', '/v1/session', { credential })).status, 201)
  assert.equal((await session.call('POST', '/v1/session', { credential })).status, 403)
})

test('sign-in without user verification, by a stranger, or to an invented challenge is refused', async () => {
  await using server = await startServer()
  const person = await server.person()
  const session = startSession(server.origin)
  const { options } = await session.must<Options>('POST', '/v1/session/options', {})
  for (const credential of [
    person.passkey.assert(options, { withoutVerification: true }),
    createPasskey(server.origin).assert(options),
    person.passkey.assert(options, { challenge: Buffer.alloc(32).toString('base64url') }),
    person.passkey.assert(options, { origin: 'https://sign.examp1e.com' }),
  ]) {
    assert.equal((await session.call('POST', '/v1/session', { credential })).status, 403)
  }
  assert.equal((await session.call('GET', '/v1/me')).status, 401)
})

test('the cookie is for this host and for http alone, and the disk holds only the hash of it', async () => {
  await using server = await startServer({ env: { COUNTERSIGN_URL: 'https://sign.example.com' } })
  const { enrolment_url } = await server.addUser()
  assert.ok(enrolment_url.startsWith('https://sign.example.com/enrol#'))
  const token = new URL(enrolment_url).hash.slice(1)
  const passkey = createPasskey('https://sign.example.com')
  const call = (path: string, body: unknown) =>
    fetch(`${localOrigin(server)}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'https://sign.example.com' },
      body: JSON.stringify(body),
    })
  const { options } = (await (await call('/v1/enrolment/options', { token })).json()) as Options
  const answer = await call('/v1/enrolment', { token, credential: passkey.register(options) })
  assert.equal(answer.status, 201)
  const cookie = answer.headers.get('set-cookie') ?? ''
  assert.match(cookie, /^__Host-session=cs_session_/)
  for (const part of ['Path=/', 'HttpOnly', 'SameSite=Strict', 'Secure'])
    assert.ok(cookie.includes(part), part)
  assert.doesNotMatch(cookie, /Domain/i)

  const rows = JSON.stringify(await server.select('select * from sessions'))
  assert.equal(rows.includes(cookie.split('=')[1]?.split(';')[0] ?? 'x'), false)
})

test('a session ends when it is not used for a week, and after thirty days in any case', async () => {
  const clock = heldClock()
  await using server = await startServer({ now: clock.now })
  const person = await server.person()
  const status = async () => (await person.call('GET', '/v1/me')).status
  for (let day = 0; day < 29; day += 3) {
    assert.equal(await status(), 200)
    clock.forward(3 * DAY)
  }
  assert.equal(await status(), 401)

  const idle = await signIn(server.origin, person.passkey)
  clock.forward(7 * DAY)
  assert.equal((await idle.call('GET', '/v1/me')).status, 401)
})

test('sessions are listed, ended one by one, and end at sign-out', async () => {
  await using server = await startServer()
  const person = await server.person()
  const phone = await signIn(server.origin, person.passkey)
  const { sessions } = await person.must<Sessions>('GET', '/v1/me/sessions')
  assert.equal(sessions.length, 2)
  const other = sessions.find(({ current }) => !current)

  assert.equal((await person.call('DELETE', `/v1/me/sessions/${other?.id}`)).status, 204)
  assert.equal((await phone.call('GET', '/v1/me')).status, 401)
  assert.equal((await person.call('DELETE', `/v1/me/sessions/${other?.id}`)).status, 404)

  const cookie = person.cookie()
  assert.equal((await person.call('DELETE', '/v1/session')).status, 204)
  const again = await fetch(`${server.origin}/v1/me`, { headers: { cookie } })
  assert.equal(again.status, 401)
})

test("nobody ends another's session or removes another's passkey", async () => {
  await using server = await startServer()
  const [one, two] = [await server.person(), await server.person()]
  const { sessions } = await one.must<Sessions>('GET', '/v1/me/sessions')
  const { passkeys } = await one.must<Passkeys>('GET', '/v1/me/passkeys')
  assert.equal((await two.call('DELETE', `/v1/me/sessions/${sessions[0]?.id}`)).status, 404)
  assert.equal((await two.call('DELETE', `/v1/me/passkeys/${passkeys[0]?.id}`)).status, 404)
})

test('a user has several passkeys, each signs in and approves, and the last one stays', async () => {
  await using server = await startServer()
  const person = await server.person()
  const second = createPasskey(server.origin)
  const { options } = await person.must<Options>('POST', '/v1/me/passkeys/options', {})
  await person.must('POST', '/v1/me/passkeys', { credential: second.register(options), label: 'Old phone' })
  await signIn(server.origin, second)

  const client = await server.addClient({ user_id: person.userId, notifier_url: 'http://127.0.0.1:9/x' })
  const id = await server.openRequest(client)
  const review = await person.review(id)
  assert.equal((await person.approveWith(id, second.assert(review.options))).status, 200)

  const { passkeys } = await person.must<Passkeys>('GET', '/v1/me/passkeys')
  assert.deepEqual(passkeys.map(({ label }) => label).sort(), ['Old phone', 'Test passkey'])
  const [first, last] = passkeys
  assert.equal((await person.call('DELETE', `/v1/me/passkeys/${first?.id}`)).status, 204)
  assert.equal((await person.call('DELETE', `/v1/me/passkeys/${last?.id}`)).status, 409)
})

test('a page that was left open brings in no passkey: one of the account is shown first', async () => {
  const clock = heldClock()
  await using server = await startServer({ now: clock.now })
  const person = await server.person()
  const { options } = await person.must<Options>('POST', '/v1/me/passkeys/options', {})
  const credential = createPasskey(server.origin).register(options)
  clock.minutes(10)

  for (const [path, body] of [
    ['/v1/me/passkeys/options', {}],
    ['/v1/me/passkeys', { credential, label: 'A stranger’s' }],
  ] as const) {
    const refused = await person.call('POST', path, body)
    assert.equal(refused.status, 403)
    assert.equal(((await refused.json()) as { code: string }).code, 'confirm_first')
  }

  const question = await person.must<Options>('POST', '/v1/session/confirm/options', {})
  const answer = person.passkey.assert(question.options)
  await person.must('POST', '/v1/session/confirm', { credential: answer })
  const again = await person.must<Options>('POST', '/v1/me/passkeys/options', {})
  const second = createPasskey(server.origin).register(again.options)
  await person.must('POST', '/v1/me/passkeys', { credential: second, label: 'New phone' })
})

test('a challenge for a new passkey of one user does not serve another', async () => {
  await using server = await startServer()
  const [one, two] = [await server.person(), await server.person()]
  const { options } = await one.must<Options>('POST', '/v1/me/passkeys/options', {})
  const credential = createPasskey(server.origin).register(options)
  assert.equal((await two.call('POST', '/v1/me/passkeys', { credential, label: 'x' })).status, 403)
})

test('users have one handle and one id each, and a bad phone number leaves nobody behind', async () => {
  await using server = await startServer()
  await server.addUser({ handle: 'asha', user_id: '5QC7BH' })
  await assert.rejects(server.addUser({ handle: 'asha' }), /409.*handle_taken/)
  await assert.rejects(server.addUser({ handle: 'other', user_id: '5QC7BH' }), /409.*handle_taken/)
  await assert.rejects(server.addUser({ handle: 'ravi', phone: '12' }), /400.*phone_invalid/)
  await server.addUser({ handle: 'ravi', phone: '+91 98123 45678' })
  await assert.rejects(server.addUser({ handle: 'third', phone: '0091-98123-45678' }), /contact_taken/)
})

const localOrigin = (server: { port: number }) => `http://127.0.0.1:${server.port}`

test('one address asks to sign in only so often', async () => {
  await using server = await startServer()
  const session = startSession(server.origin)
  const statuses = new Set<number>()
  for (let i = 0; i < 601; i += 1)
    statuses.add((await session.call('POST', '/v1/session/options', {})).status)
  assert.deepEqual([...statuses], [200, 429])
})
