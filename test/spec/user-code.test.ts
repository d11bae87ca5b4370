import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { MINUTE } from '#base/clock.ts'
import { addInitiator, cibaCalls, errorOf, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { heldClock, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements.

const CODE = 'Käse 42'
const clock = heldClock()
let server: TestServer
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  server = await startServer({
    now: clock.now,
    env: { COUNTERSIGN_CIBA_USER_CODE: '1', COUNTERSIGN_CIBA_MOST_OPEN: '1000' },
  })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

async function setCode(person: Person, code: string) {
  const { options } = await person.must<{ options: Record<string, unknown> }>(
    'POST',
    '/v1/me/user-code/confirm',
    {},
  )
  return person.call('PUT', '/v1/me/user-code', { code, credential: person.passkey.assert(options) })
}

async function stage() {
  const person = await server.person()
  const client = await addInitiator(server, [person.userId], { backchannel_user_code_parameter: true })
  return { person, client }
}

const ask = async (client: TestClient, login_hint: string, user_code?: string) => {
  const answer = await calls.authorize(client, { login_hint, user_code })
  return answer.status === 200 ? 'asked' : (await errorOf(answer))[1]
}

describe('CIBA Core §7.1.2: the secret code of a user', () => {
  test('5, 12, 36: asked for when server and client both have it on, and let pass otherwise', async () => {
    const metadata = await fetch(`${server.origin}/.well-known/openid-configuration`)
    const said = (await metadata.json()) as Record<string, unknown>
    assert.equal(said.backchannel_user_code_parameter_supported, true)
    const { person, client } = await stage()
    assert.equal((await setCode(person, CODE)).status, 204)
    assert.equal(await ask(client, person.userId), 'missing_user_code')
    assert.equal(await ask(client, 'nobody'), 'missing_user_code', 'who it is for tells nothing')
    assert.equal(await ask(client, person.userId, 'wrong'), 'invalid_user_code')
    assert.equal(await ask(client, person.userId, CODE), 'asked')
    assert.equal(await ask(client, person.userId, CODE.normalize('NFD')), 'asked')

    const plain = await addInitiator(server, [person.userId])
    assert.equal(await ask(plain, person.userId), 'asked')
    assert.equal(await ask(plain, person.userId, 'wrong'), 'asked')

    await using off = await startServer()
    const other = await off.person()
    const registered = await addInitiator(off, [other.userId], { backchannel_user_code_parameter: true })
    const answer = await cibaCalls(off.origin).authorize(registered, { login_hint: other.userId })
    assert.equal(answer.status, 200)
    const card = await other.must<{ in_use: boolean }>('GET', '/v1/me/user-code')
    assert.equal(card.in_use, false)
  })

  test('36: one who has set none is answered as for a wrong one, and nobody is told', async () => {
    const { person, client } = await stage()
    assert.equal(await ask(client, person.userId, 'any'), 'invalid_user_code')
    assert.equal(await ask(client, person.userId, ''), 'missing_user_code')
    const { requests } = await person.must<{ requests: unknown[] }>('GET', '/v1/me/requests')
    assert.deepEqual(requests, [])
    assert.equal((await setCode(person, CODE)).status, 204)
    assert.equal((await person.call('DELETE', '/v1/me/user-code')).status, 204)
    assert.equal(await ask(client, person.userId, CODE), 'invalid_user_code')
  })

  test('36: after five wrong ones the right one is answered as wrong, for this client and user alone', async () => {
    const { person, client } = await stage()
    await setCode(person, CODE)
    for (let i = 0; i < 5; i += 1)
      assert.equal(await ask(client, person.userId, `no ${i}`), 'invalid_user_code')
    assert.equal(await ask(client, person.userId, CODE), 'invalid_user_code')
    const other = await addInitiator(server, [person.userId], { backchannel_user_code_parameter: true })
    assert.equal(await ask(other, person.userId, CODE), 'asked')
    clock.forward(15 * MINUTE)
    assert.equal(await ask(client, person.userId, CODE), 'asked')
    const events = await server.select(
      `select kind from events where user_id = '${person.userId}' order by seq`,
    )
    const said = events.map(({ kind }) => kind).filter((kind) => String(kind).startsWith('user_code_'))
    assert.deepEqual(said, ['user_code_set', ...Array(4).fill('user_code_wrong'), 'user_code_locked'])
  })

  test('36: set by passkey, kept as no text, and never logged', async () => {
    const { person } = await stage()
    const bare = await person.call('PUT', '/v1/me/user-code', { code: CODE })
    assert.equal(bare.status, 403)
    assert.equal((await setCode(person, 'abc')).status, 400)
    assert.equal((await setCode(person, 'a\u202Ebcde')).status, 400)
    assert.equal((await setCode(person, CODE)).status, 204)
    const { set_at } = await person.must<{ set_at: number }>('GET', '/v1/me/user-code')
    assert.equal(set_at, clock.now())
    const kept = await server.select(`select user_id, mac from user_codes where user_id = '${person.userId}'`)
    const dump = JSON.stringify([kept, await server.select('select kind, detail from events'), server.lines])
    assert.ok(!dump.includes(CODE))
    // Two users with the same code have not the same entry.
    const second = await server.person()
    await setCode(second, CODE)
    const [other] = await server.select(`select mac from user_codes where user_id = '${second.userId}'`)
    assert.notEqual(other?.mac, kept[0]?.mac)
  })
})
