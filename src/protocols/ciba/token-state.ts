import { endGranted, giveBackToken } from '#requests/revoke.ts'
import { type TokenClaims, tokenTypeOf } from '#tokens/issue.ts'
import { activeToken, familyOf } from '#tokens/revoke.ts'
import type { CibaContext, ClientCall, ClientRoute } from './context.ts'
import { invalidRequest } from './errors.ts'
import type { Parameters } from './form.ts'

/** Introspection (RFC 7662) and revocation (RFC 7009) of a client's own tokens; of others' nothing is told or done. */
export function tokenStateRoutes(clientRoute: ClientRoute, context: CibaContext) {
  const introspect = async (call: ClientCall) => {
    const { token, family } = await ownToken(context, call)
    if (token) return tokenState(token)
    if (family?.isUsable) return { ...described(family), ...claimsOf(family) }
    return INACTIVE
  }
  // Whoever takes tokens takes no refresh tokens, and none of test mode.
  const introspectAny = async (form: Parameters) => {
    const token = await activeToken(context.db, textOf(form), context.now())
    return token && !claimsOf(token).test ? tokenState(token) : INACTIVE
  }
  clientRoute('/introspect', introspect, introspectAny)

  clientRoute('/revoke', async (call) => {
    const { token, family } = await ownToken(context, call)
    if (token) await giveBackToken(context, token.id)
    // Also by one that was used before: whoever asks for less access gets it.
    if (family) await endGranted(context, family.requestId, 'client')
    return {}
  })

  const tokenState = (token: Known) => ({
    ...described(token),
    aud: context.issuer.audience,
    token_type: tokenTypeOf(claimsOf(token)),
    ...claimsOf(token),
  })
  const described = (known: Known) => ({
    active: true,
    iss: context.site.origin,
    client_id: known.clientId,
    sub: known.userId,
    iat: Math.floor(known.issuedAt / 1_000),
    exp: Math.floor(known.expiresAt / 1_000),
  })
}

interface Known {
  clientId: string
  userId: string
  issuedAt: number
  expiresAt: number
  claims: string | null
}

const claimsOf = ({ claims }: Known) => JSON.parse(claims ?? '{}') as TokenClaims

/** What a text stands for, if it is this client's. A hint of its kind is not needed: no two of ours are alike. */
async function ownToken({ db, now }: CibaContext, { form, client }: ClientCall) {
  const text = textOf(form)
  const own = <T extends { clientId: string }>(found: T | undefined) =>
    found?.clientId === client.id ? found : undefined
  const token = own(await activeToken(db, text, now()))
  return { token, family: token ? undefined : own(await familyOf(db, text, now())) }
}

function textOf(form: Parameters): string {
  const text = form.get('token')
  if (text === undefined) throw invalidRequest('token is missing.')
  return text
}

const INACTIVE = { active: false }
