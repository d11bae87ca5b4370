import type { Precedence } from '#http/overload.ts'

/** New work, which its sender can bring again in a moment. */
const ASKS = new Set(['POST /v3/login/auth/token/request/:client_id', 'POST /bc-authorize'])

/** Whether we are alive; what a person needs to decide on what was asked already; the end of a delivery that is under way. */
const FIRST = new Set([
  '/livez',
  '/readyz',
  '/metrics',
  '/v1/session/options',
  '/v1/session',
  '/v1/me',
  '/v1/me/requests',
  '/v1/me/requests/:id',
  '/v1/me/requests/:id/review',
  '/v1/me/requests/:id/match',
  '/v1/me/requests/:id/approve',
  '/v1/me/requests/:id/reject',
  '/channels/whatsapp/webhook',
  '/v1/listen/:id/:attempt',
])

/** Calls that may be held while a person decides, and streams. */
const HELD = new Set([
  '/token',
  '/oauth/token',
  '/v1/requests/:id',
  '/v1/me/events',
  '/v1/me/apps/:id/events',
  '/v1/listen',
])

/** What goes before what when more comes than can be done. */
export function precedenceOf(method: string, url: string): Precedence {
  if (ASKS.has(`${method} ${url}`)) return 'last'
  if (FIRST.has(url)) return 'first'
  return HELD.has(url) ? 'held' : 'usual'
}
