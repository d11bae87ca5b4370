import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Filled, fillMessage, GraphError, invalid, type Template } from './template.ts'
import { listTemplates } from './templates.ts'
import { scopedIdOf } from './webhook.ts'

/** A message that was taken. */
export interface SentMessage extends Filled {
  /** Meta's id of it. */
  id: string
  /** Epoch milliseconds. */
  at: number
  /** As it was sent. */
  source: unknown
}

export interface ApiOptions {
  accessToken: string
  phoneNumberId: string
  /** The business account that the templates belong to; without it nobody may read them. */
  accountId?: string | undefined
  apiVersion?: string | undefined
  templates: readonly Template[]
  /** Called with each message before it is answered, and awaited. */
  onMessage?: ((message: SentMessage) => unknown) | undefined
  /** Epoch milliseconds. */
  now?: (() => number) | undefined
  /** Refuses a well-formed message, by throwing. */
  refuse?: ((message: Filled) => void) | undefined
}

export type WhatsappApi = ReturnType<typeof createWhatsappApi>

const LARGEST_BODY = 1024 * 1024
const WINDOW_MS = 24 * 3_600_000
/** A person may get one message in so long; up to 45 go at once, and then none until they would have gone one by one. */
const PAIR_MS = 6_000
const PAIR_BURST = 45

/** The sending half of Meta's WhatsApp Business Cloud API: `POST /{version}/{phone number id}/messages`. */
export function createWhatsappApi(options: ApiOptions) {
  const { accessToken, phoneNumberId, apiVersion = 'v23.0', templates, onMessage, refuse } = options
  const { now = Date.now } = options
  const messages: SentMessage[] = []
  /** When each user last wrote, by number and by id. */
  const heard = new Map<string, number>()
  /** To whom messages went, and when; of the newest burst alone. */
  const sentTo = new Map<string, number[]>()
  const isOpen = (to: string) => (heard.get(to) ?? Number.NEGATIVE_INFINITY) > now() - WINDOW_MS

  /** Checks path, token and the id in the path, in Meta's order. */
  function enter(http: IncomingMessage, method: string, form: RegExp, id: string | undefined) {
    const path = new URL(http.url ?? '/', 'http://api.invalid').pathname
    const [, version, asked] = form.exec(path) ?? []
    if (http.method !== method || version !== apiVersion)
      throw new GraphError(400, 2500, `Unknown path components: ${path}`)
    if (http.headers.authorization !== `Bearer ${accessToken}`) {
      throw new GraphError(401, 190, 'Invalid OAuth access token - Cannot parse access token')
    }
    if (asked !== id) throw invalid(`Object with ID '${asked}' does not exist`)
  }

  /** Counts a message to one person. */
  function keepPair(to: string) {
    const at = now()
    const burst = sentTo.get(to) ?? []
    const [first = at] = burst
    if (at >= first + PAIR_MS * burst.length || at < first) {
      sentTo.set(to, [at])
    } else if (at < first + PAIR_MS && burst.length < PAIR_BURST) {
      burst.push(at)
    } else {
      const details = 'Message failed to send because there were too many messages to this phone number.'
      throw new GraphError(400, 131056, details)
    }
  }

  /** The record of the number: `GET /{version}/{phone number id}`. */
  function describeNumber(http: IncomingMessage) {
    enter(http, 'GET', /^\/(v\d+\.\d+)\/(\d+)$/, phoneNumberId)
    return {
      display_phone_number: '+1 555 010 0199',
      verified_name: 'Countersign',
      quality_rating: 'GREEN',
      id: phoneNumberId,
    }
  }

  async function take(http: IncomingMessage): Promise<SentMessage> {
    enter(http, 'POST', /^\/(v\d+\.\d+)\/(\d+)\/messages$/, phoneNumberId)
    if (!/^application\/json\b/.test(http.headers['content-type'] ?? ''))
      throw invalid('The body must be JSON')

    const source = parse(await readBody(http))
    const filled = fillMessage(source, templates, isOpen)
    refuse?.(filled)
    keepPair(filled.to)
    const message = { ...filled, source, id: `wamid.${randomBytes(36).toString('base64')}`, at: now() }
    messages.push(message)
    await onMessage?.(message)
    return message
  }

  return {
    /** Oldest first. */
    messages,
    /** A user writes or taps: for 24 hours free words may go to them. */
    hear(phone: string) {
      heard.set(phone, now())
      heard.set(scopedIdOf(phone), now())
    },
    async answer(http: IncomingMessage, reply: ServerResponse) {
      try {
        const { pathname, searchParams } = new URL(http.url ?? '/', 'http://api.invalid')
        if (http.method === 'GET' && pathname.endsWith('/message_templates')) {
          enter(http, 'GET', /^\/(v\d+\.\d+)\/(\d+)\/message_templates$/, options.accountId)
          return sendJson(reply, 200, listTemplates(templates, searchParams))
        }
        if (http.method === 'GET') return sendJson(reply, 200, describeNumber(http))
        const { id, to } = await take(http)
        sendJson(reply, 200, {
          messaging_product: 'whatsapp',
          contacts: [/^\d/.test(to) ? { input: to, wa_id: to } : { input: to, user_id: to }],
          messages: [{ id, message_status: 'accepted' }],
        })
      } catch (fault) {
        if (!(fault instanceof GraphError)) throw fault
        sendJson(reply, fault.status, {
          error: {
            message: fault.message,
            type: 'OAuthException',
            code: fault.code,
            error_data: { messaging_product: 'whatsapp', details: fault.details },
            fbtrace_id: randomBytes(9).toString('base64url'),
          },
        })
      }
    },
  }
}

export function sendJson(reply: ServerResponse, status: number, body: unknown) {
  reply.writeHead(status, { 'content-type': 'application/json; charset=UTF-8' }).end(JSON.stringify(body))
}

export async function readBody(http: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of http) {
    parts.push(part)
    size += part.length
    if (size > LARGEST_BODY) throw invalid('The body is too large')
  }
  return Buffer.concat(parts)
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    throw invalid('The body is not JSON')
  }
}
