import { request } from 'undici'
import { SECOND } from '#base/clock.ts'
import type { WhatsappSettings } from './channel.ts'
import { meaningOfAnswer } from './errors.ts'

/** What Meta has on record of a template in one language. */
interface TemplateRecord {
  name: string
  language: string
  /** `APPROVED`, `PENDING`, `REJECTED`, `PAUSED`, `DISABLED`, … */
  status: string
  category?: string
  quality_score?: { score?: string }
  components?: {
    type?: string
    text?: string
    buttons?: { type?: string; url?: string }[]
  }[]
}

interface Answer {
  data?: TemplateRecord[]
  paging?: { cursors?: { after?: string }; next?: string }
  error?: { code?: number }
}

/** What stands against telling by templates, in sentences. */
export interface TemplatesLook {
  /** Nobody is told, or only some. */
  faults: string[]
  /** Works, and may not for long. */
  doubts: string[]
  /** What is in order. */
  approved: string[]
}

const FIELDS = 'name,language,status,category,quality_score,components'
const PATIENCE_MS = 10 * SECOND
/** Of 100 templates each. An account holds at most 6,000, but we ask by name. */
const MOST_PAGES = 10
/** Languages that our pages speak: their users are best told in them. */
const LANGUAGES = ['en', 'hi']

/**
 * Asks Meta for the templates that are set: whether each is approved, in which languages, how people take it, and whether
 * its places and buttons are the ones that we fill in. Nothing is sent to anybody.
 */
export async function askTemplates(
  settings: WhatsappSettings,
  accountId: string,
  origin: string,
): Promise<TemplatesLook> {
  const { templateName, accountTemplateName } = settings
  const wanted = [
    { name: templateName, variables: 2, buttons: ['QUICK_REPLY', 'URL'] },
    ...(accountTemplateName ? [{ name: accountTemplateName, variables: 2, buttons: [] }] : []),
  ]
  const looks = await Promise.all(
    wanted.map(async (each) => {
      const known = await readTemplates(settings, accountId, each.name)
      return typeof known === 'string'
        ? { faults: [known], doubts: [], approved: [] }
        : judge(each, known, settings.templateLanguage, origin)
    }),
  )
  return {
    faults: [...new Set(looks.flatMap(({ faults }) => faults))],
    doubts: looks.flatMap(({ doubts }) => doubts),
    approved: looks.flatMap(({ approved }) => approved),
  }
}

interface Wanted {
  name: string
  variables: number
  buttons: string[]
}

function judge(wanted: Wanted, known: TemplateRecord[], mainLanguage: string, origin: string): TemplatesLook {
  const look: TemplatesLook = { faults: [], doubts: [], approved: [] }
  const { name } = wanted
  for (const language of new Set([mainLanguage, ...LANGUAGES])) {
    const template = known.find((each) => each.language === language)
    const say = (sentence: string) =>
      (language === mainLanguage ? look.faults : look.doubts).push(`${name} in ${language} ${sentence}`)
    if (!template) say('is not there: have it approved, or set COUNTERSIGN_WHATSAPP_TEMPLATE_LANGUAGE.')
    else if (template.status !== 'APPROVED') say(`is ${template.status}, so it is not sent.`)
    else {
      const wrong = wrongForm(wanted, template, origin)
      if (wrong) say(`has ${wrong}; messages made from it are refused. See docs/whatsapp.md.`)
      else look.approved.push(`${name} in ${language}`)
    }
  }
  for (const { language, status, category, quality_score } of known) {
    const score = quality_score?.score
    if (status === 'APPROVED' && (score === 'YELLOW' || score === 'RED'))
      look.doubts.push(`${name} in ${language} has the quality ${score}: Meta may pause it.`)
    if (category !== undefined && category !== 'UTILITY')
      look.doubts.push(`${name} in ${language} is of the category ${category}, and should be UTILITY.`)
  }
  return look
}

/** What of a template is not as we fill it in; undefined if all is. */
function wrongForm({ variables, buttons }: Wanted, { components = [] }: TemplateRecord, origin: string) {
  const part = (type: string) => components.find((each) => each.type === type)
  const places = new Set((part('BODY')?.text ?? '').match(/\{\{\d+\}\}/g)).size
  if (places !== variables) return `${places} variables in its body and not ${variables}`
  const found = part('BUTTONS')?.buttons ?? []
  const types = found.map(({ type = '' }) => type)
  if (types.join() !== buttons.join())
    return `the buttons ${types.join(', ') || 'none'} and not ${buttons.join(', ') || 'none'}`
  const address = found.find(({ type }) => type === 'URL')?.url
  if (address !== undefined && address !== `${origin}/{{1}}`)
    return `a button to ${address} and not to ${origin}/{{1}}`
  return undefined
}

/**
 * `GET /{business account}/message_templates`, which takes the right `whatsapp_business_management`.
 *
 * @returns the templates of exactly this name; or a sentence that says why they are not known
 */
async function readTemplates(
  { apiUrl, apiVersion, accessToken }: WhatsappSettings,
  accountId: string,
  name: string,
): Promise<TemplateRecord[] | string> {
  const { host } = new URL(apiUrl)
  const records: TemplateRecord[] = []
  let after: string | undefined
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const query = new URLSearchParams({ fields: FIELDS, name, limit: '100', ...(after && { after }) })
    const url = `${apiUrl.replace(/\/+$/, '')}/${apiVersion}/${encodeURIComponent(accountId)}/message_templates?${query}`
    try {
      const answer = await request(url, {
        headers: { authorization: `Bearer ${accessToken}` },
        signal: AbortSignal.timeout(PATIENCE_MS),
      })
      const body = (await answer.body.json().catch(() => ({}))) as Answer
      if (answer.statusCode !== 200 || !Array.isArray(body.data)) {
        const { kind } = meaningOfAnswer(body.error?.code, answer.statusCode)
        return `${host} does not tell the templates of account ${accountId}: ${kind}. Check COUNTERSIGN_WHATSAPP_BUSINESS_ACCOUNT_ID, and that the token has the right whatsapp_business_management.`
      }
      records.push(...body.data.filter((each) => each.name === name))
      // The address of the next page holds the token, so it is not followed as it stands.
      after = body.paging?.next ? body.paging.cursors?.after : undefined
      if (!after) return records
    } catch {
      // The fault itself is not shown: a header that cannot be sent is quoted in it, and it holds the token.
      return `${host} was asked for the templates of account ${accountId}, and no answer came.`
    }
  }
  return records
}
