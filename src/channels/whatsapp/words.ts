import type { AccountMessage, Message } from '#notices/channel.ts'
import { instant, referenceOf, shownName } from './body.ts'

/** What is answered to somebody who wrote to us. */
export type About = 'connected' | 'move' | 'code_wrong' | 'stopped'

interface Words {
  /** What a user sends to show that a number is theirs. */
  link: string
  news: Record<Exclude<Message['about'], 'waiting'>, string>
  account: Record<AccountMessage['about'], string>
  answers: Record<About, string>
}

/** Free words, inside the window alone. `{app}` asks, `{reference}` is in the message that told of the request. */
const WORDS: Record<string, Words> = {
  en: {
    link: 'Tell me here when an app asks for access to my account. My code: {code}',
    news: {
      approved: 'You approved the request of {app}, reference {reference}. Was this not you? {origin}/tokens',
      rejected: 'You rejected the request of {app}, reference {reference}. Nothing was given.',
      expired: 'The request of {app}, reference {reference}, has expired. Nothing was given.',
      withdrawn: '{app} has taken back its request, reference {reference}. Nothing was given.',
      undelivered:
        'What you gave to {app}, reference {reference}, could not be handed over, so it was taken back. See why: {origin}/history',
    },
    account: {
      new_passkey_link: 'The operator has made a link that replaces your passkeys',
      recovery_codes_made: 'New recovery codes were made for your account',
      account_recovered: 'A recovery code was used and has added a passkey to your account',
    },
    answers: {
      connected:
        'Done. This chat tells you when an app asks for access to the account {account}. It never gives access by itself. To end it, send STOP.',
      move: 'This number already tells of another account here. To use it for the account {account} instead, send the word MOVE and your code. If you did not ask for this, do nothing.',
      code_wrong: 'This code is wrong, was used, or is too old. Get a new one here: {origin}/alerts',
      stopped: 'You get no more messages here. To begin again: {origin}/alerts',
    },
  },
  hi: {
    link: 'जब कोई ऐप मेरे खाते तक पहुँच माँगे तो मुझे यहाँ बताएँ। मेरा कोड: {code}',
    news: {
      approved: 'आपने {app} का अनुरोध {reference} मंज़ूर किया। यह आपने नहीं किया? {origin}/tokens',
      rejected: 'आपने {app} का अनुरोध {reference} अस्वीकार किया। कुछ नहीं दिया गया।',
      expired: '{app} का अनुरोध {reference} समाप्त हो गया। कुछ नहीं दिया गया।',
      withdrawn: '{app} ने अपना अनुरोध {reference} वापस ले लिया। कुछ नहीं दिया गया।',
      undelivered:
        'आपने {app} को अनुरोध {reference} पर जो दिया वह पहुँचाया नहीं जा सका, इसलिए वापस ले लिया गया। कारण देखें: {origin}/history',
    },
    account: {
      new_passkey_link: 'संचालक ने एक लिंक बनाया है जो आपकी पासकी बदल देता है',
      recovery_codes_made: 'आपके खाते के लिए नए रिकवरी कोड बने हैं',
      account_recovered: 'एक रिकवरी कोड इस्तेमाल हुआ, और उससे आपके खाते में एक पासकी जुड़ी है',
    },
    answers: {
      connected:
        'हो गया। जब कोई ऐप खाते {account} तक पहुँच माँगेगा, यह चैट आपको बताएगी। यह अपने आप कभी पहुँच नहीं देती। बंद करने के लिए STOP भेजें।',
      move: 'यह नंबर यहाँ पहले से किसी और खाते की सूचना पाता है। इसे खाते {account} के लिए इस्तेमाल करना हो तो MOVE और अपना कोड भेजें। यह आपने नहीं माँगा तो कुछ न करें।',
      code_wrong: 'यह कोड गलत है, इस्तेमाल हो चुका है या पुराना है। नया कोड यहाँ लें: {origin}/alerts',
      stopped: 'अब आपको यहाँ कोई संदेश नहीं मिलेगा। फिर शुरू करने के लिए: {origin}/alerts',
    },
  },
}

/** Languages that we can write in. */
const LANGUAGES = Object.keys(WORDS)

/** @returns a language that we can write in; null for any other */
export const knownLanguage = (language: string | null | undefined): string | null =>
  LANGUAGES.find((each) => each === language?.split('-')[0]) ?? null

const wordsIn = (language: string | null): Words => WORDS[knownLanguage(language) ?? 'en'] as Words

const filled = (text: string, room: Record<string, string>) =>
  text.replace(/\{(\w+)\}/g, (_, name: string) => room[name] ?? '')

export const linkWords = (language: string | null, code: string) => filled(wordsIn(language).link, { code })

/** How a request ended that was told of here. */
export function newsWords({ about, clientName, requestId, language }: Message, origin: string): string {
  if (about === 'waiting') throw new Error('That a request waits is told by the template.')
  const room = { app: shownName(clientName), reference: referenceOf(requestId), origin }
  return filled(wordsIn(language).news[about], room)
}

export const accountWords = (about: AccountMessage['about'], language: string | null) =>
  wordsIn(language).account[about]

export const accountText = ({ about, at, contact }: AccountMessage) =>
  `${accountWords(about, contact.language)}: ${instant(at)}`

export const answerWords = (
  about: About,
  language: string | null,
  { account, origin }: { account: string; origin: string },
) => filled(wordsIn(language).answers[about], { account, origin })
