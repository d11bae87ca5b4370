import { createSecretKey } from 'node:crypto'
import { Agent, request } from 'undici'
import { type Clock, SECOND } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Vault } from '#base/seal.ts'
import { signedHeaders } from '#deliveries/sign.ts'
import { type Channel, ChannelFailed, type Message } from '#notices/channel.ts'
import { receiptOf } from '#notices/receipt.ts'

export interface AppBackendSettings {
  /** Where the operator's own app back end hears of requests. */
  url: string
  /** By which it knows that a call is ours: the bytes behind `whsec_`. */
  secret: Buffer
}

interface HttpContext {
  now: Clock
  vault: Vault
  log: Log
  site: { origin: string }
}

export const CHANNEL = 'http'

/** From connecting to the end of the answer. */
const DEADLINE_MS = 10 * SECOND
const LARGEST_ANSWER = 64 * 1024

/**
 * Tells the operator's own app back end, which then tells the user in whatever way their app has: a POST signed as
 * Standard Webhooks 1.0.0 has it. The operator names its address, so it is dialled without the guard that addresses of
 * strangers need.
 */
export function createHttpChannel({ url, secret }: AppBackendSettings, context: HttpContext): Channel {
  const { now, log } = context
  const agent = new Agent({ maxResponseSize: LARGEST_ANSWER, allowH2: false })
  const key = createSecretKey(secret)

  async function post(noticeId: string, event: object, signal: AbortSignal) {
    const body = Buffer.from(JSON.stringify({ ...event, timestamp: new Date(now()).toISOString() }))
    const answer = await request(url, {
      method: 'POST',
      dispatcher: agent,
      headers: { 'content-type': 'application/json', ...signedHeaders(noticeId, now(), body, [key]) },
      body,
      signal,
    })
    await answer.body.dump()
    const { statusCode: status } = answer
    if (status >= 200 && status < 300) return {}
    // The back end says that it has no such user.
    if (status === 410)
      throw new ChannelFailed('gone', 'The app back end does not know this user.', { isGone: true })
    if (status === 429 || status >= 500) {
      const wait = Number(answer.headers['retry-after'])
      throw new ChannelFailed('unavailable', `The app back end answered ${status}.`, {
        retryAfterMs: Number.isFinite(wait) ? wait * SECOND : 0,
      })
    }
    const advice = 'Check COUNTERSIGN_APP_BACKEND_URL and COUNTERSIGN_APP_BACKEND_SECRET on both sides.'
    log.warn('The app back end does not take our messages.', { status, advice })
    throw new ChannelFailed('not_accepted', `The app back end answered ${status}.`)
  }

  return {
    name: CHANNEL,
    deadlineMs: DEADLINE_MS,
    send: (message, signal) => post(message.noticeId, eventOf(message, context), signal),
    sendAccount: ({ noticeId, about, contact, at }, signal) =>
      post(noticeId, { type: `account.${about}`, data: { user_id: contact.userId, at } }, signal),
  }
}

/** Type, time and data, as Standard Webhooks asks. It holds no reason and no scope: the app reads those by its user's session. */
function eventOf(message: Message, { vault, site }: HttpContext) {
  const { noticeId, requestId, about, contact, clientName, language, expiresAt } = message
  return {
    type: `request.${about}`,
    data: {
      user_id: contact.userId,
      request_id: requestId,
      client: { name: clientName },
      language,
      expires_at: expiresAt,
      review_url: `${site.origin}/r/${requestId}`,
      receipt: receiptOf(vault, noticeId),
    },
  }
}
