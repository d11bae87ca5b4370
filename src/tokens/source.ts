import { type Clock, SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { Outbound } from '#outbound/dial.ts'
import { CallFailed } from '#outbound/failures.ts'
import type { Confirmation, Grant, Sourced } from './issue.ts'

/** The operator's own issuer, in the place of ours. */
export interface TokenSource {
  /**
   * Has it make a token. Asked twice for the same one, it is to give the same: the idempotency key says so.
   *
   * @param round 0 for the first token of an approval, one more for each refresh
   * @throws SourceFailed
   */
  fetch(grant: Grant, cnf: Confirmation | undefined, round?: number): Promise<Sourced>
}

/** There is no token now. */
export class SourceFailed extends Refusal {
  /** It said no: to ask again would not help. */
  readonly isFinal: boolean

  constructor(isFinal: boolean, options: ErrorOptions = {}) {
    super('token_source_failed', { ...options, facts: isFinal ? {} : { retry_after: 5 } })
    this.isFinal = isFinal
  }
}

interface SourceOptions {
  url: string
  /** Headers by which it knows that a POST is ours (Standard Webhooks 1.0.0). */
  sign: (id: string, now: number, body: Uint8Array) => Record<string, string>
  outbound: Outbound
  now: Clock
  audience: () => string
  /** Longest wait for one attempt, in milliseconds. */
  timeoutMs: number
}

/** Waits before the second and the third try of a call, in milliseconds. */
const PAUSES_MS = [250, 1_000]
const LONGEST_TOKEN = 16_384

export function createTokenSource({
  url,
  sign,
  outbound,
  now,
  audience,
  timeoutMs,
}: SourceOptions): TokenSource {
  /** Of many who come for the same token at the same moment one asks. */
  const underWay = new Map<string, Promise<Sourced>>()

  async function ask(id: string, grant: Grant, cnf: Confirmation | undefined): Promise<Sourced> {
    const body = Buffer.from(JSON.stringify(eventOf(id, grant, cnf)))
    for (let tries = 0; ; tries += 1) {
      try {
        return await post(id, body, grant)
      } catch (fault) {
        const pause = PAUSES_MS[tries]
        if (!(fault instanceof SourceFailed) || fault.isFinal || pause === undefined) throw fault
        await new Promise((resolve) => setTimeout(resolve, pause))
      }
    }
  }

  async function post(id: string, body: Buffer, grant: Grant): Promise<Sourced> {
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json',
      'user-agent': 'Countersign',
      'idempotency-key': id,
      ...sign(id, now(), body),
    }
    const answer = await outbound.post(url, headers, body, AbortSignal.timeout(timeoutMs)).catch((cause) => {
      if (cause instanceof CallFailed) throw new SourceFailed(false, { cause })
      if (cause instanceof Refusal) throw new SourceFailed(true, { cause })
      throw cause
    })
    const { status } = answer
    if (status === 200 || status === 201) return read(answer.body, grant, now())
    throw new SourceFailed(status < 500 && status !== 408 && status !== 429, {
      cause: new Error(`The token source answered ${status}.`),
    })
  }

  const eventOf = (
    id: string,
    { requestId, clientId, userId, claims, ...times }: Grant,
    cnf?: Confirmation,
  ) => ({
    type: 'token.requested',
    timestamp: new Date(times.issuedAt).toISOString(),
    data: {
      id,
      request_id: requestId,
      client_id: clientId,
      sub: userId,
      aud: audience(),
      ...claims,
      ...(cnf ? { cnf } : {}),
      expires_at: Math.floor(times.expiresAt / SECOND),
    },
  })

  return {
    fetch(grant, cnf, round = 0) {
      const id = `${grant.requestId}.${round}`
      const known = underWay.get(id)
      if (known) return known
      const asked = ask(id, grant, cnf).finally(() => underWay.delete(id))
      underWay.set(id, asked)
      return asked
    },
  }
}

/** `{"access_token", "expires_in"}`, as in RFC 6749 §5.1. What ends later than the user was shown ends then for us. */
function read(text: string, { expiresAt }: Grant, now: number): Sourced {
  try {
    const { access_token: token, expires_in: seconds } = JSON.parse(text) as Record<string, unknown>
    const isToken = typeof token === 'string' && token.length <= LONGEST_TOKEN && /^[\x21-\x7E]+$/.test(token)
    const isTime = seconds === undefined || (typeof seconds === 'number' && seconds > 0)
    if (isToken && isTime) {
      const endsAt = seconds === undefined ? expiresAt : now + Math.floor(seconds * SECOND)
      return { text: token, expiresAt: Math.min(expiresAt, endsAt) }
    }
  } catch {}
  throw new SourceFailed(true, { cause: new Error('The token source answered with no token.') })
}
