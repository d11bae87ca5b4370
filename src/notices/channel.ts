/** What a user is told: that something waits, who asks, and where to look. No scope, no reason, no code. */
export interface Message {
  noticeId: string
  requestId: string
  /** Where to: a phone number, a push endpoint. */
  address: string
  clientName: string
  /** Epoch milliseconds; a message that comes later is worth nothing. */
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
}

/** A message that was not taken. `kind` is a short stable word; `retryAfterMs` is absent where trying again is no use. */
export class ChannelFailed extends Error {
  override readonly name = 'ChannelFailed'
  readonly kind: string
  readonly retryAfterMs: number | undefined

  constructor(kind: string, message: string, retryAfterMs?: number, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
    this.retryAfterMs = retryAfterMs
  }
}
