import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addInitiator, cibaCalls, errorOf } from '../support/ciba.ts'
import { runCommand } from '../support/command.ts'
import type { Person } from '../support/person.ts'
import { ADMIN_KEY, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements, section 1B.

const TYPES = { payment: { en: 'Make one payment' } }

let server: TestServer
let person: Person
before(async () => {
  server = await startServer({ env: { COUNTERSIGN_AUTHORIZATION_DETAILS: JSON.stringify(TYPES) } })
  person = await server.person({ handle: 'asha' })
})
after(() => server[Symbol.asyncDispose]())

/** Code of the refusal of a registration. */
async function refused(form: Record<string, unknown>): Promise<string> {
  const answer = await fetch(`${server.origin}/v1/admin/clients`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'initiator', name: 'Agent', ...form }),
  })
  assert.equal(answer.status, 400)
  return ((await answer.json()) as { code: string }).code
}

describe('CIBA Core §4, RFC 7591: registration', () => {
  test('9: an unknown delivery mode, or way to authenticate, is refused', async () => {
    assert.equal(await refused({ backchannel_token_delivery_mode: 'carrier' }), 'client_metadata_refused')
    assert.equal(await refused({ token_endpoint_auth_method: 'none' }), 'client_metadata_refused', '13')
    assert.equal(await refused({ scope: 'open"id' }), 'client_metadata_refused')
  })

  test('13: what belongs to an initiator is refused for an app of one user', async () => {
    assert.equal(
      await refused({ kind: 'individual', user_id: person.userId, scope: 'openid' }),
      'input_invalid',
    )
  })

  test('of whom it names, an unknown user is refused, and there is no client then', async () => {
    const before = await server.select('select count(*) as n from clients')
    const answer = await fetch(`${server.origin}/v1/admin/clients`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'initiator', name: 'Agent', links: [person.userId, 'nobody'] }),
    })
    assert.equal(answer.status, 404)
    assert.deepEqual(await server.select('select count(*) as n from clients'), before)
  })

  test('the command registers and links; the client can ask at once', async () => {
    const env = {
      ...server.storeEnv,
      COUNTERSIGN_DEV: '1',
      COUNTERSIGN_AUTHORIZATION_DETAILS: JSON.stringify(TYPES),
    }
    const words = ['client', 'add', '--initiator', '--name', 'Agent', '--scope', 'openid accounts', '--json']
    const { code, out } = await runCommand(
      [...words, '--link', 'asha', '--link', person.userId, '--match-code', '--detail-types', 'payment'],
      env,
    )
    assert.equal(code, 0)
    const client = JSON.parse(out)
    const calls = cibaCalls(server.origin)
    const { requestId, match_code } = await calls.ask(client, {
      login_hint: 'asha',
      scope: 'openid accounts',
    })
    assert.match(match_code ?? '', /^\d{6}$/)
    const [kept] = await server.select(
      `select detail_types from initiators where client_id = '${client.client_id}'`,
    )
    assert.equal(kept?.detail_types, 'payment')
    const { timeline } = await server.requestStatus(client, requestId)
    assert.deepEqual(
      timeline.map(({ event }) => event),
      ['asked'],
    )
    const wrong = await runCommand(
      [...words.filter((each) => each !== '--initiator'), '--individual', 'asha'],
      env,
    )
    assert.equal(wrong.code, 1)
    assert.match(wrong.err, /--scope is for an initiator alone/)
  })

  test('who links, and who does not', async () => {
    const stranger = await server.person({ handle: 'ravi' })
    const app = await addInitiator(server, [stranger.userId])
    const calls = cibaCalls(server.origin)
    assert.deepEqual(await errorOf(await calls.authorize(app, { login_hint: 'asha' })), [
      400,
      'unknown_user_id',
    ])
    assert.equal((await calls.authorize(app, { login_hint: 'ravi' })).status, 200)
  })
})
