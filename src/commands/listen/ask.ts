import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { UsageError } from '../usage.ts'

/**
 * What must not stand on the command line: from the environment, or typed in. A secret is not shown while it is typed.
 *
 * @throws UsageError where nobody is there to type
 */
export async function ask(name: string, question: string, isSecret: boolean): Promise<string> {
  const given = process.env[name]
  if (given) return given
  if (!process.stdin.isTTY) throw new UsageError(`Set ${name}: there is no terminal to ask at.`)
  process.stdout.write(`${question}: `)
  const output = isSecret ? new Writable({ write: (_part, _encoding, done) => done() }) : process.stdout
  const terminal = createInterface({ input: process.stdin, output, terminal: true })
  try {
    return await new Promise<string>((resolve, reject) => {
      terminal.once('line', (text) => resolve(text.trim()))
      terminal.once('SIGINT', () => reject(new UsageError('Ended.')))
    })
  } finally {
    terminal.close()
    if (isSecret) process.stdout.write('\n')
  }
}
