import { createHash, createHmac } from 'node:crypto'
import type { SentMessage } from './api.ts'

export type MessageStatus = 'sent' | 'delivered' | 'read' | 'failed'

export interface TapOptions {
  /** What is written on the button. */
  button: string
  /** Number of whoever taps; that of the message's recipient if not given. */
  from?: string | undefined
  /** The user hides their number: Meta's id of them is all that comes. */
  bsuidOnly?: boolean | undefined
  /** Meta's id of the user; one made from the number if not given. */
  userId?: string | undefined
  /** Id of the message that the button is on; null leaves the context out. */
  contextId?: string | null | undefined
  payload?: string | undefined
  /** How the tap is told: as of a template's button, or of an interactive message's. */
  form?: 'button' | 'interactive' | undefined
  /** Id of the tap itself. */
  id?: string | undefined
  /** Epoch milliseconds; now, if not given. */
  at?: number | undefined
}

interface WebhookOptions {
  appSecret: string
  verifyToken: string
  phoneNumberId: string
}

/** The telling half of the Cloud API: what Meta posts to the webhook of an app, and how it signs it. */
export function createWebhook({ appSecret, verifyToken, phoneNumberId }: WebhookOptions) {
  const sign = (body: string) => `sha256=${createHmac('sha256', appSecret).update(body).digest('hex')}`
  return {
    sign,

    /** One body with a change for each value. */
    body: (...values: object[]) =>
      JSON.stringify({
        object: 'whatsapp_business_account',
        entry: values.map((value) => ({
          id: '102290129340398',
          changes: [{ field: 'messages', value: { ...envelope(phoneNumberId), ...value } }],
        })),
      }),

    /** @returns the status of the answer; an answer other than 200 is one that Meta would repeat */
    async post(url: string, body: string, signature: string | null = sign(body)): Promise<number> {
      const headers = {
        'content-type': 'application/json',
        ...(signature && { 'x-hub-signature-256': signature }),
      }
      const answer = await fetch(url, { method: 'POST', headers, body, redirect: 'manual' })
      await answer.arrayBuffer()
      return answer.status
    },

    /** Meta's call by which it makes sure that the address is the app's. */
    async verify(url: string, token: string | null = verifyToken) {
      const challenge = String(1_000_000_000 + Math.floor(Math.random() * 1_000_000_000))
      const query = new URLSearchParams({ 'hub.mode': 'subscribe', 'hub.challenge': challenge })
      if (token !== null) query.set('hub.verify_token', token)
      const answer = await fetch(`${url}?${query}`, { redirect: 'manual' })
      return { status: answer.status, isEchoed: (await answer.text()) === challenge }
    },
  }
}

export function tapValue(message: SentMessage, options: TapOptions) {
  const button = message.buttons.find(({ kind, text }) => kind === 'quick_reply' && text === options.button)
  if (button?.kind !== 'quick_reply') throw new Error(`The message has no button ${options.button}.`)
  const phone = options.from ?? message.to
  const userId = options.userId ?? scopedIdOf(phone)
  const payload = options.payload ?? button.payload
  const contextId = options.contextId === undefined ? message.id : options.contextId
  return {
    contacts: [
      { profile: { name: 'Asha 🪷' }, ...(options.bsuidOnly ? {} : { wa_id: phone }), user_id: userId },
    ],
    messages: [
      {
        ...(contextId !== null && { context: { from: DISPLAY_NUMBER, id: contextId } }),
        ...(options.bsuidOnly ? {} : { from: phone }),
        from_user_id: userId,
        id: options.id ?? newTapId(),
        timestamp: String(Math.floor((options.at ?? Date.now()) / 1_000)),
        ...(options.form === 'interactive'
          ? {
              type: 'interactive',
              interactive: { type: 'button_reply', button_reply: { id: payload, title: button.text } },
            }
          : { type: 'button', button: { payload, text: button.text } }),
      },
    ],
  }
}

interface WrittenOptions {
  /** The user hides their number: Meta's id of them is all that comes. */
  bsuidOnly?: boolean | undefined
  /** Id of the message itself. */
  id?: string | undefined
  /** Epoch milliseconds; now, if not given. */
  at?: number | undefined
}

/** A user writes. */
export function textValue(from: string, text: string, { bsuidOnly, id, at }: WrittenOptions = {}) {
  const userId = scopedIdOf(from)
  return {
    contacts: [{ profile: { name: 'Asha 🪷' }, ...(bsuidOnly ? {} : { wa_id: from }), user_id: userId }],
    messages: [
      {
        ...(bsuidOnly ? {} : { from }),
        from_user_id: userId,
        id: id ?? newTapId(),
        timestamp: String(Math.floor((at ?? Date.now()) / 1_000)),
        type: 'text',
        text: { body: text },
      },
    ],
  }
}

export function statusValue(message: SentMessage, status: MessageStatus, errorCode?: number) {
  return {
    statuses: [
      {
        id: message.id,
        status,
        timestamp: String(Math.floor(Date.now() / 1_000)),
        recipient_id: message.to,
        ...(message.callbackData !== undefined && { biz_opaque_callback_data: message.callbackData }),
        ...(status === 'failed'
          ? {
              errors: [
                {
                  code: errorCode ?? 131000,
                  title: 'Something went wrong',
                  error_data: { details: 'Made to fail.' },
                },
              ],
            }
          : { pricing: { billable: true, pricing_model: 'PMP', category: 'utility' } }),
      },
    ],
  }
}

/** Meta's id of a user towards one business; the same for the same number. */
export const scopedIdOf = (phone: string) =>
  `IN.${BigInt(`0x${createHash('sha256').update(phone).digest('hex').slice(0, 14)}`)}`

export const newTapId = () =>
  `wamid.${Buffer.from(crypto.getRandomValues(new Uint8Array(36))).toString('base64')}`

const DISPLAY_NUMBER = '15550783881'

const envelope = (phoneNumberId: string) => ({
  messaging_product: 'whatsapp',
  metadata: { display_phone_number: DISPLAY_NUMBER, phone_number_id: phoneNumberId },
})
