import { Refusal } from '#base/errors.ts'

/** As many as fit on a small phone without a scroll. */
const MOST_CHARACTERS = 140

/**
 * A binding message as it will be shown. It is never cut or cleaned, since the client shows it too and a person compares
 * the two: what holds characters that hide, reorder or command (Unicode category C, line separators) is refused.
 *
 * @throws Refusal `binding_message_unfit` (CIBA Core 1.0 §7.1, §13)
 */
export function fitBindingMessage(text: string): string {
  const message = text.normalize('NFC')
  const isFit = [...message].length <= MOST_CHARACTERS && /\S/u.test(message) && !UNFIT.test(message)
  if (!isFit) throw new Refusal('binding_message_unfit')
  return message
}

const UNFIT = /[\p{C}\p{Zl}\p{Zp}]/u
