import { copyStore } from '#store/copy.ts'
import { migrate } from '#store/migrate.ts'
import { openPostgres } from '#store/postgres.ts'
import { openSqlite } from '#store/sqlite.ts'
import { openStore } from '../app/store.ts'
import { readConfig } from '../config.ts'
import { readWords, UsageError } from './usage.ts'

const HELP = `Usage: countersign migrate
       countersign migrate --from FILE --to postgres://…

Without options: brings the store of the settings to the form of this release. “serve” does it too at its start.

With both: moves everything from an embedded store to an empty PostgreSQL database, and counts the rows on both sides.
Stop the server first. The master key is not moved: give the new nodes the same COUNTERSIGN_MASTER_KEY_FILE.

  --from FILE        the embedded store, for instance ./data/countersign.db
  --to postgres://…  the empty database
`

/** `countersign migrate` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, { from: { type: 'string' }, to: { type: 'string' } })
  if (!words) return 0
  const { from, to } = words.values
  if (from === undefined && to === undefined) {
    const config = readConfig(process.env)
    const db = await openStore(config, Date.now)
    await db.close()
    process.stdout.write('The store has the form of this release.\n')
    return 0
  }
  if (!from || !to) throw new UsageError(`Give both --from and --to.\n\n${HELP}`)
  if (!/^postgres(ql)?:\/\//.test(to)) throw new UsageError(`--to must begin with postgres://\n\n${HELP}`)
  await move(from, to)
  return 0
}

async function move(from: string, to: string) {
  const source = await openSqlite(from)
  const target = openPostgres(to, { listens: false })
  try {
    await migrate(source, Date.now())
    await migrate(target, Date.now())
    const counts = await copyStore(source, target, ({ table, copied, total }) => {
      process.stdout.write(`  ${table}: ${copied} of ${total}\n`)
    })
    const rows = Object.values(counts).reduce((sum, each) => sum + each, 0)
    process.stdout.write(
      `Moved ${rows} rows of ${Object.keys(counts).length} tables; both sides have the same counts.\n`,
    )
  } catch (fault) {
    if (fault instanceof Error && fault.message.startsWith('The target is not empty'))
      throw new UsageError(fault.message)
    throw fault
  } finally {
    await source.close()
    await target.close()
  }
}
