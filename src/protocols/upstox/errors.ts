import type { RefusalCode } from '#base/errors.ts'
import type { Trouble } from '#http/errors.ts'

/**
 * Upstox's codes. Status and text are theirs for 1017 and 1024 (from their OpenAPI) and for 10005's status; all others
 * are our choice, since no public page tells them.
 */
const CODES: Partial<Record<Trouble['code'], [status: number, errorCode: string]>> = {
  client_credentials_wrong: [401, 'UDAPI100069'],
  notifier_missing: [400, 'UDAPI1123'],
  notifier_refused: [400, 'UDAPI1123'],
  notifier_unproven: [400, 'UDAPI1123'],
  client_not_individual: [400, 'UDAPI1124'],
  client_under_review: [400, 'UDAPI1155'],
  client_rejected: [400, 'UDAPI1155'],
  client_expired: [400, 'UDAPI1157'],
  client_deleted: [400, 'UDAPI100073'],
  client_disabled: [400, 'UDAPI100073'],
  user_disabled: [400, 'UDAPI100073'],
  redirect_wrong: [400, 'UDAPI100068'],
  code_wrong: [400, 'UDAPI100057'],
  token_invalid: [401, 'UDAPI100050'],
  asks_paused: [429, 'UDAPI10005'],
  too_many_requests: [429, 'UDAPI10005'],
  not_found: [404, 'UDAPI100060'],
  input_invalid: [400, 'UDAPI100038'],
  fault: [500, 'UDAPI100500'],
  overloaded: [503, 'UDAPI100500'],
  store_unavailable: [503, 'UDAPI100500'],
} satisfies Partial<Record<RefusalCode | Trouble['code'], [number, string]>>

export interface UpstoxError {
  status: number
  errorCode: string
  message: string
}

/** An error with a code that only this protocol has. */
export class UpstoxRefusal extends Error implements UpstoxError {
  override readonly name = 'UpstoxRefusal'
  readonly status: number
  readonly errorCode: string

  constructor(status: number, errorCode: string, message: string) {
    super(message)
    this.status = status
    this.errorCode = errorCode
  }
}

export function upstoxError(trouble: Trouble): UpstoxError {
  const [status, errorCode] = CODES[trouble.code] ?? [trouble.status, 'UDAPI100038']
  // 413, 415 and the like say more than our own 400.
  const isGeneral = trouble.code === 'input_invalid'
  return { status: isGeneral ? trouble.status : status, errorCode, message: trouble.detail }
}

/** The envelope, in both spellings: clients read `errorCode` first, then `error_code`. */
export const envelope = ({ errorCode, message }: UpstoxError) => ({
  status: 'error',
  errors: [
    {
      errorCode,
      message,
      propertyPath: null,
      invalidValue: null,
      error_code: errorCode,
      property_path: null,
      invalid_value: null,
    },
  ],
})
