import type { Clock } from '#base/clock.ts'
import type { Outbound } from '#outbound/dial.ts'
import { type MailServer, sendMail } from '#outbound/mail.ts'
import type { Send } from './forward.ts'
import type { Feedback, Way } from './store.ts'

interface Settings {
  webhook?:
    | { url: string; sign: (id: string, now: number, body: Uint8Array) => Record<string, string> }
    | undefined
  mail?: { server: MailServer; to: string } | undefined
}

/** How feedback leaves, by way. */
export function feedbackWays(
  { outbound, now, origin }: { outbound: Outbound; now: Clock; origin: () => string },
  { webhook, mail }: Settings,
): ReadonlyMap<Way, Send> {
  const ways = new Map<Way, Send>()
  if (webhook) {
    ways.set('webhook', async (feedback, signal) => {
      const body = Buffer.from(JSON.stringify({ message_type: 'feedback', ...shown(feedback) }))
      const headers = {
        'content-type': 'application/json',
        'user-agent': 'Countersign',
        ...webhook.sign(feedback.id, now(), body),
      }
      const { status } = await outbound.post(webhook.url, headers, body, signal)
      if (status < 200 || status >= 300) throw new Error(`The webhook answered ${status}.`)
    })
  }
  if (mail) {
    ways.set('mail', (feedback) =>
      sendMail(mail.server, {
        to: mail.to,
        id: feedback.id,
        subject: `Feedback on ${feedback.page}`,
        text: `${feedback.text}\n\n--\nPage: ${origin()}${feedback.page}\nAnswer to: ${feedback.contact ?? 'nobody'}\nAccount: ${feedback.userId ?? 'not signed in'}\n`,
      }),
    )
  }
  return ways
}

const shown = ({ id, userId, page, text, contact, createdAt }: Feedback) => ({
  id,
  user_id: userId,
  page,
  text,
  contact,
  created_at: createdAt,
})
