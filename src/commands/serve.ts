import { gatherLines, jsonLog } from '#base/log.ts'
import { startApp } from '../app.ts'
import { readConfig, settingsHelp } from '../config.ts'
import { PAGES_FOLDER } from './pages-folder.ts'
import { readWords } from './usage.ts'

const HELP = `Usage: countersign serve

Starts the server. Settings come from the environment:

${settingsHelp()}
`

/** `countersign serve`: runs until it is told to stop, then finishes what is under way. */
export async function run(args: string[]): Promise<number> {
  if (!readWords(args, HELP, {})) return 0
  const config = readConfig(process.env)
  const log = jsonLog(gatherLines((text) => process.stderr.write(text)))
  const app = await startApp({ config, log, pages: PAGES_FOLDER })

  const say = (line: string) => process.stdout.write(`${line}\n`)
  if (config.isDev) {
    say(
      '!! COUNTERSIGN_DEV=1: endpoints may be http, on loopback and on private addresses. Never run a real server so.',
    )
  }
  if (app.madeAdminKey) say(`Admin key, shown this once: ${app.madeAdminKey}`)
  say(`Countersign is ready at ${app.origin}`)

  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  log.info('Stopping: no new calls are taken, what is under way is finished.')
  await app.stop()
  return 0
}
