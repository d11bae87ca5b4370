const LONGEST = 140

/**
 * Makes a client's words fit to be shown as a quotation: on one line, without characters that hide, reorder or command
 * (Unicode categories Cc, Cf, Co, Cn, and line separators), and no longer than 140 characters.
 *
 * @returns null when nothing is left
 */
export function cleanReason(text: string): string | null {
  const line = text
    .normalize('NFC')
    .replace(/[\s\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/\p{C}/gu, '')
    .trim()
  if (line === '') return null
  const characters = [...line]
  return characters.length > LONGEST
    ? `${characters
        .slice(0, LONGEST - 1)
        .join('')
        .trimEnd()}…`
    : line
}
