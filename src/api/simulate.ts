import { Type } from '#base/schema.ts'
import { requireActive } from '#clients/authenticate.ts'
import type { Server } from '#http/server.ts'
import type { RequestContext } from '#requests/context.ts'
import { simulateOutcome } from '#requests/simulate.ts'
import { type CallerContext, callingClient } from './caller.ts'
import { signedIn } from './guard.ts'
import { ownApp } from './own-app.ts'
import { Id, Simulated } from './shapes.ts'

const Body = Type.Object({ outcome: Simulated })

/** Test mode, for a client that calls with its own test secret. */
export function simulateRoutes(server: Server, context: RequestContext & CallerContext) {
  server.post('/v1/requests/:id/simulate', { schema: { params: Id, body: Body } }, async (http) => {
    const client = await callingClient(context, http)
    requireActive(client)
    const { status, redirectTo } = await simulateOutcome(context, client, http.params.id, http.body.outcome)
    return { status, redirect_to: redirectTo }
  })
}

/** The same for the owner of an app, on its page. */
export function ownSimulateRoutes(server: Server, context: RequestContext) {
  const params = Type.Object({
    ...Id.properties,
    request: Type.String({ maxLength: 100, pattern: '^[!-~]+$' }),
  })
  server.post(
    '/v1/me/apps/:id/requests/:request/simulate',
    { schema: { params, body: Body } },
    async (http) => {
      const { userId } = await signedIn(context, http)
      const client = await ownApp(context, userId, http.params.id)
      const { outcome } = http.body
      const { status, redirectTo } = await simulateOutcome(context, client, http.params.request, outcome)
      return { status, redirect_to: redirectTo }
    },
  )
}
