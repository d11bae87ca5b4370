import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { addInitiator, cibaCalls } from '../support/ciba.ts'
import type { Person } from '../support/person.ts'
import { startServer, type TestServer } from '../support/server.ts'

// Numbers in the names are those of the list of requirements.

let server: TestServer
let person: Person
let calls: ReturnType<typeof cibaCalls>
before(async () => {
  const scopes = {
    accounts: 'See your accounts',
    payments: { en: 'Move money', hi: 'पैसे भेजना', dangerous: true },
  }
  server = await startServer({
    env: { COUNTERSIGN_SCOPES: JSON.stringify(scopes), COUNTERSIGN_CIBA_MOST_OPEN: '1000' },
  })
  person = await server.person({ handle: 'asha' })
  calls = cibaCalls(server.origin)
})
after(() => server[Symbol.asyncDispose]())

describe('what the approver is shown, and signs', () => {
  test('9, 78: scopes in words, what can do harm first; one that nobody explained by its bare name', async () => {
    const scope = 'openid accounts reports payments'
    const client = await addInitiator(server, [person.userId], { scope })
    const { requestId } = await calls.ask(client, { login_hint: 'asha', scope })
    const { approval } = await person.review(requestId)
    assert.deepEqual(
      JSON.parse(approval).scopes.map((each: { scope: string; texts: object; dangerous: boolean }) => [
        each.scope,
        each.texts,
        each.dangerous,
      ]),
      [
        ['payments', { en: 'Move money', hi: 'पैसे भेजना' }, true],
        ['accounts', { en: 'See your accounts' }, false],
        ['reports', {}, false],
        [
          'openid',
          { en: 'Know that it was you who approved, and when', hi: 'जानना कि मंज़ूरी आपने ही दी, और कब दी' },
          false,
        ],
      ],
    )
  })
})
