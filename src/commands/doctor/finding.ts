/** One thing that was looked at, and what to do about it. */
export interface Finding {
  /**
   * ok: nothing to do. off: works without it. soon: works, but not for long. look: works, but something may be wrong.
   * bad: must be mended.
   */
  state: 'ok' | 'off' | 'soon' | 'look' | 'bad'
  what: string
  say: string
}

export const sentenceOf = (fault: unknown): string => (fault instanceof Error ? fault.message : String(fault))
