import { type ParseArgsConfig, parseArgs } from 'node:util'

/** Words on the command line that do not fit; the message says what would. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * Reads the words of a command. `--help` prints the help and yields undefined.
 *
 * @throws UsageError with the help behind it
 */
export function readWords<T extends NonNullable<ParseArgsConfig['options']>>(
  args: string[],
  help: string,
  options: T,
) {
  try {
    const read = parseArgs({
      args,
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    })
    if (!(read.values as { help?: boolean }).help) return read
    process.stdout.write(help)
    return undefined
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new UsageError(`${why}\n\n${help}`, { cause })
  }
}
