import type { AccountMessage, Message } from '#notices/channel.ts'

/** What a notice says in one language. `{app}` is the name of whoever asks. */
type Texts = Record<Message['about'], { title: string; body: string }>

const TEXTS: Record<string, Texts> = {
  en: {
    waiting: {
      title: '{app} asks for access',
      body: 'Open to see the request. Approve it only if you expected it.',
    },
    approved: { title: 'Access given to {app}', body: 'Was this not you? Open to take it back.' },
    rejected: { title: 'Rejected', body: 'Nothing was given to {app}.' },
    expired: { title: 'Too late', body: 'The request of {app} has expired. Nothing was given.' },
    withdrawn: { title: 'No longer needed', body: '{app} has taken its request back.' },
    undelivered: {
      title: 'Access could not be sent to {app}',
      body: 'It did not take it, so the access was taken back. Open to see why.',
    },
  },
  hi: {
    waiting: {
      title: '{app} पहुँच माँग रहा है',
      body: 'अनुरोध देखने के लिए खोलें। तभी मंज़ूर करें जब आप इसकी अपेक्षा कर रहे थे।',
    },
    approved: { title: '{app} को पहुँच दी गई', body: 'यह आपने नहीं किया? वापस लेने के लिए खोलें।' },
    rejected: { title: 'अस्वीकार किया गया', body: '{app} को कुछ नहीं दिया गया।' },
    expired: { title: 'समय निकल गया', body: '{app} का अनुरोध समाप्त हो गया। कुछ नहीं दिया गया।' },
    withdrawn: { title: 'अब ज़रूरत नहीं', body: '{app} ने अपना अनुरोध वापस ले लिया।' },
    undelivered: {
      title: '{app} को पहुँच नहीं भेजी जा सकी',
      body: 'ऐप ने उसे नहीं लिया, इसलिए पहुँच वापस ले ली गई। कारण देखने के लिए खोलें।',
    },
  },
}

/** Languages that a notice can be written in. */
export const LANGUAGES = Object.keys(TEXTS)

/** Longest name of an app on a lock screen, in characters. */
const LONGEST_NAME = 60

/** @param language BCP 47; English where there is no text in it */
export function textsOf(
  { about, clientName }: Pick<Message, 'about' | 'clientName'>,
  language: string | null,
) {
  const known = language && language in TEXTS ? language : 'en'
  const { title, body } = (TEXTS[known] as Texts)[about]
  const name = [...clientName].slice(0, LONGEST_NAME).join('')
  const filled = (text: string) => text.replace('{app}', () => name)
  return { lang: known, title: filled(title), body: filled(body) }
}

/** News of the account. `{at}` is when it comes true. */
const ACCOUNT_TEXTS: Record<string, Record<AccountMessage['about'], { title: string; body: string }>> = {
  en: {
    new_passkey_link: {
      title: 'Your passkeys are about to be replaced',
      body: 'The operator made a link that works from {at} on. Was this not you? Open to call it off.',
    },
    recovery_codes_made: {
      title: 'New recovery codes were made',
      body: 'For your account, {at}. Was this not you? Open to see your passkeys and devices.',
    },
    account_recovered: {
      title: 'A recovery code was used',
      body: 'It added a passkey to your account, {at}. Was this not you? Open and remove that passkey.',
    },
  },
  hi: {
    new_passkey_link: {
      title: 'आपकी पासकी बदली जाने वाली हैं',
      body: 'ऑपरेटर ने एक लिंक बनाया है जो {at} से काम करेगा। आपने नहीं माँगा? रोकने के लिए खोलें।',
    },
    recovery_codes_made: {
      title: 'नए रिकवरी कोड बने',
      body: 'आपके खाते के लिए, {at}। यह आप नहीं थे? खोलकर अपनी पासकी और डिवाइस देखें।',
    },
    account_recovered: {
      title: 'एक रिकवरी कोड इस्तेमाल हुआ',
      body: 'उससे आपके खाते में एक पासकी जुड़ी, {at}। यह आप नहीं थे? खोलें और वह पासकी हटाएँ।',
    },
  },
}

export function accountTextsOf(about: AccountMessage['about'], at: number, language: string | null) {
  const lang = language && language in ACCOUNT_TEXTS ? language : 'en'
  const { title, body } = (ACCOUNT_TEXTS[lang] as (typeof ACCOUNT_TEXTS)[string])[about]
  const day = new Intl.DateTimeFormat(lang, { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' })
  return { lang, title, body: body.replace('{at}', `${day.format(at)} UTC`) }
}
