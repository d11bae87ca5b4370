import { openStore } from '../app.ts'
import { readConfig } from '../config.ts'
import { readWords } from './usage.ts'

const HELP = `Usage: countersign migrate

Brings the store to the form of this release. “serve” does it too at its start.
`

/** `countersign migrate` */
export async function run(args: string[]): Promise<number> {
  if (!readWords(args, HELP, {})) return 0
  const config = readConfig(process.env)
  const db = await openStore(config, Date.now)
  await db.close()
  process.stdout.write(`The store in ${config.data} has the form of this release.\n`)
  return 0
}
