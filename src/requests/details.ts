import { Refusal } from '#base/errors.ts'
import { canonicalJson, type Json } from '#base/json.ts'
import type { DetailField, DetailType, DetailTypes } from '#clients/detail-types.ts'

/** One thing that is asked for in detail (RFC 9396 §2). */
export type Detail = { type: string } & Record<string, Json>

/** As many as a person reads. */
const MOST_DETAILS = 10
const MOST_IN_A_LIST = 20
const MOST_CHARACTERS = 200

/**
 * Reads the details of a request. They are exactly as the operator declared their types: what nobody gave words to is not
 * asked, since the user would sign what they cannot read (RFC 9396 §5).
 *
 * @param registered the types that the client is registered for
 * @throws Refusal `details_refused` with what is wrong
 */
export function readDetails(text: string, types: DetailTypes, registered: readonly string[]): Detail[] {
  const given = parse(text)
  if (!Array.isArray(given) || given.length === 0 || given.length > MOST_DETAILS) {
    return refuse(`They must be a JSON array of 1 to ${MOST_DETAILS} objects.`)
  }
  return given.map((each) => {
    if (!isDetail(each)) return refuse('Each must be an object with a type.')
    const type = types.get(each.type)
    // Of a type that another client may ask for nothing more is said than of one that is not there.
    if (!type || !registered.includes(each.type)) {
      return refuse('This app is not registered for one of the types, or there is no such type here.')
    }
    requireFields(each, type)
    return JSON.parse(canonicalJson(each)) as Detail
  })
}

const isDetail = (value: Json): value is Detail =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && typeof value.type === 'string'

function requireFields(detail: Detail, { fields }: DetailType): void {
  const { type, ...rest } = detail
  const leaves = leavesOf(rest)
  for (const [name, value] of leaves) {
    const field = fields.get(name)
    if (!field) refuse(`A field of ${type} is not known: ${shortly(name)}.`)
    else if (!isFit(value, field)) refuse(`The field ${name} of ${type} does not say what it may.`)
  }
  const missing = [...fields].find(([name, { isRequired }]) => isRequired && !leaves.has(name))
  if (missing) refuse(`The field ${missing[0]} of ${type} is missing.`)
}

/** The fields of an object and of those within it, by their names joined by dots. */
function leavesOf(value: Record<string, Json>, before = ''): Map<string, Json> {
  const leaves = new Map<string, Json>()
  for (const [key, each] of Object.entries(value)) {
    // A name with a dot in it would pass for a field within a field.
    const name = key.includes('.') ? `${before}${key} ` : before + key
    const isObject = typeof each === 'object' && each !== null && !Array.isArray(each)
    if (!isObject) leaves.set(name, each)
    else if (Object.keys(each).length === 0) leaves.set(name, each)
    else for (const leaf of leavesOf(each, `${name}.`)) leaves.set(...leaf)
  }
  return leaves
}

function isFit(value: Json, { kind, values }: DetailField): boolean {
  if (kind === 'number') return typeof value === 'number'
  if (kind === 'flag') return typeof value === 'boolean'
  if (kind === 'list') {
    const isList = Array.isArray(value) && value.length > 0 && value.length <= MOST_IN_A_LIST
    return isList && value.every((each) => isText(each, values))
  }
  return isText(value, values)
}

/** Like a binding message, it is never cut or cleaned: what would not be read as it is meant is refused. */
const isText = (value: Json, values: readonly string[] | undefined): boolean =>
  typeof value === 'string' &&
  value.length <= MOST_CHARACTERS &&
  /\S/u.test(value) &&
  !/[\p{C}\p{Zl}\p{Zp}]/u.test(value) &&
  (values === undefined || values.includes(value))

/** A detail as it is shown: in the operator's words, in their order, and as it was asked, for machines. */
export interface ShownDetail extends Record<string, Json> {
  granted: boolean
  texts: Record<string, string>
  dangerous: boolean
  fields: { name: string; texts: Record<string, string> }[]
  detail: Detail
}

/** @param withheld numbers of those that the user does not give */
export const shownDetails = (
  details: readonly Detail[],
  types: DetailTypes,
  withheld: readonly number[],
): ShownDetail[] =>
  details.map((detail, i) => {
    const { type: _, ...rest } = detail
    const leaves = leavesOf(rest)
    // Of a type that is declared no more all is shown by its bare name.
    const { texts = {}, isDangerous = false, fields = leaves } = types.get(detail.type) ?? {}
    return {
      granted: !withheld.includes(i),
      texts,
      dangerous: isDangerous,
      fields: [...fields.keys()]
        .filter((name) => leaves.has(name))
        .map((name) => ({ name, texts: types.get(detail.type)?.fields.get(name)?.texts ?? {} })),
      detail,
    }
  })

/** What is left when the user keeps some back. */
export const grantedDetails = (details: readonly Detail[], withheld: readonly number[]): Detail[] =>
  details.filter((_, i) => !withheld.includes(i))

/**
 * Which details a user keeps back, by their numbers.
 *
 * @throws Refusal `input_invalid` for what was not asked, `nothing_granted` for all of them
 */
export function requireWithheld(details: readonly Detail[], withheld: readonly number[]): number[] {
  const numbers = [...new Set(withheld)].sort((a, b) => a - b)
  if (numbers.some((each) => details[each] === undefined)) throw new Refusal('input_invalid')
  if (numbers.length > 0 && numbers.length === details.length) throw new Refusal('nothing_granted')
  return numbers
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return refuse('They are not JSON.')
  }
}

const shortly = (name: string) => name.slice(0, 60)

function refuse(detail: string): never {
  throw new Refusal('details_refused', {
    detail: `The authorization_details may not be asked for. ${detail}`,
  })
}
