import { runAgentDemo } from '../../demo/agent-demo.ts'
import { runDemo } from '../../demo/run.ts'
import { PAGES_FOLDER } from './pages-folder.ts'
import { readWords } from './usage.ts'

const HELP = `Usage: countersign demo [--agent] [--once]

Shows the whole flow on this machine, on a temporary store: a sample initiator asks, the user is told on a phone with
WhatsApp (played by a page), a software passkey approves, the token is delivered. Then it stays up for you to try by hand.

  --agent  an AI agent in the place of that: its tool pays only what its user has approved
  --once   exit after the flow; non-zero if a step failed
`

/** `countersign demo` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, {
    agent: { type: 'boolean' },
    once: { type: 'boolean' },
  })
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
    const run = words.values.agent ? runAgentDemo : runDemo
    await run({ pages: PAGES_FOLDER, write, linger, isOnce: words.values.once === true })
    return 0
  } catch (fault) {
    process.stderr.write(`\nThe demo failed: ${fault instanceof Error ? fault.message : fault}\n`)
    return 1
  }
}
