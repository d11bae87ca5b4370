import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * The session cookie. Over https its name binds it to this very host (RFC 6265bis §4.1.3.2, `__Host-`); over http, which
 * is for development and for one machine alone, browsers do not take that name.
 */
export const sessionCookie = (origin: string) => (origin.startsWith('https:') ? '__Host-session' : 'session')

export function readCookie(http: FastifyRequest, name: string): string | undefined {
  for (const pair of (http.headers.cookie ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}

/** @param maxAgeMs 0 takes the cookie away */
export function setCookie(
  reply: FastifyReply,
  name: string,
  value: string,
  maxAgeMs: number,
  sameSite: 'Strict' | 'Lax' = 'Strict',
) {
  const secure = name.startsWith('__Host-') ? '; Secure' : ''
  const seconds = Math.floor(maxAgeMs / 1_000)
  // Strict: our pages fetch what they need themselves, so a link from elsewhere still finds its user signed in.
  return reply.header(
    'set-cookie',
    `${name}=${value}; Path=/; HttpOnly; SameSite=${sameSite}; Max-Age=${seconds}${secure}`,
  )
}
