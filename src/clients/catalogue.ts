import type { DetailTypes } from './detail-types.ts'
import { isScopeList } from './scopes.ts'

/** A scope in words. */
export interface ScopeWords {
  /** What an app can do by it: a plain sentence, by language. */
  texts: Record<string, string>
  /** Whoever has it can do harm that is hard to undo, for instance move money. */
  isDangerous: boolean
}

export type Scopes = ReadonlyMap<string, ScopeWords>

/** The operator's words for what apps ask for. */
export interface Catalogue {
  scopes: Scopes
  details: DetailTypes
}

/** The scopes that OpenID Connect Core 1.0 §3.1.2.1, §5.4 and §11 give a meaning. */
const STANDARD: Record<string, ScopeWords> = {
  openid: {
    texts: {
      en: 'Know that it was you who approved, and when',
      hi: 'जानना कि मंज़ूरी आपने ही दी, और कब दी',
    },
    isDangerous: false,
  },
  profile: {
    texts: { en: 'See your name and the like', hi: 'आपका नाम और ऐसी जानकारी देखना' },
    isDangerous: false,
  },
  email: { texts: { en: 'See your email address', hi: 'आपका ईमेल पता देखना' }, isDangerous: false },
  phone: { texts: { en: 'See your phone number', hi: 'आपका फ़ोन नंबर देखना' }, isDangerous: false },
  address: { texts: { en: 'See your postal address', hi: 'आपका डाक पता देखना' }, isDangerous: false },
  offline_access: {
    texts: {
      en: 'Keep its access going later, without asking you each time',
      hi: 'बाद में भी पहुँच बनाए रखना, हर बार आपसे पूछे बिना',
    },
    isDangerous: true,
  },
}

/**
 * Reads the operator's words for scopes: a JSON object, by scope either a sentence or `{"en": …, "hi": …, "dangerous": true}`.
 *
 * @throws Error whose message says what is wrong with it
 */
export function readScopes(json = '{}'): Scopes {
  let own: unknown
  try {
    own = JSON.parse(json)
  } catch {
    throw new Error('must be JSON')
  }
  if (typeof own !== 'object' || own === null || Array.isArray(own)) throw new Error('must be a JSON object')
  const read = Object.entries(own).map(([scope, said]): [string, ScopeWords] => {
    if (!isScopeList(scope) || scope.includes(' ')) throw new Error(`names no scope: “${scope}”`)
    return [scope, wordsOf(scope, said)]
  })
  return new Map([...Object.entries(STANDARD), ...read])
}

function wordsOf(scope: string, said: unknown): ScopeWords {
  if (typeof said === 'string') return wordsOf(scope, { en: said })
  const { dangerous = false, ...texts } = (said ?? {}) as Record<string, unknown>
  if (typeof dangerous !== 'boolean' || !isTexts(texts)) {
    throw new Error(
      `must say of “${scope}” a sentence of 1 to 200 characters, or {"en": …} with other languages and "dangerous": true beside it`,
    )
  }
  return { texts, isDangerous: dangerous }
}

/** Sentences by language, English among them. */
export const isTexts = (texts: Record<string, unknown>): texts is Record<string, string> =>
  typeof texts.en === 'string' &&
  Object.entries(texts).every(
    ([language, text]) => /^[a-z]{2,3}$/.test(language) && typeof text === 'string' && isSentence(text),
  )

const isSentence = (text: string) => text.trim() !== '' && text.length <= 200 && !/\p{C}/u.test(text)

/** Scopes with their words, the dangerous ones first; that the user is known, which goes without saying, last. */
export const wordsFor = ({ scopes: known }: Pick<Catalogue, 'scopes'>, scopes: readonly string[]) =>
  scopes
    .map((scope) => ({ scope, ...(known.get(scope) ?? { texts: {}, isDangerous: false }) }))
    .sort((a, b) => rank(a) - rank(b))

const rank = ({ scope, isDangerous }: { scope: string; isDangerous: boolean }) =>
  isDangerous ? 0 : scope === 'openid' ? 2 : 1
