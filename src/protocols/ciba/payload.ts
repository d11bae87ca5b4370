import type { IssuedToken, Settling } from '#requests/context.ts'
import { tokenTypeOf } from '#tokens/issue.ts'

/** Successful Token Delivery (CIBA Core 1.0 §10.3.1). */
export function cibaPayload({ accessToken, issuedAt, expiresAt, claims, push }: IssuedToken): Uint8Array {
  if (!push) throw new Error('A push of CIBA holds more than a token.')
  return json({
    auth_req_id: push.handle,
    access_token: accessToken,
    token_type: tokenTypeOf(claims),
    expires_in: Math.floor((expiresAt - issuedAt) / 1_000),
    id_token: push.idToken,
    ...(push.refreshToken ? { refresh_token: push.refreshToken } : {}),
    scope: push.scopes.join(' '),
    ...(push.details ? { authorization_details: push.details } : {}),
  })
}

/** Ping Callback (§10.2), or Push Error Payload (§12). */
export const cibaSettling = ({ handle, kind, outcome }: Settling): Uint8Array =>
  json(
    kind === 'ping' || outcome === 'approved'
      ? { auth_req_id: handle }
      : { auth_req_id: handle, ...ERRORS[outcome] },
  )

const ERRORS = {
  rejected: { error: 'access_denied', error_description: 'The user rejected the request.' },
  withdrawn: { error: 'access_denied', error_description: 'The request was withdrawn.' },
  failed: { error: 'transaction_failed', error_description: 'The token could not be made.' },
  expired: { error: 'expired_token', error_description: 'The user did not decide in time.' },
}

const json = (value: object): Uint8Array => Buffer.from(JSON.stringify(value))
