import { hash } from 'node:crypto'
import { type Clock, SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { Log } from '#base/log.ts'
import type { Vault } from '#base/seal.ts'

import { type AccountMessage, type Channel, ChannelFailed, type Message } from '#notices/channel.ts'
import { receiptOf } from '#notices/receipt.ts'

import { CallFailed, type Outbound } from '#outbound/dial.ts'
import { meaningOfPushAnswer } from './answers.ts'
import { encryptPush } from './encrypt.ts'
import { CHANNEL, keysOf, requirePushHost } from './subscriptions.ts'
import { accountTextsOf, textsOf } from './texts.ts'
import type { Vapid } from './vapid.ts'

export interface PushContext {
  now: Clock
  vault: Vault
  log: Log
  outbound: Outbound
  site: { origin: string }
  vapid: Vapid
  /** Hosts of push services that may be called. */
  hosts: readonly string[]
}

/** From connecting to the end of the answer. */
const DEADLINE_MS = 10 * SECOND

/** Tells a browser, also while no page is open, by the push service of its maker (RFC 8030). */
export function createPushChannel(context: PushContext): Channel {
  const { now, vault, log, outbound, vapid, hosts } = context
  return {
    name: CHANNEL,
    deadlineMs: DEADLINE_MS,
    send: (message, signal) => {
      const topic = `topic\0${message.requestId}`
      return push(message, topic, payloadOf(message, context), signal)
    },
    sendAccount: (message, signal) =>
      push(message, `account\0${message.about}`, accountPayloadOf(message, context), signal),
  }

  async function push(
    message: Pick<Message, 'address' | 'contact' | 'expiresAt'>,
    topic: string,
    payload: string,
    signal: AbortSignal,
  ) {
    const url = checked(message.address, context)
    const headers = {
      authorization: vapid.authorization(url),
      'content-encoding': 'aes128gcm',
      'content-type': 'application/notification+json',
      // A message that was not fetched by then is worth nothing (RFC 8030 §5.2).
      ttl: String(Math.max(1, Math.floor((message.expiresAt - now()) / SECOND))),
      urgency: 'high',
      // What is newer of a request takes the place of what was not fetched yet (§5.4).
      topic: hash('sha256', topic, 'base64url').slice(0, 32),
    }
    const body = encryptPush(keysOf(vault, message.contact), payload)
    const answer = await outbound.post(url.href, headers, body, signal).catch((fault) => {
      if (fault instanceof CallFailed && fault.kind === 'forbidden_address')
        throw new ChannelFailed('forbidden_address', 'The push endpoint is not on the public Internet.')
      throw fault
    })

    const retryAfter = answer.headers['retry-after']
    const meaning = meaningOfPushAnswer(answer.status, [retryAfter].flat()[0], now())
    if (meaning.isTaken) return {}
    const { kind, advice, isGone = false, retryAfterMs } = meaning
    if (advice) log.warn('A push service does not take our messages.', { kind, host: url.host, advice })
    throw new ChannelFailed(kind, `The push service did not take the message: ${kind}.`, {
      retryAfterMs,
      isGone,
    })
  }

  function checked(endpoint: string, { outbound }: PushContext): URL {
    try {
      return requirePushHost(endpoint, outbound.policy, hosts)
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause
      throw new ChannelFailed('host_refused', 'The push endpoint is of no push service we know.', { cause })
    }
  }
}

/**
 * One form for all: Declarative Web Push, which Safari shows by itself, and which other browsers hand to our service
 * worker. It names who asks and nothing more, since a lock screen is for anybody to read.
 */
function payloadOf(message: Message, { vault, site }: PushContext): string {
  const { lang, title, body } = textsOf(message, message.language)
  const isNews = message.about !== 'waiting'
  return JSON.stringify({
    web_push: 8030,
    notification: {
      title,
      body,
      lang,
      navigate: `${site.origin}/r/${message.requestId}`,
      tag: message.requestId,
      silent: isNews,
      data: { receipt: receiptOf(vault, message.noticeId) },
    },
  })
}

/** The same form for news of the account; there is nothing to report back of it. */
function accountPayloadOf({ contact, about, at }: AccountMessage, { site }: PushContext): string {
  const { lang, title, body } = accountTextsOf(about, at, contact.language)
  return JSON.stringify({
    web_push: 8030,
    notification: {
      title,
      body,
      lang,
      navigate: `${site.origin}/security`,
      tag: about,
      silent: false,
      data: {},
    },
  })
}
