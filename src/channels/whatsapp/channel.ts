import { Agent, request } from 'undici'
import { SECOND } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Vault } from '#base/seal.ts'
import { type AccountMessage, type Channel, ChannelFailed, type Message } from '#notices/channel.ts'
import { meaningOfAnswer, TEMPLATE_MISSING } from './errors.ts'
import { rejectPayload } from './payload.ts'

export interface WhatsappSettings {
  /** Base address, for instance `https://graph.facebook.com`. */
  apiUrl: string
  /** For instance `v23.0`. */
  apiVersion: string
  /** Meta's id of the number that messages come from. */
  phoneNumberId: string
  accessToken: string
  appSecret: string
  verifyToken: string
  templateName: string
  templateLanguage: string
  /** Template for news of the account; undefined where none is approved. */
  accountTemplateName?: string | undefined
}

interface WhatsappContext {
  vault: Vault
  log: Log
}

/** From connecting to the end of the answer. */
const DEADLINE_MS = 10 * SECOND
const LARGEST_ANSWER = 64 * 1024
/** Template messages are approved for each language alone. */
const FALLBACK_LANGUAGE = 'en'

/**
 * Tells by WhatsApp Business Cloud API: one approved template, with a Reject button and a link to the page. The
 * operator names the address of the API, so it is dialled without the guard that addresses of strangers need.
 */
export function createWhatsappChannel(settings: WhatsappSettings, { vault, log }: WhatsappContext): Channel {
  const agent = new Agent({ maxResponseSize: LARGEST_ANSWER, allowH2: false })
  const { apiUrl, apiVersion, phoneNumberId, accessToken, templateLanguage } = settings
  const url = `${apiUrl.replace(/\/+$/, '')}/${apiVersion}/${phoneNumberId}/messages`

  const post = async (body: object, signal: AbortSignal) => {
    const answer = await request(url, {
      method: 'POST',
      dispatcher: agent,
      headers: { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal,
    })
    return readAnswer(answer.statusCode, await answer.body.text())
  }

  return {
    name: 'whatsapp',
    deadlineMs: DEADLINE_MS,
    async send(message, signal) {
      const inLanguage = (language: string) =>
        templateMessage(message, settings.templateName, language, vault)
      let answer = await post(inLanguage(templateLanguage), signal)
      if (answer.code === TEMPLATE_MISSING && templateLanguage !== FALLBACK_LANGUAGE) {
        const advice = `The template is not approved in ${templateLanguage}; ${FALLBACK_LANGUAGE} is used instead.`
        log.warn('A WhatsApp message was not taken in its language.', { notice: message.noticeId, advice })
        answer = await post(inLanguage(FALLBACK_LANGUAGE), signal)
      }
      if (answer.externalId !== undefined) return { externalId: answer.externalId }
      throw refused(answer)
    },
    async sendAccount(message, signal) {
      const { accountTemplateName: name } = settings
      if (!name) {
        const advice =
          'Have a template for news of the account approved and set COUNTERSIGN_WHATSAPP_ACCOUNT_TEMPLATE.'
        log.warn('News of an account cannot be told by WhatsApp.', { notice: message.noticeId, advice })
        throw new ChannelFailed('account_template_missing', 'No template for news of the account is set.')
      }
      const answer = await post(accountMessage(message, name, templateLanguage), signal)
      if (answer.externalId === undefined) throw refused(answer)
    },
  }

  function refused(answer: SendAnswer): ChannelFailed {
    const { kind, retryAfterMs, advice } = meaningOfAnswer(answer.code, answer.status)
    // Meta's own sentence stays out of the log: for a malformed access token it quotes the token.
    if (advice)
      log.warn('WhatsApp does not take our messages.', {
        kind,
        code: answer.code,
        status: answer.status,
        advice,
      })
    return new ChannelFailed(kind, `WhatsApp did not take the message: ${kind}.`, {
      retryAfterMs,
      isGone: kind === 'undeliverable',
    })
  }
}

/** The template has two variables in its body: what happens, and when. */
function accountMessage({ noticeId, address, about, at }: AccountMessage, name: string, language: string) {
  const day = `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
  return {
    messaging_product: 'whatsapp',
    recipient_type: 'individual',
    to: address,
    type: 'template',
    biz_opaque_callback_data: noticeId,
    template: {
      name,
      language: { code: language },
      components: [
        { type: 'body', parameters: [ACCOUNT_NEWS[about], day].map((text) => ({ type: 'text', text })) },
      ],
    },
  }
}

const ACCOUNT_NEWS: Record<AccountMessage['about'], string> = {
  new_passkey_link: 'The operator has made a link that replaces your passkeys',
}

/** The template has two variables in its body (app, reference), a quick reply (Reject) and a URL button (Review). */
function templateMessage(message: Message, name: string, language: string, vault: Vault) {
  const text = (text: string) => ({ type: 'text', text })
  return {
    messaging_product: 'whatsapp',
    recipient_type: 'individual',
    to: message.address,
    type: 'template',
    biz_opaque_callback_data: message.noticeId,
    template: {
      name,
      language: { code: language },
      components: [
        {
          type: 'body',
          parameters: [text(parameterText(message.clientName)), text(referenceOf(message.requestId))],
        },
        {
          type: 'button',
          sub_type: 'quick_reply',
          index: '0',
          parameters: [{ type: 'payload', payload: rejectPayload(vault, message.noticeId) }],
        },
        { type: 'button', sub_type: 'url', index: '1', parameters: [text(`r/${message.requestId}`)] },
      ],
    },
  }
}

/** By which a user tells two messages apart. */
const referenceOf = (requestId: string) => requestId.slice(-6).toUpperCase()

/** A parameter is one line without runs of spaces, and not empty. What could reorder or hide text is dropped. */
function parameterText(text: string): string {
  const line = [...text.replace(/\s+/g, ' ').replace(/\p{C}/gu, '').trim()]
  if (line.length === 0) return 'An app'
  return line.length <= LONGEST_PARAMETER
    ? line.join('')
    : `${line
        .slice(0, LONGEST_PARAMETER - 1)
        .join('')
        .trimEnd()}…`
}

const LONGEST_PARAMETER = 60

interface SendAnswer {
  status: number
  externalId: string | undefined
  code: number | undefined
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
