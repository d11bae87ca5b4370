/** Words of RFC 6749 §3.3, each told once, in their order. */
export const scopeList = (text: string): string[] => [...new Set(text.split(' ').filter(Boolean))]

export const isScopeList = (text: string): boolean =>
  text.length <= MOST_CHARACTERS && /^[\x21\x23-\x5B\x5D-\x7E]+( +[\x21\x23-\x5B\x5D-\x7E]+)*$/.test(text)

const MOST_CHARACTERS = 2_000
