import { mkdir, rm } from 'node:fs/promises'
import { recordEvent } from '#audit/events.ts'
import { putInPlace } from '#store/files.ts'
import { migrate, migrationNames } from '#store/migrate.ts'
import { copySnapshot, inspectSnapshot, remainsOf, type Snapshot } from '#store/snapshot.ts'
import { openSqlite } from '#store/sqlite.ts'
import { COMMAND_LINE } from '#users/roles.ts'
import { deleteAllSessions } from '#users/store.ts'
import { storePath } from '../app/store.ts'
import { type Config, readConfig } from '../config.ts'
import { openVault } from '../keys.ts'
import { sayProgress } from './progress.ts'
import { readWords, UsageError } from './usage.ts'

const HELP = `Usage: countersign restore --from FILE

Puts a copy that “countersign backup” made in the place of the embedded store of the settings, where there must be none:
stop the server, and move the old one away. The copy is read from end to end first, and tried with the master key, so
put that in its place before. Nothing is in place until all of it is.

Everybody has to sign in anew. What was on its way goes on: the same tokens, under the same webhook-id.
docs/backup.md tells what became of things after the backup was made.

  --from FILE  the backup
`

/** `countersign restore` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, { from: { type: 'string' } })
  if (!words) return 0
  const { from } = words.values
  if (!from) throw new UsageError(`Say which backup: --from FILE.\n\n${HELP}`)
  const config = readConfig(process.env)
  if (config.database) throw new UsageError(POSTGRES)
  if (remainsOf(from)[0] !== from) throw new UsageError(`There is no file ${from}.`)
  const path = storePath(config)
  refuseToReplace(path)

  const known = inspectSnapshot(from)
  await requireKnownForm(known)
  await mkdir(config.data, { recursive: true, mode: 0o700 })
  const draft = `${path}.restoring-${process.pid}`
  try {
    await copySnapshot(from, draft, sayProgress('restored'))
    await makeUsable(draft, config, known)
    await putInPlace(draft, path).catch((fault) => {
      if ((fault as NodeJS.ErrnoException).code === 'EEXIST') refuseToReplace(path)
      throw fault
    })
  } finally {
    for (const each of remainsOf(draft)) await rm(each, { force: true })
  }
  process.stdout.write(
    `The store is in place: ${known.requests} requests, ${known.queued} deliveries on their way, as of ${endOf(known)}.\n` +
      'Everybody has to sign in anew. Start the server when nothing else runs on the old store.\n',
  )
  return 0
}

const POSTGRES = `This store lies in PostgreSQL. Stop the servers, restore it by its own tools into an empty database, and start again:

  pg_restore --dbname="$COUNTERSIGN_DATABASE" FILE

docs/backup.md tells what a restored store does.`

function refuseToReplace(path: string) {
  const [found] = remainsOf(path)
  if (!found) return
  throw new UsageError(
    `${found} is there already, and is not overwritten. Stop the server, move the old store away with its -wal and -shm files, then do this again.`,
  )
}

async function requireKnownForm({ migrations }: Snapshot) {
  const known = new Set(await migrationNames('sqlite'))
  const newer = migrations.find((each) => !known.has(each))
  if (newer)
    throw new UsageError(`This backup is of a newer release (it has ${newer}). Restore it by that release.`)
}

/** Tries the key, and ends what must not come to life again. */
async function makeUsable(draft: string, config: Config, known: Snapshot) {
  const db = await openSqlite(draft)
  try {
    await migrate(db, Date.now())
    await openVault(db, config)
    await db.transaction(async (tx) => {
      // Some of these were ended since, and nobody knows which.
      await deleteAllSessions(tx)
      await recordEvent(tx, {
        kind: 'store_restored',
        actor: 'operator',
        actorId: COMMAND_LINE,
        detail: `as of ${endOf(known)}`,
        at: Date.now(),
      })
    })
  } finally {
    await db.close()
  }
}

const endOf = ({ lastEntryAt }: Snapshot) =>
  lastEntryAt === null ? 'its beginning' : new Date(lastEntryAt).toISOString()
