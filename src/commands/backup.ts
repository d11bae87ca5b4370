import { rm } from 'node:fs/promises'
import { putInPlace } from '#store/files.ts'
import { copySnapshot, inspectSnapshot, remainsOf } from '#store/snapshot.ts'
import { storePath } from '../app/store.ts'
import { readConfig } from '../config.ts'
import { keySourceOf } from '../master-key.ts'
import { megabytes, sayProgress } from './progress.ts'
import { readWords, UsageError } from './usage.ts'

const HELP = `Usage: countersign backup --to FILE

Copies the embedded store of the settings to one file, as it is at this moment, also while a server runs. The file
appears under its name once it is whole and on disk. A file that is there already is never overwritten.

The master key is not in it: keep a copy of that apart from the backups, since without it nothing sealed can be opened.
docs/backup.md tells what a restored store does, and what about PostgreSQL.

  --to FILE  where to, for instance /backups/countersign-2026-11-24.db
`

/** `countersign backup` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, { to: { type: 'string' } })
  if (!words) return 0
  const { to } = words.values
  if (!to) throw new UsageError(`Say where to: --to FILE.\n\n${HELP}`)
  const config = readConfig(process.env)
  if (config.database) throw new UsageError(POSTGRES)
  const from = storePath(config)
  if (remainsOf(from)[0] !== from) {
    throw new UsageError(
      `There is no store at ${from}. Set COUNTERSIGN_DATA to the folder of the one you mean.`,
    )
  }
  refuseToOverwrite(to)

  const draft = `${to}.partial-${process.pid}`
  const forget = removeIfStopped(draft)
  try {
    await copySnapshot(from, draft, sayProgress('copied'))
    const { requests, queued } = inspectSnapshot(draft)
    await putInPlace(draft, to).catch((fault) => {
      if ((fault as NodeJS.ErrnoException).code === 'EEXIST') refuseToOverwrite(to)
      throw fault
    })
    process.stdout.write(
      `${to} holds the store: ${await megabytes(to)}, ${requests} requests, ${queued} deliveries on their way.\n` +
        `The master key is not in it: keep a copy of ${keySourceOf(config).name} apart from the backups.\n`,
    )
    return 0
  } catch (fault) {
    await rm(draft, { force: true })
    throw fault
  } finally {
    forget()
  }
}

const POSTGRES = `This store lies in PostgreSQL, whose own tools copy it while servers run:

  pg_dump --format=custom --file=FILE "$COUNTERSIGN_DATABASE"     one consistent copy
  continuous archiving (PITR)                                     back to any moment

The master key is not in either. docs/backup.md tells what a restored store does.`

function refuseToOverwrite(path: string) {
  if (remainsOf(path)[0] === path)
    throw new UsageError(`${path} is there already, and is not overwritten. Give another name.`)
}

/** Whoever breaks it off by hand finds nothing left of it; after a kill a file is left whose name says that it is not whole. */
function removeIfStopped(draft: string): () => void {
  const stop = () => void rm(draft, { force: true }).finally(() => process.exit(130))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  return () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop)
  }
}
