/// <reference types="vite/client" />
import type { ComponentChildren } from 'preact'
import { en } from '../locales/en.ts'

type English = typeof en
export type Key = keyof English
type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }

/** What a language file exports as its default: every text, with as many plural forms as the language has. */
export type Catalogue = { readonly [K in Key]: English[K] extends string ? string : Forms }

type NamesIn<S> = S extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never
type Names<K extends Key> = NamesIn<English[K] extends { other: infer S } ? S : English[K]>
type Params<K extends Key, V> = [Names<K>] extends [never] ? [] : [{ [N in Names<K>]: V }]

const others = import.meta.glob<{ default: Catalogue }>(['../locales/*.ts', '!../locales/en.ts'])

let texts: Catalogue = en
/** The locale of dates, numbers and plurals: the reader's own, if the texts are in its language. */
export let locale = 'en'

/** Chooses the language, before anything is shown. */
export async function chooseLanguage(wanted = navigator.language) {
  const language = wanted.split('-')[0]
  const load = others[`../locales/${language}.ts`]
  if (load) texts = (await load()).default
  if (load || language === 'en') locale = wanted
  document.documentElement.lang = locale
  document.documentElement.dir = texts['language.direction']
}

/** A text with its `{params}` filled in; `count` picks the plural form. */
export function t<K extends Key>(key: K, ...params: Params<K, string | number>): string {
  return parts<string | number>(key, params[0]).join('')
}

/** The same, for params that are elements. */
export function rich<K extends Key>(key: K, ...params: Params<K, ComponentChildren>): ComponentChildren[] {
  return parts(key, params[0] as Record<string, ComponentChildren>)
}

function parts<V>(key: Key, params: Record<string, V> = {}): (string | V)[] {
  const text = texts[key]
  const form = typeof text === 'string' ? text : (text[pluralRule(Number(params.count))] ?? text.other)
  return form.split(/\{(\w+)\}/).map((part, i) => (i % 2 ? (params[part] ?? '') : part))
}

const pluralRule = (count: number) => new Intl.PluralRules(locale).select(count)
