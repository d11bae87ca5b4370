import { CountersignError, fail } from './errors.ts'

/** A server that goes silent is given up after this; a held poll is answered long before. */
const LONGEST_CALL_MS = 90_000

export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export interface Call {
  method?: string
  headers?: Record<string, string>
  body?: string
  signal?: AbortSignal | undefined
}

export interface Answer {
  status: number
  body: Record<string, unknown>
  location: string
  /** When the call was sent, in epoch milliseconds. */
  sentAt: number
  retryAfterMs: number
}

/** Calls a server and reads its JSON. @throws CountersignError `unreachable`, `bad_answer`; the signal's reason */
export async function call(fetch: Fetch, url: string, { signal, ...init }: Call = {}): Promise<Answer> {
  const sentAt = Date.now()
  try {
    const answer = await fetch(url, {
      ...init,
      // What is a secret here goes to this address and to no other.
      redirect: 'manual',
      signal: eitherOf(signal, LONGEST_CALL_MS),
    })
    const { status, headers } = answer
    // Seconds; a date, which may stand there too, is let be: the interval holds all the same.
    const retryAfterMs = Number(headers.get('retry-after')) * 1_000 || 0
    const text = await answer.text()
    const body = text ? parse(text) : {}
    const isFault = status >= 500
    if (isFault || !body) {
      fail(isFault ? 'unreachable' : 'bad_answer', `The server answered ${status}.`, { status, retryAfterMs })
    }
    return { status, body: body ?? {}, location: headers.get('location') ?? '', sentAt, retryAfterMs }
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof CountersignError) throw cause
    return fail('unreachable', `No answer from ${url}.`, { cause })
  }
}

export function eitherOf(signal: AbortSignal | undefined, ms: number): AbortSignal {
  const limit = AbortSignal.timeout(Math.max(0, ms))
  return signal ? AbortSignal.any([signal, limit]) : limit
}

/** A JSON object; undefined if it is none. */
export function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** An address that a secret may be sent to: https, or this very machine. @throws CountersignError `misuse` */
export function secureUrl(text: unknown, what: string): string {
  const isSecure =
    typeof text === 'string' &&
    /^(https:\/\/|http:\/\/([\w.-]+\.)?(localhost|127\.0\.0\.1|\[::1\])(:\d+)?(\/|$))/.test(text)
  return isSecure ? text : fail('misuse', `${what} must be an https:// address.`)
}
