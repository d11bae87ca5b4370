import { CountersignError, fail } from './errors.ts'
import { type Answer, type Call, call, type Fetch, secureUrl } from './http.ts'
import { badDelivery, type Incoming, readJson } from './incoming.ts'
import { type WaitOptions, waitFor } from './wait.ts'
import { verifyWebhook } from './webhook.ts'

export interface AppOptions {
  /** Address of the server. */
  origin: string
  clientId: string
  clientSecret: string
  /** `whsec_…`, `whpk_…`: by which deliveries are signed; two while one is changed. */
  webhookKeys: readonly string[]
  fetch?: Fetch | undefined
}

/** An ask that waits: plain data. */
export interface AppAsked {
  requestId: string
  /** Epoch milliseconds. */
  expiresAt: number
  /** Where the token will be delivered. */
  notifierUrl: string
}

/** `id` is the same each time that a delivery comes. */
export type Delivery =
  | {
      kind: 'token'
      id: string
      requestId: string
      userId: string
      accessToken: string
      /** Epoch milliseconds. */
      expiresAt: number
      issuedAt: number
    }
  /** The server asks whether the endpoint is there; answer with the challenge as text. */
  | { kind: 'check'; id: string; challenge: string }
  /** A sample, by “Send a test”. */
  | { kind: 'test'; id: string }
  /** Encrypted to your own key: a compact JWE, whose text is a delivery. */
  | { kind: 'encrypted'; id: string; jwe: string }

export type App = ReturnType<typeof createApp>

/** Between two looks, where the server does not hold them. */
const INTERVAL_MS = 2_000

/** An app of one user: Upstox's Access Token Request, and its notifier webhook. */
export function createApp({ origin, clientId, clientSecret, webhookKeys, ...options }: AppOptions) {
  const fetch: Fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init))
  const base = secureUrl(origin, 'origin').replace(/\/$/, '')
  const authorization = `Basic ${btoa(`${clientId}:${clientSecret}`)}`
  const request = (id: string, { headers, ...init }: Call = {}) =>
    call(fetch, `${base}/v1/requests/${encodeURIComponent(id)}`, {
      ...init,
      headers: { authorization, ...headers },
    })

  return {
    /**
     * Asks the user of this app for a token. A repeat while one waits is the same ask, and rings no phone again.
     *
     * @throws CountersignError `refused` (with `error`, for instance `UDAPI100069`), `unreachable`, `bad_answer`
     */
    async ask({ reason, signal }: { reason?: string; signal?: AbortSignal } = {}): Promise<AppAsked> {
      const url = `${base}/v3/login/auth/token/request/${encodeURIComponent(clientId)}`
      const answer = await call(fetch, url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ client_secret: clientSecret, reason }),
        signal,
      })
      const { data } = accepted(answer, 200).body as { data?: Record<string, string> }
      const expiresAt = Number(data?.authorization_expiry)
      if (!expiresAt) fail('bad_answer', 'The answer holds no authorization_expiry.')
      const requestId = answer.location.replace('/v1/requests/', '')
      return { requestId, expiresAt, notifierUrl: String(data?.notifier_url) }
    },

    /** Waits until the user has approved; the token itself comes to the notifier endpoint, to `receive`. */
    wait: ({ requestId, expiresAt }: AppAsked, options: WaitOptions = {}): Promise<void> =>
      waitFor<void>(
        async (headers, signal) => {
          const answer = await request(requestId, { headers, signal })
          if (answer.status === 429) return answer
          const { status } = accepted(answer, 200).body
          if (status === 'approved') return [undefined]
          if (status === 'pending') return answer
          return fail(status === 'expired' ? 'expired' : 'rejected', `The request is ${status}.`)
        },
        { expiresAt, intervalMs: INTERVAL_MS },
        options,
      ),

    /** Takes an ask back: it vanishes from the user's phone. */
    async withdraw({ requestId }: Pick<AppAsked, 'requestId'>): Promise<void> {
      accepted(await request(requestId, { method: 'DELETE' }), 204)
    },

    /**
     * Judges what was POSTed to the notifier endpoint. Answer 2xx when it is good (a check with its challenge); when it
     * throws `bad_delivery`, its `status`.
     *
     * @param rule how old a message may be, or ahead; 300,000 ms if not said
     * @throws CountersignError `bad_delivery`
     */
    async receive(incoming: Incoming, rule: { toleranceMs?: number } = {}): Promise<Delivery> {
      const message = await verifyWebhook(incoming, webhookKeys, rule)
      const { id } = message
      if (message.header('content-type').startsWith('application/jose')) {
        return { kind: 'encrypted', id, jwe: message.text }
      }
      const body = readJson(message) as Record<string, string>
      if (body.client_id !== clientId) return badDelivery('of another app', 400)
      const {
        message_type: kind,
        challenge = '',
        user_id: userId = '',
        access_token: accessToken = '',
      } = body
      if (kind === 'check' && challenge) return { kind, id, challenge }
      if (kind === 'test') return { kind, id }
      if (kind !== 'access_token' || !accessToken) return badDelivery('of an unknown message_type', 400)
      return {
        kind: 'token',
        id,
        requestId: message.header('countersign-request'),
        userId,
        accessToken,
        expiresAt: Number(body.expires_at),
        issuedAt: Number(body.issued_at),
      }
    },
  }
}

/** What is refused is told in Upstox's envelope, or as a problem (RFC 9457). */
function accepted(answer: Answer, status: number): Answer {
  if (answer.status === status) return answer
  const { errors, code, detail } = answer.body as { errors?: Told[]; code?: string; detail?: string }
  const { errorCode = code, message = detail ?? `The server answered ${answer.status}.` } = errors?.[0] ?? {}
  throw new CountersignError('refused', message, { status: answer.status, error: errorCode })
}

interface Told {
  errorCode?: string
  message?: string
}
