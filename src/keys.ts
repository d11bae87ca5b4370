import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { type AuditKey, readAuditKey } from '#audit/note.ts'
import { SECOND } from '#base/clock.ts'
import { StoreUnavailable } from '#base/errors.ts'
import type { Log } from '#base/log.ts'
import { createVault, fixedRing, type KeyRing, type MasterKey, type Vault } from '#base/seal.ts'
import { hashSecret, newSecret } from '#base/secrets.ts'
import type { Database } from '#store/database.ts'
import type { SealedColumn, SealedRow } from '#store/sealed.ts'
import { sql } from '#store/sql.ts'
import { type Config, SettingError } from './config.ts'
import { type KeySource, keySourceOf, makeKeyFile } from './master-key.ts'

/**
 * Opens the vault with the master keys of the settings, or with the one under the data folder, which is made at the
 * first start. Keys that do not fit the store stop the start: going on would leave two kinds of sealed values.
 *
 * @param log hears when the keys change, or can no longer be read, while the vault is in use
 * @throws SettingError
 */
export async function openVault(db: Database, config: Config, log?: Log): Promise<Vault> {
  const source = keySourceOf(config)
  if (source.ownFile && !(await readFact(db, CHECK))) await makeKeyFile(source.ownFile)
  const keys = await source.read()
  await makeFacts(db, keys)
  if (!(await fits(db, keys))) {
    throw new SettingError(
      `The master key is not the one that this store was sealed with. Put the right one into ${source.name}, or set COUNTERSIGN_MASTER_KEY_FILE.`,
    )
  }
  const ring = source.freshMs === undefined ? fixedRing(keys) : followSource(source, keys, { db, log })
  const macKey = createVault(ring).open(MAC_KEY, (await readFact(db, MAC_KEY)) ?? new Uint8Array())
  return createVault(ring, macKey)
}

/** Sealed under the master key, so that it shows whether a key is the right one. */
const CHECK = 'master_key_check'
/** What `Vault.mac` signs with: kept sealed, so that it outlives a change of master key. */
const MAC_KEY = 'mac_key'

/** @throws Error when the keys in force do not open this store, or must not seal just now */
export async function unsealCheck(db: Database, vault: Vault): Promise<void> {
  vault.open(CHECK, (await readFact(db, CHECK)) ?? new Uint8Array())
  try {
    vault.header()
  } catch (cause) {
    throw new Error('Nothing may be sealed just now.', { cause })
  }
}

/** Two processes that start together agree: the first one's facts stay. */
async function makeFacts(db: Database, keys: MasterKey[]) {
  const vault = createVault(fixedRing(keys))
  await db.transaction(async (tx) => {
    const check = vault.seal(CHECK, Buffer.from(CHECK))
    const made = await tx.run(sql`
      insert into store_facts (name, value) values ('master_key_check', ${check}) on conflict do nothing`)
    if (made === 0) return
    const macKey = vault.seal(MAC_KEY, randomBytes(32))
    await tx.run(
      sql`insert into store_facts (name, value) values ('mac_key', ${macKey}) on conflict do nothing`,
    )
  })
}

/**
 * The key by which push services know us (PKCS #8, DER), made at the first start. Browsers bind their subscriptions to
 * it, so it never changes, and it comes back from a backup with all else.
 */
export async function openVapidKey(db: Database, vault: Vault): Promise<Buffer> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const made = vault.seal(VAPID_KEY, privateKey.export({ format: 'der', type: 'pkcs8' }))
  await db.transaction((tx) =>
    tx.run(sql`insert into store_facts (name, value) values ('vapid_key', ${made}) on conflict do nothing`),
  )
  return vault.open(VAPID_KEY, (await readFact(db, VAPID_KEY)) ?? new Uint8Array())
}

const VAPID_KEY = 'vapid_key'

/**
 * The key that signs checkpoints of the audit log (Ed25519), made at the first start. Whoever checks the log knows it by
 * its public half, so it never changes.
 */
export async function openAuditKey(db: Database, vault: Vault): Promise<AuditKey> {
  const { privateKey } = generateKeyPairSync('ed25519')
  const made = vault.seal(AUDIT_KEY, privateKey.export({ format: 'der', type: 'pkcs8' }))
  await db.transaction((tx) =>
    tx.run(sql`insert into store_facts (name, value) values ('audit_key', ${made}) on conflict do nothing`),
  )
  return readAuditKey(vault.open(AUDIT_KEY, (await readFact(db, AUDIT_KEY)) ?? new Uint8Array()))
}

const AUDIT_KEY = 'audit_key'

async function readFact(db: Database, name: string): Promise<Uint8Array | undefined> {
  const [fact] = await db.read<{ value: Uint8Array }>(sql`select value from store_facts where name = ${name}`)
  return fact?.value
}

async function fits(db: Database, keys: MasterKey[]): Promise<boolean> {
  const check = await readFact(db, CHECK)
  try {
    createVault(fixedRing(keys)).open(CHECK, check ?? new Uint8Array())
    return true
  } catch {
    return false
  }
}

/** Sealed facts of the store, for a change of master key. */
export const sealedFacts: SealedColumn = {
  table: 'store_facts',
  async stale(db, header, after, limit): Promise<SealedRow[]> {
    const rows = await db.read<{ name: string; value: Uint8Array }>(sql`
      select name, value from store_facts
       where name in ('master_key_check', 'mac_key', 'vapid_key', 'audit_key') and name > ${after} and substr(value, 1, 5) <> ${header}
       order by name limit ${limit}`)
    return rows.map(({ name, value }) => ({ key: name, place: name, sealed: value }))
  },
  replace: (tx, { key, sealed: old }, sealed) =>
    tx.run(sql`update store_facts set value = ${sealed} where name = ${key} and value = ${old}`),
}

/**
 * A ring that follows its source while the server runs. It looks again before it seals, when its last look is too old,
 * and when a value names a key that it does not know: so nothing is sealed under a key that was taken away, even by a
 * process that stood still meanwhile. No timer is needed for that.
 */
function followSource(
  source: KeySource,
  first: MasterKey[],
  { db, log }: { db: Database; log: Log | undefined },
): KeyRing {
  const { freshMs = Number.POSITIVE_INFINITY } = source
  let keys = first
  let lookedAt = performance.now()
  let isLooking = false
  let inDoubt: MasterKey[] | undefined
  let refused = ''
  let complaint = ''

  function look() {
    if (isLooking) return
    lookedAt = performance.now()
    if (!source.readNow) {
      isLooking = true
      const read = source.read().then(take).catch(complain)
      read.finally(() => {
        isLooking = false
      })
      return
    }
    try {
      take(source.readNow())
    } catch (fault) {
      complain(fault)
    }
  }

  function take(read: MasterKey[]) {
    complaint = ''
    const names = namesOf(read)
    if (names === namesOf(keys) || names === refused) return
    if (read.some(({ name }) => keys.some((each) => each.name === name))) {
      accept(read)
    } else if (!inDoubt || namesOf(inDoubt) !== names) {
      // Nothing in common: a whole change of keys went by, or the file is a wrong one. Nothing is sealed until it is known.
      inDoubt = read
      fits(db, read)
        .then((isRight) => {
          if (inDoubt !== read) return
          inDoubt = undefined
          if (isRight) return accept(read)
          refused = names
          complain(new SettingError(`${source.name} holds a master key that does not fit this store.`))
        })
        .catch((fault) => {
          if (inDoubt === read) inDoubt = undefined
          complain(fault)
        })
    }
  }

  function accept(read: MasterKey[]) {
    keys = read
    refused = ''
    log?.info('The master keys have changed.', { keys: namesOf(read) })
  }

  /** Once for each trouble, not at each look. */
  function complain(fault: unknown) {
    const text = String(fault)
    if (text !== complaint) log?.error('The master keys cannot be read again; those known stay.', fault)
    complaint = text
  }

  return {
    current() {
      if (performance.now() - lookedAt > freshMs) look()
      if (inDoubt) throw new StoreUnavailable('The master key has changed and is being checked.')
      return keys[0] as MasterKey
    },
    named(name) {
      const known = keys.find((each) => each.name === name)
      if (known) return known
      if (source.readNow || performance.now() - lookedAt > ASK_AGAIN_MS) look()
      return keys.find((each) => each.name === name)
    },
  }
}

/** A command is not run for each of many values that name an unknown key. */
const ASK_AGAIN_MS = 2 * SECOND

const namesOf = (keys: MasterKey[]): string => keys.map(({ name }) => name).join(' ')

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
