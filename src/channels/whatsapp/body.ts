import type { Vault } from '#base/seal.ts'
import type { Message } from '#notices/channel.ts'
import { rejectPayload } from './payload.ts'

/**
 * Whom a message is for: a phone number, or Meta's id of somebody who hides theirs
 * (https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids/).
 */
const recipient = (address: string) => (/^\d/.test(address) ? { to: address } : { recipient: address })

/** Free words, which go only while the window is open: 24 hours from when the user last wrote. */
export const textMessage = (address: string, body: string, callbackData?: string) => ({
  messaging_product: 'whatsapp',
  recipient_type: 'individual',
  ...recipient(address),
  type: 'text',
  ...(callbackData !== undefined && { biz_opaque_callback_data: callbackData }),
  text: { preview_url: false, body },
})

/** The template has two variables in its body (app, reference), a quick reply (Reject) and a URL button (Review). */
export const requestTemplate = (message: Message, name: string, language: string, vault: Vault) => ({
  messaging_product: 'whatsapp',
  recipient_type: 'individual',
  ...recipient(message.address),
  type: 'template',
  biz_opaque_callback_data: message.noticeId,
  template: {
    name,
    language: { code: language },
    components: [
      {
        type: 'body',
        parameters: [
          textParameter(shownName(message.clientName)),
          textParameter(referenceOf(message.requestId)),
        ],
      },
      {
        type: 'button',
        sub_type: 'quick_reply',
        index: '0',
        parameters: [{ type: 'payload', payload: rejectPayload(vault, message.noticeId) }],
      },
      { type: 'button', sub_type: 'url', index: '1', parameters: [textParameter(`r/${message.requestId}`)] },
    ],
  },
})

interface News {
  noticeId: string
  address: string
  /** What happens, in one line. */
  what: string
  /** Epoch milliseconds. */
  at: number
}

/** The template has two variables in its body: what happens, and when. */
export const newsTemplate = ({ noticeId, address, what, at }: News, name: string, language: string) => ({
  messaging_product: 'whatsapp',
  recipient_type: 'individual',
  ...recipient(address),
  type: 'template',
  biz_opaque_callback_data: noticeId,
  template: {
    name,
    language: { code: language },
    components: [{ type: 'body', parameters: [textParameter(what), textParameter(instant(at))] }],
  },
})

const textParameter = (text: string) => ({ type: 'text', text })

export const instant = (at: number) => `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`

/** By which a user tells two messages apart. */
export const referenceOf = (requestId: string) => requestId.slice(-6).toUpperCase()

/** A parameter is one line without runs of spaces, and not empty. What could reorder or hide text is dropped. */
export function shownName(text: string): string {
  const line = [...text.replace(/\s+/g, ' ').replace(/\p{C}/gu, '').trim()]
  if (line.length === 0) return 'An app'
  return line.length <= LONGEST_NAME
    ? line.join('')
    : `${line
        .slice(0, LONGEST_NAME - 1)
        .join('')
        .trimEnd()}…`
}

const LONGEST_NAME = 60
