import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { Refusal, type RefusalCode, StoreUnavailable } from '#base/errors.ts'
import type { Log } from '#base/log.ts'

/** Statuses of RFC 9110 for the refusals that are not plainly 400. */
const STATUS: Partial<Record<RefusalCode, number>> = {
  admin_key_wrong: 401,
  approval_changed: 409,
  asks_paused: 429,
  assertion_refused: 403,
  channel_off: 409,
  channel_unavailable: 503,
  client_credentials_wrong: 401,
  client_not_found: 404,
  client_not_listenable: 403,
  client_reviewed: 409,
  contact_not_found: 404,
  codes_locked: 429,
  confirm_first: 403,
  cross_origin: 403,
  delivery_not_found: 404,
  delivery_over: 410,
  enrolment_invalid: 410,
  recovery_code_wrong: 403,
  feedback_not_found: 404,
  enrolment_waits: 403,
  handle_taken: 409,
  icon_not_found: 404,
  last_operator: 409,
  last_passkey: 409,
  last_secret: 409,
  metrics_key_wrong: 401,
  not_ready: 503,
  not_operator: 403,
  overloaded: 503,
  match_code_missing: 403,
  match_code_unasked: 409,
  match_code_wrong: 403,
  link_code_wrong: 404,
  link_not_found: 404,
  not_signed_in: 401,
  passkey_needed: 403,
  own_account: 409,
  passkey_not_found: 404,
  provider_refused: 403,
  provider_unknown_user: 403,
  provider_unreachable: 503,
  receipt_wrong: 403,
  request_not_found: 404,
  request_settled: 409,
  review_expired: 409,
  secrets_full: 409,
  session_not_found: 404,
  signing_secret_kept: 409,
  signing_secrets_full: 409,
  signature_wrong: 401,
  token_invalid: 401,
  token_not_found: 404,
  token_source_failed: 503,
  too_many_requests: 429,
  user_disabled: 403,
  user_not_found: 404,
  verify_token_wrong: 403,
}

export const statusOf = (code: RefusalCode): number => STATUS[code] ?? 400

/** What went wrong, seen from outside. Each protocol words it in its own shape. */
export interface Trouble {
  status: number
  code: RefusalCode | 'not_found' | 'fault' | 'store_unavailable'
  detail: string
  facts: Record<string, string | number>
  /** Seconds, for `retry-after`. */
  retryAfter?: number
}

/** Sorts an error: a refusal is the caller's to mend, a call that Fastify could not read as well; all else is a fault of ours. */
export function troubleOf(error: unknown, http: FastifyRequest, log: Log): Trouble {
  if (error instanceof Refusal) {
    const trouble = {
      status: statusOf(error.code),
      code: error.code,
      detail: error.message,
      facts: error.facts,
    }
    const { retry_after } = error.facts
    return typeof retry_after === 'number' ? { ...trouble, retryAfter: retry_after } : trouble
  }
  if (error instanceof StoreUnavailable) {
    log.error('The store cannot be used.', error, { request_id: http.id })
    const detail = 'The server cannot reach its store now. Try again in a moment.'
    return { status: 503, code: 'store_unavailable', detail, facts: { request_id: http.id }, retryAfter: 5 }
  }
  const { statusCode, validation } = error as FastifyError
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return {
      status: statusCode,
      code: 'input_invalid',
      detail: inputSentence(error as FastifyError),
      facts: {},
    }
  }
  if (validation)
    return { status: 400, code: 'input_invalid', detail: inputSentence(error as FastifyError), facts: {} }
  log.error('A call failed.', error, {
    request_id: http.id,
    method: http.method,
    route: http.routeOptions.url ?? '',
  })
  const detail = 'Something went wrong on our side. Give the operator the request_id.'
  return { status: 500, code: 'fault', detail, facts: { request_id: http.id } }
}

/** Answers in RFC 9457 problem details. */
export function sendProblem(reply: FastifyReply, trouble: Trouble) {
  const { status, code, detail, facts, retryAfter } = trouble
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  return reply
    .code(status)
    .type('application/problem+json')
    .send({ type: 'about:blank', title: TITLES[status] ?? 'Error', status, code, detail, ...facts })
}

const TITLES: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

/** One sentence from what Fastify says of a call it could not read. It never quotes what was sent. */
function inputSentence(error: FastifyError): string {
  const [first] = error.validation ?? []
  if (first) {
    const field = first.instancePath.replaceAll('/', '.').replace(/^\./, '')
    return field ? `“${field}” ${first.message}.` : `The body ${first.message}.`
  }
  return SENTENCES[error.code] ?? 'The call is not of the form that this address takes.'
}

const SENTENCES: Record<string, string> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'The body is too large.',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'The body is empty; send JSON.',
  FST_ERR_CTP_INVALID_JSON_BODY: 'The body is not JSON.',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'The body must be JSON, with content-type application/json.',
  FST_ERR_CTP_NUL: 'The body holds a NUL character.',
  FST_ERR_BAD_URL: 'The address is not well formed.',
}
