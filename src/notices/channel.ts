import { DAY, MINUTE } from '#base/clock.ts'
import type { AccountNotice, Contact, Notice } from './store.ts'

/** What a user is told: that something waits, who asks, and where to look. No scope, no reason, no code. */
export interface Message {
  noticeId: string
  requestId: string
  about: Notice['about']
  /** Where to: a phone number, a push endpoint. */
  address: string
  contact: Contact
  clientName: string
  /** That the user reads, BCP 47 primary subtag; null if it is not known. */
  language: string | null
  /** Epoch milliseconds; a message that comes later is worth nothing. */
  expiresAt: number
}

/** News of the user's own account, which has to do with no request. */
export interface AccountMessage {
  noticeId: string
  about: AccountNotice['about']
  address: string
  contact: Contact
  /** When what is told of begins. */
  at: number
  expiresAt: number
}

/** A way to tell a user, played by somebody else's messenger. */
export interface Channel {
  readonly name: string
  /** Longest time one sending may take, in milliseconds. */
  readonly deadlineMs: number
  /**
   * Sends once.
   *
   * @returns the messenger's own id of the message, by which its later reports are joined
   * @throws ChannelFailed
   */
  send(message: Message, signal: AbortSignal): Promise<{ externalId?: string }>
  /**
   * Sends news of the account once. A channel without it cannot say such a thing.
   *
   * @throws ChannelFailed
   */
  sendAccount?(message: AccountMessage, signal: AbortSignal): Promise<unknown>
}

/** Channels whose messages stay on the screen, and can be replaced once the request is settled. */
export const REPLACING: ReadonlySet<string> = new Set(['webpush', 'http'])

/** How long a messenger lets us speak freely after its user wrote; a little less than a day, for the way there. */
const WINDOW_MS = DAY - 10 * MINUTE

/** Whether a contact can be told more than that something waits. */
export const hearsNews = ({ channel, heardAt }: Pick<Contact, 'channel' | 'heardAt'>, now: number) =>
  REPLACING.has(channel) || (heardAt !== null && heardAt > now - WINDOW_MS)

interface FailureOptions extends ErrorOptions {
  /** Shortest wait before another try, in milliseconds; absent where it is no use. */
  retryAfterMs?: number | undefined
  /** Whether nobody is there any more: nothing is sent to the contact until its user brings it back. */
  isGone?: boolean
}

/** A message that was not taken. `kind` is a short stable word. */
export class ChannelFailed extends Error {
  override readonly name = 'ChannelFailed'
  readonly kind: string
  readonly retryAfterMs: number | undefined
  readonly isGone: boolean

  constructor(
    kind: string,
    message: string,
    { retryAfterMs, isGone = false, ...options }: FailureOptions = {},
  ) {
    super(message, options)
    this.kind = kind
    this.retryAfterMs = retryAfterMs
    this.isGone = isGone
  }
}
