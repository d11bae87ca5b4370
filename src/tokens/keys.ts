import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type Clock, DAY, HOUR, MINUTE } from '#base/clock.ts'
import { uuidv7 } from '#base/ids.ts'
import type { Log } from '#base/log.ts'
import type { Vault } from '#base/seal.ts'
import type { Database, Transaction } from '#store/database.ts'
import {
  allSigningKeys,
  insertSigningKey,
  lockSigningKeys,
  type SigningKeyRow,
  signingKeysInside,
} from './store.ts'

/** A key that tokens are signed with (ES256), made a `KeyObject` once. */
export interface SigningKey {
  kid: string
  privateKey: KeyObject
}

/** The keys of this server: one signs, several are made known. */
export interface SigningKeys {
  current(): SigningKey
  /** Public keys as a JWK Set (RFC 7517 §5): those that sign, soon will, or have signed what may still be good. */
  published(): { keys: object[] }
  /** Any that ever signed, also one that is not published any more. */
  verifying(kid: string): KeyObject | undefined
  stop(): void
}

interface KeysContext {
  db: Database
  now: Clock
  vault: Vault
}

/** A key signs for this long. */
const LIFE_MS = 90 * DAY
/** A new key is made known so long before it signs: longer than anybody keeps our JWK Set, see `MOST_CACHE_S`. */
const AHEAD_MS = HOUR
/** After its successor has begun, a key stays known for longer than any token lives. */
const OVERLAP_MS = 8 * DAY
const LOOK_MS = MINUTE

/** How long others may keep our JWK Set, in seconds. */
export const MOST_CACHE_S = 900

/** Opens the signing keys, makes the first, and goes on looking for what other nodes make. */
export async function openSigningKeys(context: KeysContext & { log: Log }): Promise<SigningKeys> {
  const { vault, now, log } = context
  const opened = new Map<string, KeyObject>()
  let rows = await keepKeys(context)

  const look = () =>
    keepKeys(context).then(
      (found) => {
        rows = found
      },
      (fault) => log.error('The signing keys could not be read.', fault),
    )
  const timer = setInterval(look, LOOK_MS)
  timer.unref()

  function open({ id, sealed }: SigningKeyRow): KeyObject {
    const known = opened.get(id)
    if (known) return known
    const key = createPrivateKey({ key: vault.open(keyPlace(id), sealed), format: 'der', type: 'pkcs8' })
    opened.set(id, key)
    return key
  }

  return {
    current() {
      const row = rows.find((each) => each.signsFrom <= now()) ?? rows.at(-1)
      if (!row) throw new Error('There is no signing key.')
      return { kid: row.id, privateKey: open(row) }
    },
    published() {
      // From new to old: what comes before a key has followed it.
      const known = rows.filter((_, i) => {
        const successor = rows[i - 1]
        return !successor || successor.signsFrom + OVERLAP_MS > now()
      })
      return { keys: known.map(({ publicJwk }) => JSON.parse(publicJwk) as object) }
    },
    verifying(kid) {
      const row = rows.find(({ id }) => id === kid)
      return row && createPublicKey({ key: JSON.parse(row.publicJwk), format: 'jwk' })
    },
    stop: () => clearInterval(timer),
  }
}

/** Has a new key sign from an hour on. @returns its id */
export const rotateSigningKey = ({ db, vault, now }: KeysContext): Promise<string> =>
  db.transaction(async (tx) => {
    await lockSigningKeys(tx)
    return (await addKey(tx, vault, { createdAt: now(), signsFrom: now() + AHEAD_MS })).id
  })

/** Reads all keys; makes the first, and the next one in time. Two nodes that do so together agree. */
async function keepKeys({ db, now, vault }: KeysContext): Promise<SigningKeyRow[]> {
  const known = await allSigningKeys(db)
  if (!isDue(known, now())) return known
  return db.transaction(async (tx) => {
    await lockSigningKeys(tx)
    const rows = await signingKeysInside(tx)
    if (!isDue(rows, now())) return rows
    const signsFrom = rows.length === 0 ? now() : now() + AHEAD_MS
    return [await addKey(tx, vault, { createdAt: now(), signsFrom }), ...rows]
  })
}

const isDue = ([newest]: SigningKeyRow[], now: number) =>
  newest === undefined || newest.signsFrom + LIFE_MS - AHEAD_MS <= now

async function addKey(tx: Transaction, vault: Vault, times: { createdAt: number; signsFrom: number }) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const id = uuidv7()
  const row = {
    id,
    publicJwk: JSON.stringify({ ...publicKey.export({ format: 'jwk' }), kid: id, alg: 'ES256', use: 'sig' }),
    sealed: vault.seal(keyPlace(id), privateKey.export({ format: 'der', type: 'pkcs8' })),
    ...times,
  }
  await insertSigningKey(tx, row)
  return row
}

/** Where a signing key lies, as bound into its seal. */
export const keyPlace = (id: string) => `signing_key:${id}`
