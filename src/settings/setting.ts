/** One setting: the only place that says what it is called, what it may be and what it is for. */
export interface Setting<T> {
  /** Name of the variable, after `COUNTERSIGN_`. */
  env: string
  parse: (text: string) => T
  /** As it would be written; undefined where nothing set means off. */
  fallback?: string
  about: string
  example: string
  /** The value may also come from a file whose path stands in the variable of the same name with `_FILE`. */
  isSecret?: boolean
  /** It is or may hold a secret, and has another way of standing in a file. */
  isHidden?: boolean
}

export const setting = <T>(each: Setting<T>) => each
/** One that is always there, since it has a default. */
export const always = <T>(each: Setting<T> & { fallback: string }) => ({ ...each, isAlways: true as const })

/** A setting that cannot be used. The message names it, and shows one that can. */
export class SettingError extends Error {
  override readonly name = 'SettingError'
}
