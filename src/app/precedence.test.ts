import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { precedenceOf } from './precedence.ts'

test('what gives way, and what never does, are routes that there are', async () => {
  const document = JSON.parse(
    await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8'),
  ) as {
    paths: Record<string, Record<string, unknown>>
  }
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({
      method: method.toUpperCase(),
      url: path.replaceAll(/\{(\w+)\}/g, ':$1'),
    })),
  )
  const by = Map.groupBy(routes, ({ method, url }) => precedenceOf(method, url))
  const addresses = (precedence: 'first' | 'held') => [
    ...new Set((by.get(precedence) ?? []).map(({ url }) => url).sort()),
  ]

  assert.deepEqual(
    by
      .get('last')
      ?.map(({ method, url }) => `${method} ${url}`)
      .sort(),
    ['POST /bc-authorize', 'POST /v3/login/auth/token/request/:client_id'],
  )
  assert.deepEqual(addresses('held'), [
    '/oauth/token',
    '/token',
    '/v1/listen',
    '/v1/me/apps/:id/events',
    '/v1/me/events',
    '/v1/requests/:id',
  ])
  assert.deepEqual(addresses('first'), [
    '/channels/whatsapp/webhook',
    '/livez',
    '/metrics',
    '/readyz',
    '/v1/listen/:id/:attempt',
    '/v1/me',
    '/v1/me/requests',
    '/v1/me/requests/:id',
    '/v1/me/requests/:id/approve',
    '/v1/me/requests/:id/match',
    '/v1/me/requests/:id/reject',
    '/v1/me/requests/:id/review',
    '/v1/session',
    '/v1/session/options',
  ])
})
