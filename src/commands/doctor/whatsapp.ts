import { askNumber, whatsappAdvice } from '#channels/whatsapp/doctor.ts'
import { type Config, missingForWhatsapp, WHATSAPP_NEEDS, whatsappSettings } from '../../config.ts'
import { type TimeTold, timeOfAnswer } from './clock.ts'
import type { Finding } from './finding.ts'

const what = 'WhatsApp'

/** Whether the channel is set up, and Meta takes the token for the number. Nothing is sent to anybody. */
export async function lookAtWhatsapp(config: Config): Promise<{ finding: Finding; times: TimeTold[] }> {
  const settings = whatsappSettings(config)
  if (!settings) {
    const missing = missingForWhatsapp(config)
    const finding: Finding =
      missing.length === WHATSAPP_NEEDS.length
        ? { state: 'off', what, say: whatsappAdvice(undefined) }
        : { state: 'bad', what, say: `half set up. Missing: ${missing.join(', ')}. See docs/whatsapp.md.` }
    return { finding, times: [] }
  }
  const askedAt = Date.now()
  const { fault, number, date } = await askNumber(settings)
  const times = timeOfAnswer('the WhatsApp API', date, askedAt)
  if (fault) return { finding: { state: 'bad', what, say: fault }, times }
  return { finding: { state: 'ok', what, say: `${number} ${whatsappAdvice(settings)}` }, times }
}
