import type { WhatsappSettings } from './channel.ts'
import { meaningOfAnswer } from './errors.ts'
import { readNumber } from './number.ts'

/** How to turn the channel on; or, when it is on, what must be true at Meta for it to work. */
export function whatsappAdvice(settings: WhatsappSettings | undefined): string {
  return settings ? whenOn(settings) : WHEN_OFF
}

const WHEN_OFF = [
  'WhatsApp is off: users are told in the web app only.',
  'To turn it on, make a WhatsApp Business app at developers.facebook.com and set COUNTERSIGN_WHATSAPP_PHONE_NUMBER_ID,',
  'COUNTERSIGN_WHATSAPP_ACCESS_TOKEN (of a system user with whatsapp_business_messaging),',
  'COUNTERSIGN_WHATSAPP_APP_SECRET and COUNTERSIGN_WHATSAPP_VERIFY_TOKEN (any long random word).',
  'Have a utility template approved with two variables in its body (the app, a short reference), a quick reply button',
  'Reject first and a URL button Review second, whose address is the public address of this server followed by /{{1}};',
  'name it in COUNTERSIGN_WHATSAPP_TEMPLATE and its language in COUNTERSIGN_WHATSAPP_TEMPLATE_LANGUAGE; with',
  'COUNTERSIGN_WHATSAPP_BUSINESS_ACCOUNT_ID it is looked at here.',
  'At Meta, give as webhook the public address of this server followed by /channels/whatsapp/webhook, and subscribe it',
  'to the field messages.',
  'COUNTERSIGN_WHATSAPP_API and COUNTERSIGN_WHATSAPP_API_VERSION need no change, except for a simulator or a newer version.',
].join(' ')

const whenOn = ({ apiUrl, apiVersion, phoneNumberId, templateName, templateLanguage }: WhatsappSettings) =>
  [
    `WhatsApp is on: number ${phoneNumberId} at ${apiUrl} (${apiVersion}), template ${templateName} in ${templateLanguage}.`,
    'If messages go out but Reject does nothing, look at Meta whether the webhook is the public address of this server',
    'followed by /channels/whatsapp/webhook with the field messages, and whether COUNTERSIGN_WHATSAPP_APP_SECRET is of',
    'the same app.',
  ].join(' ')

/** What Meta says of the number and the token. */
export interface NumberLook {
  /** The number as Meta knows it, in a sentence. */
  number?: string
  /** What is wrong and what to do, in a sentence. */
  fault?: string
  /** `date` of the answer. */
  date?: string | string[] | undefined
}

/** Asks Meta for the number's own record: nothing is sent to anybody. */
export async function askNumber(settings: WhatsappSettings): Promise<NumberLook> {
  const { apiUrl, phoneNumberId } = settings
  const where = `${new URL(apiUrl).host} was asked about the number ${phoneNumberId}`
  try {
    const { status, date, record } = await readNumber(settings)
    if (status !== 200 || record?.id !== phoneNumberId) {
      const { kind, advice = 'Try again later.' } = meaningOfAnswer(record?.error?.code, status)
      return { fault: `${where}, and refused: ${kind}. ${advice}`, date }
    }
    const {
      display_phone_number: shown = phoneNumberId,
      verified_name: name,
      quality_rating: rating,
    } = record
    const quality = rating ? `, quality ${rating}` : ''
    return { number: `The token is taken for ${shown}${name ? ` (${name})` : ''}${quality}.`, date }
  } catch {
    // The fault itself is not shown: a header that cannot be sent is quoted in it, and it holds the token.
    return { fault: `${where}, and no answer came. Check COUNTERSIGN_WHATSAPP_API and the way out.` }
  }
}
