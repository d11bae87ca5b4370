import { MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { requireActive } from '#clients/authenticate.ts'
import { type Client, clientById, insertClient, UNSAID } from '#clients/store.ts'
import type { Server } from '#http/server.ts'
import type { RequestContext } from '#requests/context.ts'
import { sooner } from '#requests/expiry.ts'
import { openRequest } from '#requests/open.ts'
import { signedIn } from './guard.ts'

/** Whoever stands before the page decides now, or not at all. */
const ATTENDED_LIFE_MS = 10 * MINUTE

/** The built-in client of test requests. It has no secret, so nobody can ask in its name. */
const TEST_CLIENT: Client = {
  ...UNSAID,
  id: '00000000-0000-7000-8000-000000000000',
  kind: 'initiator',
  userId: null,
  name: 'Countersign test',
  purpose: 'Shows how a request looks. Nothing is handed out.',
  createdAt: 0,
}

interface StartContext extends RequestContext {
  nextExpiry: (now: number) => number
}

/** Requests that begin on the user's own side: a test, or an app that sent their browser here. */
export function startRoutes(server: Server, context: StartContext) {
  const { db, now } = context

  server.post('/v1/me/test-request', async (http, reply) => {
    const { userId } = await signedIn(context, http)
    await db.transaction((tx) => insertClient(tx, TEST_CLIENT))
    const expiresAt = now() + ATTENDED_LIFE_MS
    const { request } = await openRequest(context, {
      client: TEST_CLIENT,
      userId,
      protocol: 'test',
      delivery: 'none',
      fold: 'test',
      reason: 'This is a test. Approve or reject it as you like.',
      address: http.ip,
      expiresAt,
      tokenExpiresAt: expiresAt,
    })
    return reply.code(201).send({ request_id: request.id })
  })

  const authorization = Type.Object({
    client_id: Type.String({ minLength: 1, maxLength: 100, pattern: '^[!-~]+$' }),
    redirect_uri: Type.String({ minLength: 1, maxLength: 2_048 }),
    state: Type.Optional(Type.String({ maxLength: 1_000, pattern: '^[^\\u0000]*$' })),
  })
  server.post('/v1/me/authorizations', { schema: { body: authorization } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const { client_id, redirect_uri, state } = http.body
    const client = await clientById(db, client_id)
    // An individual client asks its owner; to anybody else it is as if it were not there.
    if (client?.userId !== userId) throw new Refusal('client_not_found')
    requireActive(client)
    if (client.redirectUrl !== redirect_uri) throw new Refusal('redirect_wrong')
    const { request } = await openRequest(context, {
      client,
      userId,
      protocol: 'upstox',
      delivery: 'code',
      fold: null,
      reason: null,
      address: http.ip,
      redirect: { url: redirect_uri, state: state ?? null },
      expiresAt: now() + ATTENDED_LIFE_MS,
      tokenExpiresAt: sooner(context.nextExpiry(now()), client, now()),
    })
    return reply.code(201).send({ request_id: request.id })
  })
}
