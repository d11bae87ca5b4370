import { Agent, request } from 'undici'
import { type Clock, MINUTE, steadyClock } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import { ChannelFailed } from '#notices/channel.ts'
import type { WhatsappSettings } from './channel.ts'
import { meaningOfAnswer } from './errors.ts'
import type { Pace } from './pace.ts'

/** What Meta said to one message. */
export interface SendAnswer {
  status: number
  /** Meta's id of a message that was taken. */
  externalId: string | undefined
  code: number | undefined
}

/** A message for a number, or for somebody who hides theirs. */
type Body = { to: string } | { recipient: string }

/** The sending half of the Cloud API. */
export interface CloudApi {
  /** @throws ChannelFailed while the channel rests, or where this person got their share */
  post(body: Body, signal: AbortSignal): Promise<SendAnswer>
  /** The failure that a refusing answer stands for; what only the operator can mend is told to the log. */
  failureOf(answer: SendAnswer): ChannelFailed
}

const LARGEST_ANSWER = 64 * 1024
/** What goes wrong with each message is told once in so long. */
const SAY_AGAIN_MS = 10 * MINUTE
/** How long this node leaves Meta alone after an answer that every other message would get as well. */
const REST_MS = 10 * MINUTE

/**
 * Keeps to the pace of the number, which all nodes share, and rests after an answer that all messages would get, which
 * each node learns by itself. The operator names the address of the API, so it is dialled without the guard that addresses
 * of strangers need.
 */
export function createCloudApi(
  { apiUrl, apiVersion, phoneNumberId, accessToken }: WhatsappSettings,
  { log, pace, steady = steadyClock }: { log: Log; pace: Pace; steady?: Clock },
): CloudApi {
  const agent = new Agent({ maxResponseSize: LARGEST_ANSWER, allowH2: false })
  const url = `${apiUrl.replace(/\/+$/, '')}/${apiVersion}/${phoneNumberId}/messages`
  const saidAt = new Map<string, number>()
  let resting: { kind: string; until: number } | undefined

  return {
    async post(body, signal) {
      if (resting && steady() < resting.until)
        throw new ChannelFailed(resting.kind, `WhatsApp rests after: ${resting.kind}.`)
      await pace.turn('to' in body ? body.to : body.recipient, signal)
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
      const { kind, retryAfterMs, advice, stops } = meaningOfAnswer(code, status)
      const at = steady()
      if (stops) resting = { kind, until: at + REST_MS }
      if (advice && at - (saidAt.get(kind) ?? Number.NEGATIVE_INFINITY) >= SAY_AGAIN_MS) {
        saidAt.set(kind, at)
        // Meta's own sentence stays out of the log: for a malformed access token it quotes the token.
        const saying = { kind, code, status, advice }
        if (stops) log.error('WhatsApp rests for 10 minutes; other channels go on.', undefined, saying)
        else log.warn('WhatsApp does not take our messages.', saying)
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
