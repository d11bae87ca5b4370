import { askNumber, whatsappAdvice } from '#channels/whatsapp/doctor.ts'
import { askTemplates } from '#channels/whatsapp/templates.ts'
import { type Config, missingForWhatsapp, WHATSAPP_NEEDS, whatsappSettings } from '../../config.ts'
import { type TimeTold, timeOfAnswer } from './clock.ts'
import type { Finding } from './finding.ts'

const what = 'WhatsApp'
const templates = 'WhatsApp templates'

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

/** Whether the templates that are set are approved, in the form that messages are made of. Nothing is sent to anybody. */
export async function templatesFinding(config: Config): Promise<Finding> {
  const settings = whatsappSettings(config)
  const off = (say: string): Finding => ({ state: 'off', what: templates, say })
  if (!settings) return off('none are needed while WhatsApp is off')
  const { whatsappAccountId } = config
  if (!whatsappAccountId)
    return off(
      'not looked at. Set COUNTERSIGN_WHATSAPP_BUSINESS_ACCOUNT_ID, and give the token the right whatsapp_business_management.',
    )
  const origin = config.url ?? `http://localhost:${config.port}`
  const { faults, doubts, approved } = await askTemplates(settings, whatsappAccountId, origin)
  const say = [...faults, ...doubts, ...(approved.length ? [`Approved: ${approved.join(', ')}.`] : [])].join(
    ' ',
  )
  return { state: faults.length ? 'bad' : doubts.length ? 'look' : 'ok', what: templates, say }
}
