import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { Value } from 'typebox/value'
import { operations } from '../../docs/api/operations.ts'
import { shapes } from '../../docs/api/shapes.ts'
import { addInitiator, cibaCalls } from '../support/ciba.ts'
import { startReceiver } from '../support/receiver.ts'
import { ADMIN_KEY, basic, startServer } from '../support/server.ts'

const WHATSAPP = {
  COUNTERSIGN_WHATSAPP_PHONE_NUMBER_ID: '1',
  COUNTERSIGN_WHATSAPP_ACCESS_TOKEN: 'none',
  COUNTERSIGN_WHATSAPP_APP_SECRET: 'none',
  COUNTERSIGN_WHATSAPP_VERIFY_TOKEN: 'none',
  COUNTERSIGN_OIDC_ISSUER: 'https://login.example.com',
  COUNTERSIGN_OIDC_CLIENT_ID: 'none',
  COUNTERSIGN_OIDC_CLIENT_SECRET: 'none',
}
const named = (method: string, route: string) => `${method} ${route.replace(/:(\w+)/g, '{$1}')}`

test('what is served is what is described, and nothing of the API is hidden', async () => {
  const served = new Set<string>()
  const hidden = new Set<string>()
  await using server = await startServer({
    env: WHATSAPP,
    async watchRoutes(routes) {
      routes.addHook('onRoute', ({ method, url, schema }) => {
        const isHidden = (schema as { hide?: boolean } | undefined)?.hide === true
        for (const each of [method].flat())
          if (each !== 'HEAD') (isHidden ? hidden : served).add(named(each, url))
      })
    },
  })
  const answer = await fetch(`${server.origin}/openapi.json`)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
  const document = (await answer.json()) as { openapi: string; paths: Record<string, object> }

  assert.equal(document.openapi, '3.1.0')
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  assert.deepEqual(described.toSorted(), [...served].toSorted())
  // In development alone.
  hidden.delete('POST /dev/ciba')
  // Pages and their files, and nothing that is called by a program.
  for (const name of hidden) assert.doesNotMatch(name, /^(?!GET )| \/(v\d|channels|bc-|oauth)/, name)
})

test('the document that is served is the one that is kept', async () => {
  await using server = await startServer()
  const answer = await fetch(`${server.origin}/openapi.json`)
  const kept = await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8')
  assert.equal(await answer.text(), kept)
  const again = await fetch(`${server.origin}/openapi.json`, {
    headers: { 'if-none-match': answer.headers.get('etag') ?? '' },
  })
  assert.equal(again.status, 304)
})

/** All that a server answers, each of it held against the description. */
async function startWatched() {
  const faults: string[] = []
  const done = new Set<string>()
  const server = await startServer({
    env: { ...WHATSAPP, COUNTERSIGN_NOTIFIER_PROOF: 'reachable' },
    async watchRoutes(routes) {
      routes.addHook('onSend', async (http, reply, payload) => {
        const name = named(http.method, http.routeOptions.url ?? '')
        const operation = operations[name]
        if (!operation) return
        done.add(`${name} ${reply.statusCode}`)
        const fault = faultOf(name, reply.statusCode, String(reply.getHeader('content-type')), payload)
        if (fault) faults.push(`${name} ${reply.statusCode}: ${fault}`)
      })
    },
  })
  return { server, faults, done }
}

/** Fields beyond those described count as a fault here, though a caller has to let them pass. */
const strict = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(strict)
  if (typeof schema !== 'object' || schema === null) return schema
  const entries = Object.entries(schema).map(([key, value]) => [key, strict(value)])
  const isClosed = 'properties' in schema && !('additionalProperties' in schema)
  return { ...Object.fromEntries(entries), ...(isClosed ? { additionalProperties: false } : {}) }
}

function faultOf(name: string, status: number, type: string, payload: unknown): string | undefined {
  const operation = operations[name]
  if (!operation) return 'not described'
  const isNo = status >= 400
  const noes = operation.upstox ? 'UpstoxError' : operation.oauth ? 'OAuthError' : 'Problem'
  const shape = isNo ? noes : operation.answers[status]
  if (shape === undefined) return 'this status is not described'
  if (shape === null) return payload ? 'it has a body' : undefined
  if (shape.includes('/')) return type.startsWith(shape) ? undefined : `its type is ${type}`
  const value: unknown = JSON.parse(String(payload))
  const schema = strict(shapes[shape as keyof typeof shapes])
  if (!Value.Check(schema as never, value)) {
    const [first] = Value.Errors(schema as never, value)
    return `${JSON.stringify(first)} in ${JSON.stringify(value)}`
  }
  if (isNo && status < 500 && shape === 'Problem') {
    const { code } = value as { code: string }
    const common = [
      'input_invalid',
      'not_signed_in',
      'cross_origin',
      'admin_key_wrong',
      'client_credentials_wrong',
    ]
    if (![...common, ...(operation.refusals ?? [])].includes(code as never)) return `the code ${code}`
  }
  return undefined
}

describe('every answer has the shape that is described', () => {
  test('on the way from the first passkey to a delivered token, and back', async () => {
    const { server, faults, done } = await startWatched()
    await using _server = server
    let isUp = true
    await using receiver = await startReceiver((_http, response) =>
      response.writeHead(isUp ? 200 : 500).end('ok'),
    )
    const person = await server.person({ phone: '+91 98123 45678', name: 'Asha Rao' })
    const me = await person.must<{ session_id: string }>('GET', '/v1/me')
    const made = await person.must<{ client_id: string; client_secret: string }>('POST', '/v1/me/apps', {
      name: 'Northwind Research',
      notifier_url: receiver.url,
    })
    const app = `/v1/me/apps/${made.client_id}`

    const id = await server.openRequest(made, 'Morning run')
    await person.must('GET', '/v1/me/requests?status=pending')
    await person.must('GET', `/v1/me/requests/${id}`)
    assert.equal((await person.approve(id)).status, 200)
    await receiver.received(2)
    assert.equal((await person.approve(id).catch((fault) => fault)) instanceof Error, true)
    await person.must('GET', `/v1/me/requests/${id}`)
    await person.must('GET', `/v1/me/requests/${id}/evidence`)
    await server.requestStatus(made, id)
    const { tokens } = await person.must<{ tokens: { id: string }[] }>('GET', '/v1/me/tokens')

    isUp = false
    const failing = await server.openRequest(made)
    assert.equal((await person.approve(failing)).status, 200)
    await receiver.received(3)
    const { deliveries } = await person.must<{ deliveries: { id: string }[] }>('GET', `${app}/deliveries`)
    const [latest] = deliveries
    await person.must('GET', `${app}/deliveries/${latest?.id}/attempts`)
    isUp = true
    await person.must('POST', `${app}/deliveries/${latest?.id}/resend`, {})
    await person.must('POST', `${app}/recover`, { since: 0 })
    await person.must('POST', `${app}/test-delivery`, {})
    await person.must('POST', `${app}/check-notifier`, {})

    const rejected = await server.openRequest(made)
    await person.reject(rejected)
    const withdrawn = await server.openRequest(made)
    for (const _ of ['204', '409']) {
      await fetch(`${server.origin}/v1/requests/${withdrawn}`, { method: 'DELETE', headers: basic(made) })
    }

    await person.must('PATCH', app, { purpose: 'Orders at nine' })
    await person.must('GET', app)
    await person.must('GET', '/v1/me/apps')
    await person.must('POST', `${app}/secrets`, {})
    await person.call('POST', `${app}/secrets`, {})
    const { secrets } = await person.must<{ secrets: { id: string }[] }>('GET', app)
    await person.must('DELETE', `${app}/secrets/${secrets[0]?.id}`)
    await person.call('DELETE', `${app}/secrets/${secrets[1]?.id}`)
    for (const scheme of ['v1', 'v1a']) await person.must('POST', `${app}/signing-secrets`, { scheme })
    await person.must('POST', '/v1/me/test-request', {})
    await person.call('POST', '/v1/me/authorizations', { client_id: 'none', redirect_uri: 'none' })
    await person.must('DELETE', `/v1/me/tokens/${tokens[0]?.id}`)

    const { passkeys } = await person.must<{ passkeys: { id: string }[] }>('GET', '/v1/me/passkeys')
    await person.must('POST', '/v1/me/passkeys/options', {})
    await person.call('DELETE', `/v1/me/passkeys/${passkeys[0]?.id}`)
    await person.must('GET', '/v1/me/sessions')
    await person.call('DELETE', '/v1/me/sessions/none')
    await person.call('POST', '/v1/me/apps', { name: '' })
    await person.call('GET', '/v1/me/apps/none')
    await person.must('DELETE', app)

    await person.must('POST', '/v1/feedback', { text: 'A word is missing.' })
    for (const method of ['GET', 'DELETE']) {
      const path = method === 'GET' ? '' : '/none'
      const headers = { authorization: `Bearer ${ADMIN_KEY}` }
      await fetch(`${server.origin}/v1/admin/feedback${path}`, { method, headers })
    }
    for (const path of ['export', 'checkpoints', 'checkpoints?after=-1'])
      await fetch(`${server.origin}/v1/admin/audit/${path}`, {
        headers: { authorization: `Bearer ${ADMIN_KEY}` },
      })
    const refused = await server.ask('none', { client_secret: 'none' })
    assert.equal(refused.status, 401)
    await server.ask('', {})
    await server.addClient({ user_id: person.userId })
    await person.must('POST', '/v1/session/options', {})
    await person.call('POST', '/v1/session', { credential: {} })
    await server.admin(`/v1/admin/clients/${made.client_id}/state`, { state: 'active' })
    await fetch(`${server.origin}/v1/admin/users`, { method: 'POST' })
    await fetch(`${server.origin}/v2/logout`, { method: 'DELETE' })
    await fetch(`${server.origin}/v2/login/authorization/dialog?response_type=code`, { redirect: 'manual' })
    await fetch(`${server.origin}/v2/login/authorization/token`, { method: 'POST' })
    const agent = await addInitiator(server, [person.userId])
    const { poll, ask } = cibaCalls(server.origin)
    const { auth_req_id, requestId } = await ask(agent, { login_hint: person.userId })
    await person.approve(requestId)
    for (const _ of ['200', '400']) await poll(agent, auth_req_id)
    for (const path of ['/bc-authorize', '/token', '/oauth/token', '/jwks'])
      await fetch(`${server.origin}${path}`)
    for (const path of ['/livez', '/readyz', '/llms.txt', '/llms-full.txt', '/channels/whatsapp/webhook'])
      await fetch(`${server.origin}${path}`)
    await fetch(`${server.origin}/channels/whatsapp/webhook`, { method: 'POST', body: '{}' })
    await person.must('DELETE', `/v1/me/sessions/${me.session_id}`)
    await person.call('GET', '/v1/me')

    assert.deepEqual(faults, [])
    const seen = new Set([...done].map((each) => each.replace(/ \d+$/, '')))
    assert.ok(seen.size >= 48, `${seen.size} operations were looked at`)
  })
})
