import type { Clock } from '#base/clock.ts'
import { SECOND } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Vault } from '#base/seal.ts'
import { type Channel, ChannelFailed, hearsNews, type Message } from '#notices/channel.ts'
import { newsTemplate, requestTemplate, textMessage } from './body.ts'
import type { CloudApi, SendAnswer } from './cloud-api.ts'
import { TEMPLATE_MISSING, WINDOW_CLOSED } from './errors.ts'
import { accountText, accountWords, newsWords } from './words.ts'

export interface WhatsappSettings {
  /** Base address, for instance `https://graph.facebook.com`. */
  apiUrl: string
  /** For instance `v23.0`. */
  apiVersion: string
  /** Meta's id of the number that messages come from. */
  phoneNumberId: string
  /** The number itself, digits alone; undefined: Meta is asked. */
  number?: string | undefined
  /** What the number may send in a second, from all nodes; Meta begins with 80. */
  messagesPerSecond: number
  accessToken: string
  appSecret: string
  verifyToken: string
  templateName: string
  /** Of those who want none in particular, and of those in whose language the template is not approved. */
  templateLanguage: string
  /** Template for news of the account; undefined where none is approved. */
  accountTemplateName?: string | undefined
}

interface ChannelContext {
  vault: Vault
  log: Log
  now: Clock
  site: { origin: string }
  api: CloudApi
}

/** From connecting to the end of the answer. */
export const DEADLINE_MS = 10 * SECOND
/** Template messages are approved for each language alone. */
const FALLBACK_LANGUAGE = 'en'

/**
 * Tells by WhatsApp Business Cloud API: that a request waits by one approved template, with a Reject button and a link
 * to the page; how it ended by free words, to those who wrote to us within a day.
 */
export function createWhatsappChannel(settings: WhatsappSettings, context: ChannelContext): Channel {
  const { vault, log, now, site, api } = context
  const { accountTemplateName } = settings
  const languages = templateLanguages(settings, log)

  const ask = (message: Message, signal: AbortSignal) =>
    languages.sendIn(message.language, (language) =>
      api.post(requestTemplate(message, settings.templateName, language, vault), signal),
    )

  /** Words go while Meta takes the window to be open; else the template, if there is one. */
  async function tell(message: Message, signal: AbortSignal): Promise<SendAnswer> {
    const { noticeId, address } = message
    const what = newsWords(message, site.origin)
    const answer = await api.post(textMessage(address, what, noticeId), signal)
    if (answer.code !== WINDOW_CLOSED) return answer
    if (!accountTemplateName) throw new ChannelFailed('window_closed', 'The user did not write for a day.')
    return languages.sendIn(message.language, (language) =>
      api.post(newsTemplate({ noticeId, address, what, at: now() }, accountTemplateName, language), signal),
    )
  }

  return {
    name: 'whatsapp',
    deadlineMs: DEADLINE_MS,
    async send(message, signal) {
      const answer = await (message.about === 'waiting' ? ask(message, signal) : tell(message, signal))
      if (answer.externalId !== undefined) return { externalId: answer.externalId }
      throw api.failureOf(answer)
    },
    async sendAccount(message, signal) {
      const { noticeId, address, about, at, contact } = message
      if (hearsNews(contact, now())) {
        const answer = await api.post(textMessage(address, accountText(message), noticeId), signal)
        if (answer.externalId !== undefined) return
        if (answer.code !== WINDOW_CLOSED) throw api.failureOf(answer)
      }
      if (!accountTemplateName) {
        const advice =
          'Have a template for news of the account approved and set COUNTERSIGN_WHATSAPP_ACCOUNT_TEMPLATE.'
        log.warn('News of an account cannot be told by WhatsApp.', { notice: noticeId, advice })
        throw new ChannelFailed('account_template_missing', 'No template for news of the account is set.')
      }
      const answer = await languages.sendIn(contact.language, (language) => {
        const news = { noticeId, address, what: accountWords(about, language), at }
        return api.post(newsTemplate(news, accountTemplateName, language), signal)
      })
      if (answer.externalId === undefined) throw api.failureOf(answer)
    },
  }
}

/** Sends a template in the first language that it is approved in: the user's, the default one, English. */
function templateLanguages({ templateLanguage }: WhatsappSettings, log: Log) {
  const told = new Set<string>()
  return {
    async sendIn(wanted: string | null, send: (language: string) => Promise<SendAnswer>) {
      // Where the default one is a kind of the wanted one (`en_GB` of `en`), it is the better guess.
      const own = wanted === null || templateLanguage.split(/[-_]/)[0] === wanted ? [] : [wanted]
      const tried = new Set([...own, templateLanguage, FALLBACK_LANGUAGE])
      let answer: SendAnswer | undefined
      for (const language of tried) {
        answer = await send(language)
        if (answer.code !== TEMPLATE_MISSING) break
        if (!told.has(language) && language !== FALLBACK_LANGUAGE) {
          const advice = `The template is not approved in ${language}; another language is used instead.`
          log.warn('A WhatsApp message was not taken in its language.', { advice })
        }
        told.add(language)
      }
      return answer as SendAnswer
    },
  }
}
