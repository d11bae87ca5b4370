import type { RefusalCode } from '#base/errors.ts'
import type { Trouble } from '#http/errors.ts'

/** Error codes of CIBA Core 1.0 §11, §13 and RFC 6749 §5.2, with their statuses. */
const CODES: Partial<Record<Trouble['code'], [status: number, error: string]>> = {
  asks_paused: [403, 'access_denied'],
  binding_message_unfit: [400, 'invalid_binding_message'],
  client_credentials_wrong: [401, 'invalid_client'],
  client_disabled: [400, 'unauthorized_client'],
  client_expired: [400, 'unauthorized_client'],
  client_not_initiator: [400, 'unauthorized_client'],
  client_rejected: [400, 'unauthorized_client'],
  client_under_review: [400, 'unauthorized_client'],
  details_refused: [400, 'invalid_authorization_details'],
  handle_unknown: [400, 'invalid_grant'],
  hint_unknown: [400, 'unknown_user_id'],
  poll_too_soon: [400, 'slow_down'],
  proof_key_wrong: [400, 'invalid_dpop_proof'],
  refresh_token_wrong: [400, 'invalid_grant'],
  request_expired: [400, 'expired_token'],
  request_pending: [400, 'authorization_pending'],
  request_rejected: [400, 'access_denied'],
  target_refused: [400, 'invalid_target'],
  scope_refused: [400, 'invalid_scope'],
  // Neither standard has a word for too many calls; the status says it.
  too_many_open: [429, 'access_denied'],
  too_many_requests: [429, 'access_denied'],
  user_code_missing: [400, 'missing_user_code'],
  user_code_wrong: [400, 'invalid_user_code'],
  fault: [500, 'server_error'],
  token_source_failed: [503, 'temporarily_unavailable'],
  overloaded: [503, 'temporarily_unavailable'],
  store_unavailable: [503, 'temporarily_unavailable'],
} satisfies Partial<Record<RefusalCode | Trouble['code'], [number, string]>>

/** An error that only this protocol has. */
export class CibaRefusal extends Error {
  override readonly name = 'CibaRefusal'
  readonly status: number
  readonly error: string

  constructor(error: string, message: string, status = 400) {
    super(message)
    this.status = status
    this.error = error
  }
}

export const invalidRequest = (message: string) => new CibaRefusal('invalid_request', message)

export interface CibaError {
  status: number
  body: { error: string; error_description: string }
}

export function cibaError(trouble: Trouble | CibaRefusal): CibaError {
  if (trouble instanceof CibaRefusal) return told(trouble.status, trouble.error, trouble.message)
  const [status, error] = CODES[trouble.code] ?? [trouble.status, 'invalid_request']
  return told(status, error, trouble.detail)
}

const told = (status: number, error: string, description: string): CibaError => ({
  status,
  body: { error, error_description: plain(description) },
})

/** The characters that RFC 6749 §5.2 lets a description have: no quotes, no backslash, ASCII alone. */
const plain = (text: string): string =>
  text
    .replace(/[“”"‘’]/g, "'")
    .replaceAll('–', '-')
    .replace(/[^\x20\x21\x23-\x5B\x5D-\x7E]/g, '')
