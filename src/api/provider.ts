import { Refusal } from '#base/errors.ts'
import { Type } from '#base/schema.ts'
import { readCookie, sessionCookie, setCookie } from '#http/cookies.ts'
import type { Server } from '#http/server.ts'
import type { Provider } from '#users/provider.ts'
import { SESSION_LIFE_MS } from '#users/sessions.ts'
import {
  beginProviderSignIn,
  CALLBACK_PATH,
  JOURNEY_MS,
  signInByProvider,
} from '#users/sign-in-by-provider.ts'
import type { UsersContext } from '#users/users.ts'
import type { SignInWays } from './contract.ts'
import { deviceOf } from './guard.ts'

interface ProviderContext extends UsersContext {
  limitStranger: (address: string) => Promise<void>
}

/** Sign-in by the operator's own OpenID provider. A browser comes and goes here, so a no is a page, not a problem. */
export function providerRoutes(server: Server, context: ProviderContext, provider: Provider | undefined) {
  const cookie = sessionCookie(context.site.origin)
  const journeyCookie = cookie.startsWith('__Host-') ? '__Host-sign-in' : 'sign-in'

  server.get('/v1/sign-in', async (): Promise<SignInWays> => {
    const host = provider && new URL(provider.settings.issuer).host
    return { provider: host ?? null }
  })
  if (!provider) return

  const wish = Type.Object({ to: Type.Optional(Type.String({ maxLength: 2_000 })) })
  server.get('/v1/session/provider', { schema: { querystring: wish } }, async (http, reply) => {
    try {
      await context.limitStranger(http.ip)
      const begun = await beginProviderSignIn(context, provider, pathOf(http.query.to))
      // Lax: the way back begins at the provider, and a Strict cookie stays behind there.
      setCookie(reply, journeyCookie, begun.state, JOURNEY_MS, 'Lax')
      return reply.redirect(begun.address, 303)
    } catch (fault) {
      return reply.redirect(sorry(fault), 303)
    }
  })

  server.get(CALLBACK_PATH, async (http, reply) => {
    const query = http.url.slice(http.url.indexOf('?') + 1)
    const state = readCookie(http, journeyCookie)
    try {
      await context.limitStranger(http.ip)
      const made = await signInByProvider(context, provider, { query, state }, deviceOf(http))
      setCookie(reply, cookie, made.sessionSecret, SESSION_LIFE_MS)
      return reply.redirect(made.hasPasskey ? made.returnTo : '/security', 303)
    } catch (fault) {
      return reply.redirect(sorry(fault), 303)
    }
  })
}

/** A path of ours; anything else is the inbox. */
const pathOf = (to = '/'): string => (/^\/(?![/\\])[!-~]*$/.test(to) ? to : '/')

/** The sign-in page with the sentence of a refusal; a fault is for the log. */
function sorry(fault: unknown): string {
  if (!(fault instanceof Refusal)) throw fault
  return `/sign-in?problem=${fault.code}`
}
