import { codeIn } from './code.ts'

/** Who wrote, by phone number or by Meta's business-scoped id; either may be missing. */
export interface Sender {
  phone: string | undefined
  scopedId: string | undefined
}

/** Something that a user wrote or tapped. */
interface Spoken {
  /** Meta's id of the message. */
  id: string
  sender: Sender
  /**
   * Meta's hash of the keys of their phone, where the number has the identity check on: another one means another phone,
   * another SIM or a new installation (https://developers.facebook.com/docs/whatsapp/cloud-api/reference/phone-numbers).
   */
  identity: string | undefined
  /** When, epoch milliseconds; undefined if it does not say. */
  at: number | undefined
}

/** What the webhook can bring that matters to us. */
export type WhatsappEvent =
  | ({ type: 'tap'; payload: string; contextId: string | undefined } & Spoken)
  | ({ type: 'link'; code: string; isMove: boolean } & Spoken)
  | ({ type: 'leaving'; why: 'asked to stop' | 'number or phone changed' } & Spoken)
  /** Anything else that a user writes opens the window. */
  | ({ type: 'word' } & Spoken)
  | {
      type: 'status'
      /** Meta's id of the message that we sent. */
      id: string
      status: Status
      noticeId: string | undefined
      errorCode: number | undefined
    }

const STATUSES = ['sent', 'delivered', 'read', 'failed'] as const
export type Status = (typeof STATUSES)[number]

/**
 * Reads a webhook body: entries × changes × messages and statuses, in batches. It is Meta's to add forms at any time, so
 * whatever is not understood is passed over, and never costs the events beside it.
 */
export function readEvents(body: unknown, phoneNumberId: string): WhatsappEvent[] {
  return list(part(body, 'entry'))
    .flatMap((entry) => list(part(entry, 'changes')))
    .map((change) => part(change, 'value'))
    .filter((value) => part(part(value, 'metadata'), 'phone_number_id') === phoneNumberId)
    .flatMap((value) => [
      ...list(part(value, 'statuses')).map(readStatus),
      ...list(part(value, 'messages')).map((message) => readMessage(message, list(part(value, 'contacts')))),
    ])
    .filter((event) => event !== undefined)
}

function readStatus(report: unknown): WhatsappEvent | undefined {
  const id = word(part(report, 'id'))
  const status = STATUSES.find((each) => each === part(report, 'status'))
  if (id === undefined || status === undefined) return undefined
  const [error] = list(part(report, 'errors'))
  const code = part(error, 'code')
  return {
    type: 'status',
    id,
    status,
    noticeId: word(part(report, 'biz_opaque_callback_data')),
    errorCode: typeof code === 'number' ? code : undefined,
  }
}

function readMessage(message: unknown, contacts: unknown[]): WhatsappEvent | undefined {
  const id = word(part(message, 'id'))
  if (id === undefined) return undefined
  const seconds = Number(part(message, 'timestamp'))
  const at = Number.isSafeInteger(seconds) && seconds > 0 ? seconds * 1_000 : undefined
  const contact = contactBeside(message, contacts)
  const identity = word(part(contact, 'identity_key_hash'))
  const spoken = { id, sender: readSender(message, contact), identity, at }

  const payload = payloadOf(message)
  if (payload !== undefined) {
    return { type: 'tap', ...spoken, payload, contextId: word(part(part(message, 'context'), 'id')) }
  }
  if (LEAVING.some((each) => each === part(part(message, 'system'), 'type'))) {
    return { type: 'leaving', ...spoken, why: 'number or phone changed' }
  }
  // What Meta says of a user is not said by the user.
  if (part(message, 'type') === 'system') return undefined
  const text = string(part(part(message, 'text'), 'body'))?.slice(0, LONGEST_TEXT) ?? ''
  if (STOP.test(text)) return { type: 'leaving', ...spoken, why: 'asked to stop' }
  const code = codeIn(text)
  if (code !== undefined) return { type: 'link', ...spoken, code, isMove: MOVE.test(text) }
  const isKnown = spoken.sender.phone !== undefined || spoken.sender.scopedId !== undefined
  return isKnown ? { type: 'word', ...spoken } : undefined
}

/** More than the words that we propose, in any language. */
const LONGEST_TEXT = 500

/** A button of a template answers in one form, a button of an interactive message in another. */
function payloadOf(message: unknown): string | undefined {
  if (part(message, 'type') === 'button') return string(part(part(message, 'button'), 'payload')) ?? ''
  const interactive = part(message, 'interactive')
  if (part(interactive, 'type') !== 'button_reply') return undefined
  return string(part(part(interactive, 'button_reply'), 'id')) ?? ''
}

const readSender = (message: unknown, contact: unknown): Sender => ({
  phone: word(part(message, 'from')),
  scopedId: word(part(message, 'from_user_id')) ?? word(part(contact, 'user_id')),
})

/** A contact belongs to the message that has its number; one alone, without any number, can be of this message only. */
function contactBeside(message: unknown, contacts: unknown[]): unknown {
  const phone = word(part(message, 'from'))
  return contacts.find(
    (each) => part(each, 'wa_id') === phone && (phone !== undefined || contacts.length === 1),
  )
}

/** A user who wants no more messages is let go at once, as WhatsApp's policy has it. */
const STOP = /^\s*(stop|unsubscribe)\s*[.!]?\s*$/i
/** A number that another account uses changes hands only when its user says so as well. */
const MOVE = /^\s*move\b/i
/** After these, whoever reads the chat need not be whom we bound to the number. */
const LEAVING = ['user_changed_number', 'customer_changed_number', 'customer_identity_changed'] as const

const part = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)[key]
    : undefined

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

const string = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** An id or number as Meta writes it: printable, and short enough to keep. */
const word = (value: unknown): string | undefined =>
  typeof value === 'string' && /^[\x21-\x7e]{1,256}$/.test(value) ? value : undefined
