/** What went wrong, in a word that is stable across releases. */
export type Code =
  /** The server said no; its own word is in `error`. */
  | 'refused'
  /** The user rejected the request, or it was taken back. */
  | 'rejected'
  /** Nobody decided in time. */
  | 'expired'
  /** Your own deadline is over; the request may still be decided, so `wait` can be called again. */
  | 'timeout'
  /** No answer: no network, a broken connection, or the server is in trouble. */
  | 'unreachable'
  /** The server's answer is not what its protocol says. */
  | 'bad_answer'
  /** An ID Token that is not for us, not by the server, or not of this result. Its tokens must not be used. */
  | 'bad_token'
  /** A POST that does not come from the server. Answer it with `status`. */
  | 'bad_delivery'
  /** The call itself is wrong; nothing was sent. */
  | 'misuse'

interface Facts extends ErrorOptions {
  status?: number
  error?: string | undefined
  retryAfterMs?: number | undefined
}

/** Every error of this library. What is aborted by your signal rejects with the signal's own reason. */
export class CountersignError extends Error {
  override readonly name = 'CountersignError'
  readonly code: Code
  /** HTTP status: of the server's answer, or with `bad_delivery` the one to give. */
  readonly status: number | undefined
  /** The server's own word, for instance `unknown_user_id` or `UDAPI100069`. */
  readonly error: string | undefined
  /** How long the server wants us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(code: Code, message: string, facts: Facts = {}) {
    super(message, facts)
    this.code = code
    this.status = facts.status
    this.error = facts.error
    this.retryAfterMs = facts.retryAfterMs
  }
}

export function fail(code: Code, message: string, facts?: Facts): never {
  throw new CountersignError(code, message, facts)
}
