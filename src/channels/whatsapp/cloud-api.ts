import { Agent, request } from 'undici'
import { type Clock, MINUTE, steadyClock } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import { ChannelFailed } from '#notices/channel.ts'
import type { WhatsappSettings } from './channel.ts'
import { meaningOfAnswer } from './errors.ts'

/** What Meta said to one message. */
export interface SendAnswer {
  status: number
  /** Meta's id of a message that was taken. */
  externalId: string | undefined
  code: number | undefined
}

/** The sending half of the Cloud API. */
export interface CloudApi {
  post(body: object, signal: AbortSignal): Promise<SendAnswer>
  /** The failure that a refusing answer stands for; what only the operator can mend is told to the log. */
  failureOf(answer: SendAnswer): ChannelFailed
}

const LARGEST_ANSWER = 64 * 1024
/** What goes wrong with each message is told once in so long. */
const SAY_AGAIN_MS = 10 * MINUTE

/** The operator names the address of the API, so it is dialled without the guard that addresses of strangers need. */
export function createCloudApi(
  { apiUrl, apiVersion, phoneNumberId, accessToken }: WhatsappSettings,
  { log, steady = steadyClock }: { log: Log; steady?: Clock },
): CloudApi {
  const agent = new Agent({ maxResponseSize: LARGEST_ANSWER, allowH2: false })
  const url = `${apiUrl.replace(/\/+$/, '')}/${apiVersion}/${phoneNumberId}/messages`
  const saidAt = new Map<string, number>()

  return {
    async post(body, signal) {
      const answer = await request(url, {
        method: 'POST',
        dispatcher: agent,
        headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal,
      })
      return readAnswer(answer.statusCode, await answer.body.text())
    },
    failureOf({ code, status }) {
      const { kind, retryAfterMs, advice } = meaningOfAnswer(code, status)
      const at = steady()
      if (advice && at - (saidAt.get(kind) ?? Number.NEGATIVE_INFINITY) >= SAY_AGAIN_MS) {
        saidAt.set(kind, at)
        // Meta's own sentence stays out of the log: for a malformed access token it quotes the token.
        log.warn('WhatsApp does not take our messages.', { kind, code, status, advice })
      }
      return new ChannelFailed(kind, `WhatsApp did not take the message: ${kind}.`, {
        retryAfterMs,
        isGone: kind === 'undeliverable',
      })
    },
  }
}

/** `{"messages":[{"id"}]}` or `{"error":{"code"}}`; anything else is an answer of somebody who is not Meta. */
function readAnswer(status: number, text: string): SendAnswer {
  let body: { messages?: [{ id?: unknown }?]; error?: { code?: unknown } } | null
  try {
    body = JSON.parse(text)
  } catch {
    return { status, externalId: undefined, code: undefined }
  }
  const id = status === 200 ? body?.messages?.[0]?.id : undefined
  const code = body?.error?.code
  return {
    status,
    externalId: typeof id === 'string' && id !== '' && id.length <= LONGEST_ID ? id : undefined,
    code: typeof code === 'number' ? code : undefined,
  }
}

const LONGEST_ID = 128
