import { isSame, randomText } from './bytes.ts'
import { CountersignError, fail } from './errors.ts'
import { type Answer, type Call, call, type Fetch, secureUrl } from './http.ts'
import { badDelivery, type Incoming, readJson, readMessage } from './incoming.ts'
import { type Alg, remoteKeys, type SigningKey, signJwt, verifyIdToken } from './jwt.ts'
import { type WaitOptions, waitFor } from './wait.ts'

export interface InitiatorOptions {
  /** Origin of the server; its metadata must name exactly this. */
  issuer: string
  clientId: string
  /** One way to authenticate: a secret, or a key (`private_key_jwt`). Neither: your `fetch` shows a certificate. */
  clientSecret?: string | undefined
  key?: SigningKey | undefined
  /** `post` for `client_secret_post`; `basic` if not said. */
  secretIn?: 'basic' | 'post' | undefined
  /** The client is registered to sign its requests, by `key`. */
  signsRequests?: boolean | undefined
  /** How the client is registered to get its results; `poll` if not said. */
  mode?: 'poll' | 'ping' | 'push' | undefined
  /** What an ID Token may be signed by; ES256 and PS256 if not said. */
  idTokenAlgs?: readonly Alg[] | undefined
  /** For instance `dpopFetch`, or one that shows a client certificate. */
  fetch?: Fetch | undefined
}

/** The parameters of the standard (CIBA Core 1.0 §7.1), in camel case; also those that are not listed here. */
export interface Ask {
  /** Whom to ask; exactly one of these. */
  loginHint?: string
  idTokenHint?: string
  loginHintToken?: string
  /** Contains `openid`, which it is if not said. */
  scope?: string
  /** Shown to the user; show the same where the user is. */
  bindingMessage?: string
  /** Seconds. */
  requestedExpiry?: number
  /** RFC 9396. */
  authorizationDetails?: readonly { type: string; [field: string]: unknown }[]
  [parameter: string]: unknown
}

export interface AskOptions {
  /** The same key makes a retry the same ask. A new one if not said. */
  idempotencyKey?: string | undefined
  signal?: AbortSignal | undefined
}

/** An ask that waits. Plain data, as secret as a token: it may be stored, and waited for by another process. */
export interface Asked {
  authReqId: string
  /** Epoch milliseconds. */
  expiresAt: number
  /** Seconds between two polls. */
  interval: number
  /** What a ping or push must bring. */
  notificationToken?: string | undefined
  /** Six digits to show where the user is, who types them to approve; of an app that is registered so. */
  matchCode?: string | undefined
  /** Countersign's own id of it, for its API and its support. */
  requestId?: string | undefined
}

/** The answer of the server (RFC 6749 §5.1), in camel case. */
export interface Tokens {
  accessToken: string
  /** `Bearer`, or `DPoP`. */
  tokenType: string
  /** Epoch milliseconds; undefined if the server does not say. */
  expiresAt: number | undefined
  /** What was granted, if the server says so. */
  scope?: string
  refreshToken?: string
  idToken?: string
  /** The verified claims of the ID Token; `sub` is who approved. */
  claims: { sub: string; [claim: string]: unknown } | undefined
  [member: string]: unknown
}

export type Notification =
  /** It is decided: `wait` has the result at once. */
  | { kind: 'ping'; asked: Asked }
  | { kind: 'tokens'; asked: Asked; tokens: Tokens }
  | { kind: 'error'; asked: Asked; error: CountersignError }

export type Initiator = ReturnType<typeof createInitiator>

/** A client of OpenID CIBA Core 1.0, of Countersign or of any other server. */
export function createInitiator({
  clientId,
  clientSecret,
  key,
  mode = 'poll',
  ...options
}: InitiatorOptions) {
  const fetch: Fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init))
  const issuer = secureUrl(options.issuer, 'issuer')
  if (clientSecret ? key : options.signsRequests && !key) {
    fail('misuse', 'Give a clientSecret or a key; to sign, a key.')
  }

  let found: Promise<Record<string, unknown>> | undefined
  const metadata = () => {
    found ??= discover(fetch, issuer).catch((fault) => {
      found = undefined
      throw fault
    })
    return found
  }
  const keyOf = remoteKeys(
    async () => (await call(fetch, secureUrl((await metadata()).jwks_uri, 'jwks_uri'))).body,
  )

  /** POSTs a form, authenticated. */
  async function post(endpoint: string, fields: Record<string, unknown>, { headers, signal }: Call = {}) {
    const known = await metadata()
    const byCertificate = clientSecret || key ? undefined : (known.mtls_endpoint_aliases as typeof known)
    const url = secureUrl(byCertificate?.[endpoint] ?? known[endpoint], endpoint)
    const isBasic = clientSecret && options.secretIn !== 'post'
    const all: Record<string, unknown> = {
      ...fields,
      ...(isBasic ? {} : { client_id: clientId, client_secret: clientSecret }),
    }
    if (key) {
      all.client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
      all.client_assertion = await signJwt(key, { iss: clientId, sub: clientId, aud: issuer })
    }
    const form = new URLSearchParams()
    for (const [name, value] of Object.entries(all)) {
      if (value !== undefined) form.set(name, typeof value === 'string' ? value : JSON.stringify(value))
    }
    return call(fetch, url, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        ...(isBasic ? { authorization: basic(clientId, clientSecret) } : {}),
        ...headers,
      },
      body: String(form),
      signal,
    })
  }

  /** @param approved there must be an ID Token, which names who approved; with a push it is bound to the ask */
  async function readTokens(
    { body, sentAt }: Pick<Answer, 'body' | 'sentAt'>,
    approved?: { pushed?: string },
  ): Promise<Tokens> {
    const told = rename(body, /_(\w)/g, (_, letter) => letter.toUpperCase()) as Partial<Tokens>
    const { accessToken, tokenType, refreshToken, idToken, expiresIn } = told
    if (!isText(accessToken) || !isText(tokenType)) return fail('bad_answer', 'There is no access token.')
    if (approved && !idToken) return fail('bad_token', 'There is no ID Token.')
    const push = approved?.pushed ? { authReqId: approved.pushed, refreshToken } : undefined
    const rule = { issuer, clientId, algs: options.idTokenAlgs ?? ALGS, keyOf, accessToken, push }
    const claims = idToken ? await verifyIdToken(String(idToken), rule) : undefined
    const expiresAt = isPositive(expiresIn) ? sentAt + expiresIn * 1_000 : undefined
    return { ...told, accessToken, tokenType, expiresAt, claims }
  }

  return {
    /**
     * Asks a user. The answer comes before anybody is told, so it is quick.
     *
     * @throws CountersignError `refused` (with `error`, for instance `unknown_user_id`), `unreachable`, `bad_answer`, `misuse`
     */
    async ask(ask: Ask, { signal, idempotencyKey = randomText() }: AskOptions = {}): Promise<Asked> {
      if ([ask.loginHint, ask.idTokenHint, ask.loginHintToken].filter(Boolean).length !== 1) {
        fail('misuse', 'Give one login hint.')
      }
      const notificationToken = mode === 'poll' ? undefined : randomText()
      const fields = {
        scope: 'openid',
        client_notification_token: notificationToken,
        ...rename(ask, /[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      }
      const request =
        key && options.signsRequests && (await signJwt(key, { iss: clientId, aud: issuer, ...fields }))
      const answer = await post('backchannel_authentication_endpoint', request ? { request } : fields, {
        headers: { 'idempotency-key': idempotencyKey },
        signal,
      })
      const { auth_req_id: authReqId, expires_in, interval = 5, match_code } = accepted(answer).body
      if (!isText(authReqId) || !isPositive(expires_in) || !isPositive(interval)) {
        return fail('bad_answer', 'This is no answer of CIBA.')
      }
      const requestId = /\/v1\/requests\/(\w+)$/.exec(answer.location)?.[1]
      return {
        authReqId,
        expiresAt: answer.sentAt + expires_in * 1_000,
        interval,
        notificationToken,
        matchCode: isText(match_code) ? match_code : undefined,
        requestId,
      }
    },

    /**
     * Waits for the decision, and fetches the tokens. Nothing is lost if the network goes for a while; after an abort it
     * may be called again with the same ask.
     *
     * @throws CountersignError `rejected`, `expired`, `timeout`, `refused`, `bad_answer`, `bad_token`; the signal's reason
     */
    async wait({ authReqId, expiresAt, interval }: Asked, options: WaitOptions = {}): Promise<Tokens> {
      if (mode === 'push') fail('misuse', 'Tokens are pushed; use receive.')
      const fields = { grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id: authReqId }
      const look = async (
        headers: Record<string, string>,
        signal: AbortSignal,
      ): Promise<[Tokens] | Answer> => {
        const answer = await post('token_endpoint', fields, { headers, signal })
        const isPending = answer.status === 429 || PENDING.includes(String(answer.body.error))
        return isPending ? answer : [await readTokens(accepted(answer), {})]
      }
      return waitFor(look, { expiresAt, intervalMs: interval * 1_000 }, options)
    },

    /**
     * Judges a ping or a push by its bearer and its ID Token; `verifyWebhook` judges its signature too. Answer 204 when it is good; when it throws `bad_delivery`, its `status`. It may come more
     * than once: what you have done for an ask you need not do again.
     *
     * @param find the ask of an `auth_req_id`, or undefined when there is none that waits
     * @throws CountersignError `bad_delivery`, `bad_token`, `bad_answer`
     */
    async receive(
      incoming: Incoming,
      find: (authReqId: string) => Asked | undefined | Promise<Asked | undefined>,
    ): Promise<Notification> {
      const message = await readMessage(incoming)
      const bearer = /^Bearer +(\S+)$/i.exec(message.header('authorization'))?.[1] ?? ''
      const body = readJson(message)
      const authReqId = String(body.auth_req_id)
      const asked = await find(authReqId)
      const isOurs = await isSame(bearer, asked?.notificationToken ?? randomText())
      // Whether the id or the bearer is wrong is for nobody to know.
      if (!asked || !isOurs || asked.authReqId !== authReqId) return badDelivery('of no ask of ours')
      if (mode !== 'push') return { kind: 'ping', asked }
      if (body.error) return { kind: 'error', asked, error: errorOf({ status: 400, body }) }
      const tokens = await readTokens({ body, sentAt: Date.now() }, { pushed: authReqId })
      return { kind: 'tokens', asked, tokens }
    },

    /** New tokens for a refresh token (RFC 6749 §6). Keep the new refresh token, if there is one. */
    refresh: async (refreshToken: string): Promise<Tokens> =>
      readTokens(
        accepted(await post('token_endpoint', { grant_type: 'refresh_token', refresh_token: refreshToken })),
      ),

    /** Ends a token (RFC 7009). */
    async revoke(token: string): Promise<void> {
      accepted(await post('revocation_endpoint', { token }))
    },
  }
}

const ALGS: readonly Alg[] = ['ES256', 'PS256']
const PENDING = ['authorization_pending', 'slow_down']

/** OpenID Connect Discovery 1.0 §4, whose issuer must be the one that was asked (§4.3). */
async function discover(fetch: Fetch, issuer: string): Promise<Record<string, unknown>> {
  const { body } = await call(fetch, `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  return body.issuer === issuer ? body : fail('bad_answer', `The server calls itself ${body.issuer}.`)
}

function accepted(answer: Answer): Answer {
  if (answer.status === 200) return answer
  throw errorOf(answer)
}

/** A 403 is a rule of the server, and no decision of the user. */
const OUTCOMES: Record<string, 'rejected' | 'expired'> = {
  '400 access_denied': 'rejected',
  '400 expired_token': 'expired',
}

function errorOf({ status, body }: Pick<Answer, 'status' | 'body'>): CountersignError {
  const { error, error_description: text } = body
  if (!isText(error)) return new CountersignError('bad_answer', `The server answered ${status}.`, { status })
  const code = OUTCOMES[`${status} ${error}`] ?? 'refused'
  return new CountersignError(code, isText(text) ? text : error, { status, error })
}

/** RFC 6749 §2.3.1: form-encoded first. */
const basic = (...pair: string[]) =>
  `Basic ${btoa(pair.map((each) => String(new URLSearchParams({ '': each })).slice(1)).join(':'))}`

const rename = (members: object, from: RegExp, to: (...found: string[]) => string) =>
  Object.fromEntries(Object.entries(members).map(([name, value]) => [name.replace(from, to), value]))

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isPositive = (value: unknown): value is number => typeof value === 'number' && value > 0
