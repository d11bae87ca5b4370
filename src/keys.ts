import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createVault, type Vault } from '#base/seal.ts'
import { hashSecret, newSecret } from '#base/secrets.ts'
import type { Database } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import { type Config, SettingError } from './config.ts'

/**
 * Opens the vault with the master key of the settings, or with the one under the data folder, which is made at the
 * first start. A key that does not fit the store stops the start: going on would leave two kinds of sealed values.
 *
 * @throws SettingError
 */
export async function openVault(db: Database, config: Config): Promise<Vault> {
  const path = join(config.data, 'master.key')
  const [fact] = await db.read<{ value: Uint8Array }>(
    sql`select value from store_facts where name = 'master_key_check'`,
  )
  if (!config.masterKey && fact && !existsSync(path)) {
    throw new SettingError(
      `The master key of this store is missing: ${path}. Put it back, or set COUNTERSIGN_MASTER_KEY_FILE.`,
    )
  }
  const vault = createVault(config.masterKey ?? (await keyFile(path)))

  const value = await db.transaction(async (tx) => {
    const sealed = vault.seal(CHECK, Buffer.from(CHECK))
    await tx.run(sql`
      insert into store_facts (name, value) values ('master_key_check', ${sealed}) on conflict do nothing`)
    return tx.one<{ value: Uint8Array }>(sql`select value from store_facts where name = 'master_key_check'`)
  })
  try {
    vault.open(CHECK, value?.value ?? Buffer.alloc(0))
  } catch (cause) {
    throw new SettingError(
      'The master key is not the one that this store was sealed with. Set COUNTERSIGN_MASTER_KEY_FILE to the right one.',
      { cause },
    )
  }
  return vault
}

const CHECK = 'master_key_check'

/** Reads the key, or makes it so that of two processes that start together both end with the same one. */
async function keyFile(path: string): Promise<Buffer> {
  if (!existsSync(path)) {
    const draft = `${path}.${process.pid}`
    await writeFile(draft, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 })
    await link(draft, path).catch((fault: NodeJS.ErrnoException) => {
      if (fault.code !== 'EEXIST') throw fault
    })
    await rm(draft)
  }
  const key = Buffer.from(await readFile(path, 'utf8'), 'base64')
  if (key.length !== 32)
    throw new SettingError(`The master key file ${path} is damaged: it must hold 32 bytes in base64.`)
  return key
}

/**
 * The hash that the admin key is known by. Without a setting, one is made at the first start and shown that once.
 *
 * @returns the key itself only when it was made now
 */
export async function openAdminKey(
  db: Database,
  config: Config,
): Promise<{ hash: Uint8Array; made?: string }> {
  if (config.adminKey) return { hash: hashSecret(config.adminKey) }
  const made = newSecret('cs_admin')
  return db.transaction(async (tx) => {
    const value = hashSecret(made)
    const inserted = await tx.run(sql`
      insert into store_facts (name, value) values ('admin_key_hash', ${value}) on conflict do nothing`)
    if (inserted === 1) return { hash: value, made }
    const known = await tx.one<{ value: Uint8Array }>(
      sql`select value from store_facts where name = 'admin_key_hash'`,
    )
    return { hash: known?.value ?? value }
  })
}
