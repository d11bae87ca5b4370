/** Who wrote, by phone number or by Meta's business-scoped id; either may be missing. */
export interface Sender {
  phone: string | undefined
  scopedId: string | undefined
}

/** What the webhook can bring that matters to us. `id` is Meta's id of the event's own message. */
export type WhatsappEvent =
  | { type: 'tap'; id: string; sender: Sender; payload: string; contextId: string | undefined }
  | {
      type: 'status'
      id: string
      status: Status
      noticeId: string | undefined
      errorCode: number | undefined
    }
  | { type: 'leaving'; id: string; sender: Sender; why: 'asked to stop' | 'number or phone changed' }

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
  const sender = readSender(message, contacts)

  const payload = payloadOf(message)
  if (payload !== undefined) {
    return { type: 'tap', id, sender, payload, contextId: word(part(part(message, 'context'), 'id')) }
  }
  const text = string(part(part(message, 'text'), 'body'))
  if (text !== undefined && STOP.test(text)) return { type: 'leaving', id, sender, why: 'asked to stop' }
  if (LEAVING.some((each) => each === part(part(message, 'system'), 'type'))) {
    return { type: 'leaving', id, sender, why: 'number or phone changed' }
  }
  return undefined
}

/** A button of a template answers in one form, a button of an interactive message in another. */
function payloadOf(message: unknown): string | undefined {
  if (part(message, 'type') === 'button') return string(part(part(message, 'button'), 'payload')) ?? ''
  const interactive = part(message, 'interactive')
  if (part(interactive, 'type') !== 'button_reply') return undefined
  return string(part(part(interactive, 'button_reply'), 'id')) ?? ''
}

function readSender(message: unknown, contacts: unknown[]): Sender {
  const phone = word(part(message, 'from'))
  const own = word(part(message, 'from_user_id'))
  if (own !== undefined) return { phone, scopedId: own }
  // A contact belongs to the message that has its number; one alone, without any number, can be of this message only.
  const contact = contacts.find(
    (each) => part(each, 'wa_id') === phone && (phone !== undefined || contacts.length === 1),
  )
  return { phone, scopedId: word(part(contact, 'user_id')) }
}

/** A user who wants no more messages is let go at once, as WhatsApp's policy has it. */
const STOP = /^\s*(stop|unsubscribe)\s*[.!]?\s*$/i
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
