import { runDemo } from '../../demo/run.ts'
import { PAGES_FOLDER } from './pages-folder.ts'
import { readWords } from './usage.ts'

const HELP = `Usage: countersign demo [--once]

Shows the whole flow on this machine, on a temporary store: a sample initiator asks, the user is told on a phone with
WhatsApp (played by a page), a software passkey approves, the token is delivered. Then it stays up for you to try by hand.

  --once   exit after the flow; non-zero if a step failed
`

/** `countersign demo` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, { once: { type: 'boolean' } })
  if (!words) return 0
  const write = (line: string) => process.stdout.write(`${line}\n`)
  const linger = async () => {
    if (words.values.once) return
    write('Press Ctrl+C to end.')
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
    })
  }
  try {
    await runDemo({ pages: PAGES_FOLDER, write, linger })
    return 0
  } catch (fault) {
    process.stderr.write(`\nThe demo failed: ${fault instanceof Error ? fault.message : fault}\n`)
    return 1
  }
}
