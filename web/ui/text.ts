/// <reference types="vite/client" />
import type { ComponentChildren } from 'preact'
import type { en } from '../locales/en.ts'

type English = typeof en
export type Key = keyof English
type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }

/** What a language file exports as its default: every text, with as many plural forms as the language has. */
export type Catalogue = { readonly [K in Key]: English[K] extends string ? string : Forms }

type NamesIn<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never
type Names<K extends Key> = NamesIn<English[K] extends { other: infer S } ? S : English[K]>
type Params<K extends Key, V> = [Names<K>] extends [never] ? [] : [{ [N in Names<K>]: V }]

type Texts = { default: Partial<Catalogue> }
type Part = Record<string, () => Promise<Texts>>
// Each language is a file; `web/locales/plugin.ts` makes two of it.
const firsts: Part = import.meta.glob<Texts>('../locales/??.ts', { query: '?first' })
const rests: Part = import.meta.glob<Texts>('../locales/??.ts', { query: '?rest' })

const pathOf = (language: string) => `../locales/${language}.ts`
let language = 'en'
let texts: Partial<Catalogue> = {}
/** The locale of dates, numbers and plurals: the reader's own, if the texts are in its language. */
export let locale = 'en'

/** Languages that the pages can be read in, each by its own name. The names are slow to look up: they are asked for when shown. */
export const languages = () =>
  Object.keys(firsts).map((path): [code: string, name: string] => {
    const code = path.slice(-5, -3)
    return [code, new Intl.DisplayNames([code], { type: 'language' }).of(code) ?? code]
  })

const OWN = 'language'

/** The language that the user has chosen on this device; null: the browser's. */
export const ownLanguage = () => localStorage.getItem(OWN)

/** @param language a code, or nothing for the browser's own */
export function chooseOwnLanguage(language: string) {
  if (language) localStorage.setItem(OWN, language)
  else localStorage.removeItem(OWN)
}

/** Chooses the language, before anything is shown. */
export async function chooseLanguage(wanted = ownLanguage() ?? navigator.language) {
  const [primary = ''] = wanted.split('-')
  if (pathOf(primary) in firsts) {
    language = primary
    locale = wanted
  }
  await take(firsts)
  document.documentElement.lang = locale
  document.documentElement.dir = t('language.direction')
}

/** The language that the texts are in. */
export const languageNow = () => language

/** Fetches the texts of the pages that are not part of the first load. */
export const moreTexts = () => take(rests)

async function take(parts: Part) {
  const part = await parts[pathOf(language)]?.()
  texts = { ...texts, ...part?.default }
}

/** Whether there is a text of this key; a newer server may know of things that these pages have no words for. */
export const isText = (key: string): key is Key => key in texts

/** A text with its `{params}` filled in; `count` picks the plural form. */
export function t<K extends Key>(key: K, ...params: Params<K, string | number>): string {
  return parts<string | number>(key, params[0]).join('')
}

/** The same, for params that are elements. */
export function rich<K extends Key>(key: K, ...params: Params<K, ComponentChildren>): ComponentChildren[] {
  return parts(key, params[0] as Record<string, ComponentChildren>)
}

function parts<V>(key: Key, params: Record<string, V> = {}): (string | V)[] {
  const text = texts[key] ?? key
  const form = typeof text === 'string' ? text : (text[pluralRule(Number(params.count))] ?? text.other)
  return form.split(/\{(\w+)\}/).map((part, i) => (i % 2 ? (params[part] ?? '') : part))
}

const pluralRule = (count: number) => new Intl.PluralRules(locale).select(count)
