import { Refusal } from '#base/errors.ts'
import { canonicalJson, type Json } from '#base/json.ts'

/** What a client says of how its request came about (FAPI-CIBA §5.3): its device, its place, and the like. */
export type AskedIn = Record<string, Json>

const MOST_CHARACTERS = 2_000

/**
 * Reads a request context. It is the client's own word: kept with the request, shown as what the app says, and part of what
 * is signed, so what would hide or reorder text is refused.
 *
 * @throws Refusal `request_context_unfit`
 */
export function readRequestContext(text: string): AskedIn {
  const context = parse(text)
  const isObject = typeof context === 'object' && context !== null && !Array.isArray(context)
  if (!isObject || Object.keys(context).length === 0) throw new Refusal('request_context_unfit')
  const canonical = canonicalJson(context)
  if (canonical.length > MOST_CHARACTERS || !isReadable(context)) throw new Refusal('request_context_unfit')
  return JSON.parse(canonical) as AskedIn
}

const isReadable = (value: Json): boolean => {
  if (typeof value === 'string') return !/[\p{C}\p{Zl}\p{Zp}]/u.test(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, each]) => isReadable(name) && isReadable(each))
}

function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new Refusal('request_context_unfit')
  }
}
