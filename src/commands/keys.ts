import { open, readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { SECOND } from '#base/clock.ts'
import { createVault, fixedRing, type MasterKey, type Vault } from '#base/seal.ts'
import { sealedInClients } from '#clients/sealed.ts'
import { sealedInDeliveries } from '#deliveries/sealed.ts'
import { sealedInNotices } from '#notices/sealed.ts'
import { sealedInRequests } from '#requests/sealed.ts'
import type { Database } from '#store/database.ts'
import type { SealedColumn } from '#store/sealed.ts'
import { rotateSigningKey } from '#tokens/keys.ts'
import { sealedInTokens } from '#tokens/sealed.ts'
import { openStore } from '../app/store.ts'
import { type Config, readConfig } from '../config.ts'
import { openVault, sealedFacts } from '../keys.ts'
import { type KeySource, keySourceOf, newMasterKey, writeKeyFile } from '../master-key.ts'
import { withStore } from './store.ts'
import { readWords, UsageError } from './usage.ts'

const HELP = `Usage: countersign keys rotate [--one-folder]
       countersign keys rotate --signing

Changes the master key while servers run, and loses nothing. If it is interrupted, run it again.

With the key file under the data folder: adds a new key to it, waits until running servers know it, puts every sealed
value under it, then takes the older key out of the file.

With COUNTERSIGN_MASTER_KEY, COUNTERSIGN_MASTER_KEY_FILE or COUNTERSIGN_MASTER_KEY_COMMAND: put the new key before the
older one there yourself. This then puts every sealed value under the new one, and says when the older may go.

  --signing      changes the key that tokens are signed with instead: the new one is made known at once and signs an
                 hour later, the older one stays known until no token by it can be good. This happens by itself
                 every 90 days.
  --one-folder   with PostgreSQL: all nodes use this very data folder, none has a copy of the key file
`

/** `countersign keys …` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, {
    'one-folder': { type: 'boolean' },
    signing: { type: 'boolean' },
  })
  if (!words) return 0
  if (words.positionals[0] !== 'rotate' || words.positionals.length > 1) throw new UsageError(HELP)
  if (words.values.signing) {
    const kid = await withStore(rotateSigningKey)
    process.stdout.write(`Made a new signing key, ${kid}. It signs from an hour from now.\n`)
    return 0
  }
  const config = readConfig(process.env)
  const source = keySourceOf(config)
  if (source.ownFile && config.database && !words.values['one-folder']) throw new UsageError(COPIES)
  const say = (line: string) => process.stdout.write(`${line}\n`)
  const db = await openStore(config, Date.now)
  try {
    return source.ownFile
      ? await rotateOwn(db, config, source, source.ownFile, say)
      : await rotateGiven(db, config, source, say)
  } finally {
    await db.close()
  }
}

const COPIES = `Several nodes may share a PostgreSQL store. If this is the only one, or all of them use this very data folder,
say so with --one-folder. Else give all of them the key by COUNTERSIGN_MASTER_KEY_FILE or COUNTERSIGN_MASTER_KEY_COMMAND
first: a node with its own copy of the key file would not learn the new key.`

type Say = (line: string) => void

/** Every column of sealed values that there is. */
const COLUMNS: SealedColumn[] = [
  sealedFacts,
  ...sealedInTokens,
  ...sealedInClients,
  ...sealedInNotices,
  ...sealedInDeliveries,
  ...sealedInRequests,
]
/** Rows that are put under the new key in one transaction: the one writer is held for milliseconds. */
const BATCH = 200
const PROGRESS_MS = SECOND
/** Beside the time in which servers look at the source again, what a transaction under way may still take. */
const MARGIN_MS = 3 * SECOND

/** The key file under the data folder is ours: from a new key to none but it. */
async function rotateOwn(db: Database, config: Config, source: KeySource, path: string, say: Say) {
  await openVault(db, config)
  await using _ = await lock(path)
  let keys = await source.read()
  if (keys.length === 1) {
    keys = [newMasterKey(keys), ...keys]
    await writeKeyFile(path, keys)
    say(`Added a new master key, ${keys[0]?.name}, to ${path}.`)
  } else {
    say(`${path} holds ${keys.length} keys: an earlier change is brought to its end.`)
  }
  const vault = createVault(fixedRing(keys))
  await waitForServers(source, say)
  const unopened = await rewrapAll(db, vault, say)
  if (unopened > 0) return giveUp(unopened, say)

  await writeKeyFile(path, keys.slice(0, 1))
  say('Took the older key out of the file. A last look follows.')
  await waitForServers(source, say)
  // What a server sealed in the last moment; here the older keys are still known.
  await rewrapAll(db, vault, say)
  say('Done. Backups made before now need the older key.')
  return 0
}

async function rotateGiven(db: Database, config: Config, source: KeySource, say: Say) {
  await openVault(db, config)
  const keys = await source.read()
  const older = keys.slice(1)
  if (older.length > 0) await waitForServers(source, say)
  const unopened = await rewrapAll(db, createVault(fixedRing(keys)), say)
  if (unopened > 0) return giveUp(unopened, say)
  say(
    older.length === 0
      ? `${source.name} holds one key, ${keys[0]?.name}, and everything is under it. To change it, put a new one before it, then run this again.`
      : `Everything is under ${keys[0]?.name}. Once every server runs with it, ${namesOf(older)} may be removed from ${source.name}.`,
  )
  return 0
}

const namesOf = (keys: MasterKey[]): string => keys.map(({ name }) => name).join(', ')

async function waitForServers({ freshMs, name }: KeySource, say: Say) {
  if (freshMs === undefined) {
    return say(
      `Servers read ${name} at their start: start them anew, with both keys, before the older is gone.`,
    )
  }
  const ms = freshMs + MARGIN_MS
  say(`Waiting ${ms / SECOND} s, in which every running server looks at its keys.`)
  await pause(ms)
}

function giveUp(unopened: number, say: Say): number {
  say(
    `${unopened} sealed values open under none of the keys, so no key was taken away. Put their key behind the others.`,
  )
  return 1
}

/**
 * Puts every sealed value under the current key, pass by pass, until one finds nothing to do: what changed under its
 * hands is looked at again.
 *
 * @returns how many values none of the keys opens
 */
async function rewrapAll(db: Database, vault: Vault, say: Say): Promise<number> {
  for (;;) {
    let isWhole = true
    let unopened = 0
    for (const column of COLUMNS) {
      const pass = await rewrapColumn(db, vault, column, say)
      if (pass.rewrapped > 0 || pass.missed > 0) isWhole = false
      unopened += pass.unopened
    }
    if (isWhole) return unopened
  }
}

async function rewrapColumn(db: Database, vault: Vault, column: SealedColumn, say: Say) {
  const pass = { rewrapped: 0, missed: 0, unopened: 0 }
  const header = vault.header()
  let saidAt = performance.now()
  for (let after = ''; ; ) {
    const rows = await column.stale(db, header, after, BATCH)
    const last = rows.at(-1)
    if (!last) {
      if (pass.rewrapped > 0) say(`  ${column.table}: ${pass.rewrapped} done`)
      return pass
    }
    const fresh = rows.flatMap((row) => {
      const sealed = rewrapOne(vault, row.place, row.sealed)
      return sealed ? [{ row, sealed }] : []
    })
    const changes = await db.transaction(async (tx) => {
      let count = 0
      for (const { row, sealed } of fresh) count += await column.replace(tx, row, sealed)
      return count
    })
    pass.rewrapped += changes
    pass.missed += fresh.length - changes
    pass.unopened += rows.length - fresh.length
    if (performance.now() - saidAt > PROGRESS_MS) {
      saidAt = performance.now()
      say(`  ${column.table}: ${pass.rewrapped}`)
    }
    after = last.key
  }
}

function rewrapOne(vault: Vault, place: string, sealed: Uint8Array): Buffer | undefined {
  try {
    return vault.rewrap(place, sealed)
  } catch {
    return undefined
  }
}

/** Two changes of one key file at a time would take each other's new key away. A lock whose process has ended is void. */
async function lock(path: string) {
  const file = `${path}.lock`
  const taken = `A change of keys is under way (${file}). If no such process runs, remove that file.`
  for (let tries = 1; ; tries += 1) {
    try {
      const handle = await open(file, 'wx', 0o600)
      await handle.writeFile(`${process.pid} ${hostname()}`)
      await handle.close()
      return { [Symbol.asyncDispose]: () => rm(file, { force: true }) }
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code !== 'EEXIST') throw fault
      const [pid = '', host] = (await readFile(file, 'utf8').catch(() => '')).split(' ')
      if (tries > 1 || host !== hostname() || isRunning(Number(pid))) throw new UsageError(taken)
      await rm(file, { force: true })
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (fault) {
    return (fault as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}
