import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { link, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SECOND } from '#base/clock.ts'
import { type MasterKey, toMasterKey } from '#base/seal.ts'
import { syncFolder } from '#store/files.ts'
import { type Config, SettingError } from './config.ts'
import { masterKeys } from './settings/values.ts'

/** Where the master keys come from: text that holds the current one first, then older ones that still open. */
export interface KeySource {
  /** As people know it: the name of a setting, or a path. */
  name: string
  /** Path of the file under the data folder, which is ours to write. */
  ownFile?: string
  /** A running server looks again before it seals, when its last look was longer ago; undefined: never. */
  freshMs?: number
  /** @throws SettingError */
  read(): Promise<MasterKey[]>
  /** The same at once, where that takes no time. */
  readNow?(): MasterKey[]
}

/** @throws SettingError when more than one is set */
export function keySourceOf(config: Config): KeySource {
  const { masterKey, masterKeyFile, masterKeyCommand } = config
  if ([masterKey, masterKeyFile, masterKeyCommand].filter(Boolean).length > 1) {
    throw new SettingError(
      'Set only one of COUNTERSIGN_MASTER_KEY, COUNTERSIGN_MASTER_KEY_FILE and COUNTERSIGN_MASTER_KEY_COMMAND.',
    )
  }
  if (masterKey) return { name: 'COUNTERSIGN_MASTER_KEY', read: async () => masterKey.map(toMasterKey) }
  if (masterKeyFile) return fileSource(masterKeyFile, 'COUNTERSIGN_MASTER_KEY_FILE')
  if (masterKeyCommand) return commandSource(masterKeyCommand)
  const path = join(config.data, 'master.key')
  return { ...fileSource(path, path), ownFile: path }
}

/** A file is small and near: it is read again whenever a look is older than this. */
const FILE_FRESH_MS = 2 * SECOND
/** A command may ask a service that counts its calls. */
const COMMAND_FRESH_MS = 30 * SECOND
const COMMAND_TIMEOUT_MS = 10 * SECOND

function fileSource(path: string, name: string): KeySource {
  const cannotRead = (cause: unknown) =>
    new SettingError(
      (cause as NodeJS.ErrnoException).code === 'ENOENT'
        ? `The master key of this store is missing: ${path}. Put it back, or set COUNTERSIGN_MASTER_KEY_FILE.`
        : `The master key file ${path} cannot be read.`,
      { cause },
    )
  return {
    name,
    freshMs: FILE_FRESH_MS,
    async read() {
      const text = await readFile(path, 'utf8').catch((cause) => {
        throw cannotRead(cause)
      })
      return parse(text, `The master key file ${path}`)
    },
    readNow() {
      let text: string
      try {
        text = readFileSync(path, 'utf8')
      } catch (cause) {
        throw cannotRead(cause)
      }
      return parse(text, `The master key file ${path}`)
    },
  }
}

/** Runs without a shell. What it prints is a secret, also when it fails, so nothing of it enters a message. */
function commandSource(command: string): KeySource {
  const name = 'COUNTERSIGN_MASTER_KEY_COMMAND'
  const [file = '', ...words] = command.split(' ').filter(Boolean)
  const run = () =>
    new Promise<string>((resolve, reject) => {
      const options = { timeout: COMMAND_TIMEOUT_MS, maxBuffer: 64 * 1024, encoding: 'utf8' as const }
      const child = execFile(file, words, options, (fault, output) => {
        if (!fault) return resolve(output)
        const why = fault.killed
          ? `took longer than ${COMMAND_TIMEOUT_MS / SECOND} s`
          : `ended with ${fault.code ?? fault.signal ?? 'a fault'}`
        reject(new SettingError(`The command of ${name} ${why}. Run it by hand to see what it says.`))
      })
      child.stdin?.on('error', () => {})
      child.stdin?.end()
    })
  return {
    name,
    freshMs: COMMAND_FRESH_MS,
    read: async () => parse(await run(), `What the command of ${name} prints`),
  }
}

function parse(text: string, what: string): MasterKey[] {
  try {
    return masterKeys(text).map(toMasterKey)
  } catch (fault) {
    throw new SettingError(`${what} ${fault instanceof Error ? fault.message : 'is not usable'}.`)
  }
}

/** Makes the file with a first key, so that of two processes that start together both end with the same one. */
export async function makeKeyFile(path: string): Promise<void> {
  const draft = await writeDraft(path, [newMasterKey([])])
  try {
    await link(draft, path)
    await syncFolder(path)
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code !== 'EEXIST') throw fault
  } finally {
    await rm(draft)
  }
}

/** Puts these keys into the file, all at once: a reader sees the old ones or the new ones. */
export async function writeKeyFile(path: string, keys: readonly MasterKey[]): Promise<void> {
  await rename(await writeDraft(path, keys), path)
  await syncFolder(path)
}

/** @param known keys that it must not be taken for */
export function newMasterKey(known: readonly MasterKey[]): MasterKey {
  const made = toMasterKey(randomBytes(32))
  return known.some(({ name }) => name === made.name) ? newMasterKey(known) : made
}

async function writeDraft(path: string, keys: readonly MasterKey[]): Promise<string> {
  const draft = `${path}.${process.pid}`
  await rm(draft, { force: true })
  const file = await open(draft, 'wx', 0o600)
  try {
    await file.writeFile(keys.map(({ wrapping }) => `${wrapping.export().toString('base64')}\n`).join(''))
    await file.sync()
  } finally {
    await file.close()
  }
  return draft
}
