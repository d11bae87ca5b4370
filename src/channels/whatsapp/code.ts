import { randomBytes } from 'node:crypto'

/**
 * A code that a user sends from their phone: 50 random bits, written so that nobody mistakes one letter for another
 * (Crockford's base 32). It lives minutes and few may be tried, so that no more is called for.
 */
export function newCode(): string {
  const letters = Array.from(randomBytes(10), (byte) => ALPHABET[byte & 31]).join('')
  return `${letters.slice(0, 5)}-${letters.slice(5)}`
}

/** @returns the code in a text, as we wrote it; undefined if there is none */
export const codeIn = (text: string): string | undefined => CODE.exec(text)?.[0].toUpperCase()

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const CODE = /(?<![\w-])[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}(?![\w-])/i
