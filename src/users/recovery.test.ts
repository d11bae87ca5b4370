import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPasskey } from '../../demo/passkey.ts'
import { type Person, signIn, startSession } from '../../test/support/person.ts'
import { startServer } from '../../test/support/server.ts'

interface Options {
  options: Record<string, unknown>
}

async function newCodes(person: Person): Promise<string[]> {
  const { options } = await person.must<Options>('POST', '/v1/me/recovery-codes/confirm', {})
  const credential = person.passkey.assert(options)
  return (await person.must<{ codes: string[] }>('POST', '/v1/me/recovery-codes', { credential })).codes
}

/** Uses a code on a fresh device. */
async function recoverBy(origin: string, code: string) {
  const session = startSession(origin)
  const { options } = await session.must<Options>('POST', '/v1/recovery/options', { code })
  const credential = createPasskey(origin).register(options)
  return { session, answer: await session.call('POST', '/v1/recovery', { code, credential }) }
}

test('a recovery code makes one new passkey, signs its user in, and works once', async () => {
  await using server = await startServer()
  const person = await server.person()
  const codes = await newCodes(person)
  assert.equal(new Set(codes).size, 10)
  for (const code of codes) assert.match(code, /^([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/)
  const [code = ''] = codes

  const typed = ` ${code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')} `
  const { session, answer } = await recoverBy(server.origin, typed)

  assert.equal(answer.status, 201)
  assert.equal((await session.must<{ user_id: string }>('GET', '/v1/me')).user_id, person.userId)
  const { passkeys } = await session.must<{ passkeys: unknown[] }>('GET', '/v1/me/passkeys')
  assert.equal(passkeys.length, 2)
  const { left } = await session.must<{ left: number }>('GET', '/v1/me/recovery-codes')
  assert.equal(left, 9)
  const again = await startSession(server.origin).call('POST', '/v1/recovery/options', { code })
  assert.equal(again.status, 403)
})

test('of two uses of a code at the same moment one is taken', async () => {
  await using server = await startServer()
  const person = await server.person()
  const [code = ''] = await newCodes(person)
  const begun = await Promise.all(
    [1, 2].map(async () => {
      const session = startSession(server.origin)
      const { options } = await session.must<Options>('POST', '/v1/recovery/options', { code })
      return { session, credential: createPasskey(server.origin).register(options) }
    }),
  )
  const answers = await Promise.all(
    begun.map(({ session, credential }) => session.call('POST', '/v1/recovery', { code, credential })),
  )
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 403])
})

test('new codes end the old ones, and no code is kept or logged as it is', async () => {
  await using server = await startServer()
  const person = await server.person()
  const [old = ''] = await newCodes(person)
  const [fresh = ''] = await newCodes(person)
  const refused = await startSession(server.origin).call('POST', '/v1/recovery/options', { code: old })
  assert.equal(refused.status, 403)
  assert.equal((await recoverBy(server.origin, fresh)).answer.status, 201)

  const kept = JSON.stringify(await server.select('select code_hash, used_at from recovery_codes'))
  for (const text of [kept, server.lines.join('\n')]) assert.ok(!text.includes(fresh) && !text.includes(old))
})

test('codes are made only by a passkey, and by an answer to that very question', async () => {
  await using server = await startServer()
  const person = await server.person()
  const { options } = await person.must<Options>('POST', '/v1/session/confirm/options', {})
  const credential = person.passkey.assert(options)
  const answer = await person.call('POST', '/v1/me/recovery-codes', { credential })
  assert.equal(answer.status, 403)
  assert.equal((await person.call('POST', '/v1/me/recovery-codes', {})).status, 400)
  assert.equal((await startSession(server.origin).call('GET', '/v1/me/recovery-codes')).status, 401)
})

test('whoever is told of requests is told of new codes and of a code that was used', async () => {
  await using server = await startServer()
  const person = await server.person({ phone: '+919812345678' })
  const [code = ''] = await newCodes(person)
  await recoverBy(server.origin, code)
  const told = await server.select('select about from account_notices order by created_at, id')
  assert.deepEqual(
    told.map(({ about }) => about),
    ['recovery_codes_made', 'account_recovered'],
  )
})

test('the code of a disabled user, and a code begun by somebody else’s question, make nothing', async () => {
  await using server = await startServer()
  const [one, other] = [await server.person(), await server.person()]
  const [[first = '', second = ''], [foreign = '']] = [await newCodes(one), await newCodes(other)]
  const session = startSession(server.origin)
  const { options } = await session.must<Options>('POST', '/v1/recovery/options', { code: first })
  const credential = createPasskey(server.origin).register(options)
  const swapped = await session.call('POST', '/v1/recovery', { code: foreign, credential })
  assert.equal(swapped.status, 403)

  await server.admin(`/v1/admin/users/${one.userId}/state`, { state: 'disabled' })
  const answer = await session.call('POST', '/v1/recovery/options', { code: second })
  assert.equal(answer.status, 403)
  await signIn(server.origin, other.passkey)
})
