import { readFile } from 'node:fs/promises'
import { verifyEvidence } from '#requests/evidence.ts'
import { readWords, UsageError } from './usage.ts'

const HELP = `Usage: countersign evidence verify FILE

Checks the proof of an approval, without the server and without a network: that the passkey in it signed exactly the
text in it, with the user's own verification. Compare the fingerprint with the one that the account is known by.
`

/** `countersign evidence …` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, {})
  if (!words) return 0
  const [verb, file, ...more] = words.positionals
  if (verb !== 'verify' || !file || more.length > 0) throw new UsageError(HELP)
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new UsageError(`${file} cannot be read.`, { cause })
  })
  try {
    const { approval, decidedAt, passkeyFingerprint } = await verifyEvidence(text)
    const lines = Object.entries(approval).map(
      ([key, value]) => `  ${key.padEnd(18)} ${JSON.stringify(value)}`,
    )
    process.stdout.write(
      `The evidence holds: this passkey signed exactly this approval.\n${lines.join('\n')}\n` +
        `  decided            ${new Date(decidedAt).toISOString()} (by the server's clock, not signed)\n` +
        `  passkey (SHA-256)  ${passkeyFingerprint}\n`,
    )
    return 0
  } catch (fault) {
    process.stderr.write(`The evidence does not hold. ${fault instanceof Error ? fault.message : ''}\n`)
    return 1
  }
}
