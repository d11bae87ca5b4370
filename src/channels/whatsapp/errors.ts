/** What one of Meta's error codes means for a message of ours. */
interface CodeMeaning {
  /** Short stable word, kept with the notice. */
  kind: string
  /** Shortest wait before the message is worth another try; absent where trying again is no use. */
  retryAfterMs?: number
  /** What the operator must do, where only they can. */
  advice?: string
  /** Whether every other message would meet the same, so that the channel rests a while. */
  stops?: true
}

/**
 * What an answer asks for (https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes).
 * Meta keeps codes stable; titles and sentences change.
 *
 * @param code of the answer's `error`; undefined if it has none
 * @param status of HTTP, which decides where the code says nothing
 */
export function meaningOfAnswer(code: number | undefined, status: number): CodeMeaning {
  const known = meaningOf(code)
  if (known) return known
  if (status === 429) return CODES[80007]
  if (status >= 500) return CODES[131000]
  if (status === 401) return CODES[190]
  return {
    kind: 'unexpected_answer',
    advice: 'Check COUNTERSIGN_WHATSAPP_API and COUNTERSIGN_WHATSAPP_API_VERSION.',
  }
}

/** What the code in a later report means: the message was taken first, and failed on its way. */
export const meaningOfReport = (code: number | undefined): CodeMeaning =>
  meaningOf(code) ?? { kind: 'not_delivered' }

function meaningOf(code: number | undefined): CodeMeaning | undefined {
  if (code === undefined) return undefined
  return code >= 200 && code <= 299 ? CODES[10] : (CODES as Record<number, CodeMeaning>)[code]
}

const TOKEN = 'Make a new access token and set it as COUNTERSIGN_WHATSAPP_ACCESS_TOKEN.'
const RIGHT = 'Give the system user of the access token the right whatsapp_business_messaging.'
const ACCOUNT = 'Look at the state of the account in the WhatsApp Manager of Meta.'
const TEMPLATE = 'Look at the message template in the WhatsApp Manager of Meta.'
const SETUP = 'Check the COUNTERSIGN_WHATSAPP_* settings and that the number may write to this person.'

const CODES = {
  0: { kind: 'token_refused', advice: TOKEN, stops: true },
  1: { kind: 'unavailable', retryAfterMs: 0 },
  2: { kind: 'unavailable', retryAfterMs: 0 },
  4: { kind: 'rate_limited', retryAfterMs: 60_000 },
  10: { kind: 'permission_missing', advice: RIGHT, stops: true },
  100: { kind: 'misconfigured', advice: SETUP },
  190: { kind: 'token_refused', advice: TOKEN, stops: true },
  368: { kind: 'account_locked', advice: ACCOUNT, stops: true },
  80007: { kind: 'rate_limited', retryAfterMs: 60_000 },
  130429: { kind: 'rate_limited', retryAfterMs: 2_000 },
  131000: { kind: 'unavailable', retryAfterMs: 0 },
  131008: { kind: 'misconfigured', advice: SETUP },
  131009: { kind: 'misconfigured', advice: SETUP },
  131016: { kind: 'unavailable', retryAfterMs: 0 },
  131021: { kind: 'misconfigured', advice: SETUP },
  131026: { kind: 'undeliverable' },
  131030: { kind: 'misconfigured', advice: SETUP },
  131031: { kind: 'account_locked', advice: ACCOUNT, stops: true },
  131042: { kind: 'billing', advice: 'Settle the payment of the WhatsApp account with Meta.', stops: true },
  // Only free text needs an open window; a template that meets this was not taken as one.
  131047: { kind: 'window_closed', advice: TEMPLATE },
  131048: { kind: 'spam_limited', advice: ACCOUNT, stops: true },
  131049: { kind: 'withheld' },
  // One message to one person in 6 s; the wait is shortened by up to a fifth where it is used.
  131056: { kind: 'pair_limited', retryAfterMs: 8_000 },
  132000: { kind: 'template_parameters', advice: TEMPLATE },
  132001: { kind: 'template_missing', advice: TEMPLATE },
  132005: { kind: 'template_too_long', advice: TEMPLATE },
  132007: { kind: 'template_policy', advice: TEMPLATE },
  132012: { kind: 'template_parameters', advice: TEMPLATE },
  132015: { kind: 'template_paused', advice: TEMPLATE },
  132016: { kind: 'template_disabled', advice: TEMPLATE },
  132018: { kind: 'template_parameters', advice: TEMPLATE },
} as const satisfies Record<number, CodeMeaning>

/** A template that is not there in the wanted language. */
export const TEMPLATE_MISSING = 132001

/** More than 24 hours have passed since the user last wrote: free words do not go. */
export const WINDOW_CLOSED = 131047
