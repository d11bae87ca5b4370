import { isTexts } from './catalogue.ts'

/** A kind of thing that can be asked for in detail (RFC 9396 §2), as the operator declares it. */
export interface DetailType {
  /** What an app may do by it: a plain sentence, by language. */
  texts: Record<string, string>
  /** Whoever has it can do harm that is hard to undo. */
  isDangerous: boolean
  /** By name; of a field within a field the names are joined by dots. In the order in which they are shown. */
  fields: ReadonlyMap<string, DetailField>
}

export interface DetailField {
  /** What the field is called, by language. */
  texts: Record<string, string>
  kind: (typeof KINDS)[number]
  isRequired: boolean
  /** All it may say; anything, if not given. */
  values: readonly string[] | undefined
}

export type DetailTypes = ReadonlyMap<string, DetailType>

/** A text, a number, yes or no, or several texts. */
const KINDS = ['text', 'number', 'flag', 'list'] as const

/**
 * Reads the operator's types of details: a JSON object, by type its sentence in each language, `"dangerous": true`, and
 * its `fields`.
 *
 * @throws Error whose message says what is wrong with it
 */
export function readDetailTypes(json: string): DetailTypes {
  const types = new Map<string, DetailType>()
  for (const [type, said] of entriesOf(parse(json), 'must be a JSON object')) {
    if (!/^[\x21\x23-\x5B\x5D-\x7E]{1,100}$/.test(type)) throw new Error(`names no type: “${type}”`)
    const { dangerous = false, fields = {}, ...texts } = Object.fromEntries(entriesOf(said, wrongType(type)))
    if (typeof dangerous !== 'boolean' || !isTexts(texts)) throw new Error(wrongType(type))
    const read = entriesOf(fields, wrongType(type)).map(([name, each]) => readField(type, name, each))
    types.set(type, { texts, isDangerous: dangerous, fields: new Map(read) })
  }
  return types
}

function readField(type: string, name: string, said: unknown): [string, DetailField] {
  const wrong = `must say of the field “${name}” of “${type}” what it is called, or {"en": …} with "kind": ${KINDS.map((each) => `"${each}"`).join(', ')}, "required": true or "values": […] beside it`
  if (typeof said === 'string') return readField(type, name, { en: said })
  const {
    kind = 'text',
    required = false,
    values,
    ...texts
  } = Object.fromEntries(entriesOf(said, wrong)) as Record<string, unknown>
  const isKnown = (KINDS as readonly unknown[]).includes(kind)
  const areTexts = (list: unknown): list is string[] =>
    Array.isArray(list) && list.length > 0 && list.every((each) => typeof each === 'string')
  const isFit =
    name !== 'type' &&
    /^[^\s.]+(\.[^\s.]+)*$/.test(name) &&
    isKnown &&
    typeof required === 'boolean' &&
    isTexts(texts) &&
    (values === undefined || (areTexts(values) && (kind === 'text' || kind === 'list')))
  if (!isFit) throw new Error(wrong)
  return [name, { texts, kind: kind as DetailField['kind'], isRequired: required, values }]
}

const wrongType = (type: string) =>
  `must say of “${type}” a sentence, {"en": …}, with "fields": {…} and "dangerous": true beside it`

function entriesOf(value: unknown, wrong: string): [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value)
  throw new Error(wrong)
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw new Error('must be JSON')
  }
}
