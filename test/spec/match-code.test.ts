import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { DAY, HOUR, MINUTE, SECOND } from '#base/clock.ts'
import { verifyEvidence } from '#requests/evidence.ts'
import { createInitiator } from '../../sdk/src/index.ts'
import { addInitiator, cibaCalls, type TestClient } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { heldClock, startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the lists of requirements: of CIBA (12, 85, 86), and of approvals (7.3.7, 7.3.8).

const clock = heldClock()
let server: TestServer
let client: TestClient
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  server = await startServer({
    now: clock.now,
    env: {
      COUNTERSIGN_CIBA_HOLD: '0s',
      COUNTERSIGN_CIBA_MOST_OPEN: '1000',
      COUNTERSIGN_CIBA_LIFE: '60m',
    },
  })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

interface Asked {
  requestId: string
  auth_req_id: string
  expires_in: number
  match_code: string
}

/** A person, an app that shows codes, and how it asks them. */
async function stage() {
  const person = await server.person()
  client = await addInitiator(server, [person.userId], { require_match_code: true })
  const ask = async (fields: Record<string, string> = {}) =>
    (await calls.ask(client, { login_hint: person.userId, ...fields })) as unknown as Asked
  return { person, ask }
}

const type = async (person: Person, { requestId }: Asked, code: string) => {
  const answer = await person.call('POST', `/v1/me/requests/${requestId}/match`, { code })
  if (answer.status === 204) return 'taken'
  const { code: why, left, retry_after } = (await answer.json()) as Record<string, unknown>
  return [answer.status, why, left ?? retry_after]
}
const wrong = ({ match_code }: Asked, n = 1) => String((Number(match_code) + n) % 1_000_000).padStart(6, '0')

describe('the code that an app shows and its user types', () => {
  test('12, 7.3.8: six digits in the answer, for an app that is registered so, and no other', async () => {
    const { person, ask } = await stage()
    const codes = new Set<string>()
    for (let i = 0; i < 20; i += 1) {
      const { match_code } = await ask()
      assert.match(match_code, /^\d{6}$/)
      codes.add(match_code)
    }
    assert.ok(codes.size >= 19, 'each request has a code of its own')
    const plain = await addInitiator(server, [person.userId])
    const answer = await calls.ask(plain, { login_hint: person.userId })
    assert.ok(!('match_code' in answer))
    assert.equal((await person.approve(answer.requestId)).status, 200)
    const [first, again] = await Promise.all([1, 2].map(() => retry(person)))
    assert.equal(first?.match_code, again?.match_code, 'a retry is the same request')
  })

  const retry = async (person: Person) =>
    (await calls.ask(client, { login_hint: person.userId }, { 'idempotency-key': 'k' })) as unknown as Asked

  test('7.3.8: without it nothing is approved; with it, once, and the evidence says that it was asked for', async () => {
    const { person, ask } = await stage()
    const asked = await ask()
    const { approval, options } = await person.review(asked.requestId)
    assert.equal(JSON.parse(approval).match_code, true)
    const early = await person.approveWith(asked.requestId, person.passkey.assert(options))
    assert.equal(early.status, 403)
    assert.equal(((await early.json()) as { code: string }).code, 'match_code_missing')

    assert.equal(
      await type(person, asked, `${asked.match_code.slice(0, 3)} ${asked.match_code.slice(3)}`),
      'taken',
    )
    assert.equal((await person.approve(asked.requestId)).status, 200)
    assert.equal((await calls.poll(client, asked.auth_req_id)).status, 200)
    const evidence = await person.call('GET', `/v1/me/requests/${asked.requestId}/evidence`)
    assert.equal((await verifyEvidence(await evidence.text())).approval.match_code, true)
    // Of this request only: the next one has its own.
    const next = await ask()
    assert.deepEqual(await type(person, next, asked.match_code), [403, 'match_code_wrong', 4])
    assert.deepEqual((await type(person, asked, asked.match_code))[1], 'request_settled')
  })

  test('12: our own library hands the code on', async () => {
    const { person } = await stage()
    const options = { issuer: server.origin, clientId: client.client_id, clientSecret: client.client_secret }
    const asked = await createInitiator(options).ask({ loginHint: person.userId })
    const typed = { requestId: asked.requestId ?? '' } as Asked
    assert.equal(await type(person, typed, asked.matchCode ?? ''), 'taken')
  })

  test('7.3.7: a request with a code ends after ten minutes, whatever was asked for', async () => {
    const { ask } = await stage()
    assert.equal((await ask()).expires_in, 600)
    assert.equal((await ask({ requested_expiry: '3000' })).expires_in, 600)
    assert.equal((await ask({ requested_expiry: '60' })).expires_in, 60)
  })

  test('85, 7.3.8: five wrong ones, over any number of codes, lock the account; a right one before that clears them', async () => {
    const { person, ask } = await stage()
    const one = await ask()
    for (const left of [4, 3])
      assert.deepEqual(await type(person, one, wrong(one)), [403, 'match_code_wrong', left])
    assert.equal(await type(person, one, one.match_code), 'taken')
    for (const left of [4, 3, 2, 1]) {
      const each = await ask()
      assert.deepEqual(await type(person, each, wrong(each)), [403, 'match_code_wrong', left])
    }
    const last = await ask()
    assert.deepEqual(await type(person, last, wrong(last)), [429, 'codes_locked', 900])
    // The right one counts no more, nor that of a new request; to reject stays free.
    assert.deepEqual((await type(person, last, last.match_code))[1], 'codes_locked')
    const fresh = await ask()
    assert.deepEqual((await type(person, fresh, fresh.match_code))[1], 'codes_locked')
    assert.deepEqual(
      ((await (await person.approve(fresh.requestId)).json()) as { code: string }).code,
      'match_code_missing',
    )
    assert.equal((await person.call('POST', `/v1/me/requests/${fresh.requestId}/reject`)).status, 200)

    // After that time one try, and a wrong one locks for longer.
    for (const [wait, lock] of [
      [15 * MINUTE, HOUR],
      [HOUR, DAY],
    ] as const) {
      clock.forward(wait)
      const each = await ask()
      assert.deepEqual(await type(person, each, wrong(each)), [429, 'codes_locked', lock / SECOND])
    }
    // Nobody else is locked.
    const other = await stage()
    const theirs = await other.ask()
    assert.equal(await type(other.person, theirs, theirs.match_code), 'taken')
  })

  test('7.3.8: the count is right when tries come at once', async () => {
    const { person, ask } = await stage()
    const asked = await ask()
    const tries = await Promise.all([1, 2, 3, 4, 5, 6, 7].map((n) => type(person, asked, wrong(asked, n))))
    const said = tries.map((each) => each[1]).sort()
    assert.deepEqual(said, [...Array(3).fill('codes_locked'), ...Array(4).fill('match_code_wrong')])
    const [row] = await server.select(`select failures from code_tries where user_id = '${person.userId}'`)
    assert.equal(Number(row?.failures), 5)
  })

  test("7.3.8: it lies nowhere in the store, nor in the log, and is another's to type for nobody", async () => {
    const { person, ask } = await stage()
    const asked = await ask()
    await type(person, asked, asked.match_code)
    const dump = JSON.stringify([
      await server.select('select terms, reason from token_requests'),
      await server.select('select interval_seconds from request_handles'),
      await server.select('select kind, detail from events'),
      await server.select('select state, failure from notices'),
      server.lines,
    ])
    assert.ok(!new RegExp(`\\b${asked.match_code}\\b`).test(dump))
    const stranger = await server.person()
    assert.deepEqual((await type(stranger, asked, asked.match_code))[1], 'request_not_found')
    const plain = await addInitiator(server, [person.userId])
    const other = (await calls.ask(plain, { login_hint: person.userId })) as unknown as Asked
    assert.deepEqual((await type(person, other, '123456'))[1], 'match_code_unasked')
    const answer = await person.call('POST', `/v1/me/requests/${asked.requestId}/match`, { code: '12' })
    assert.equal(answer.status, 400)
  })
})
