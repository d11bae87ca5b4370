import { join } from 'node:path'
import { newId, uuidv7 } from '#base/ids.ts'
import { hashSecret, newSecret } from '#base/secrets.ts'
import { insertClient, insertSecret, UNSAID } from '#clients/store.ts'
import { migrate } from '#store/migrate.ts'
import { openSqlite } from '#store/sqlite.ts'
import { insertUser } from '#users/store.ts'

export interface Asker {
  userId: string
  clientId: string
  secret: string
}

const BATCH = 5_000

/** Puts many users, each with a client of their own, into the store of a folder; no server runs on it meanwhile. */
export async function prepareClients(data: string, count: number): Promise<Asker[]> {
  const db = await openSqlite(join(data, 'countersign.db'))
  await migrate(db, Date.now())
  const askers: Asker[] = []
  while (askers.length < count) {
    const upTo = Math.min(count, askers.length + BATCH)
    await db.transaction(async (tx) => {
      while (askers.length < upTo) askers.push(await addClient(tx, askers.length))
    })
  }
  await db.close()
  return shuffled(askers)
}

async function addClient(tx: Parameters<typeof insertUser>[0], index: number): Promise<Asker> {
  const [userId, clientId, secret, createdAt] = [newId('usr'), uuidv7(), newSecret('cs_secret'), Date.now()]
  await insertUser(tx, { id: userId, handle: `bench-${index}`, name: null, createdAt })
  await insertClient(tx, {
    ...UNSAID,
    id: clientId,
    kind: 'individual',
    userId,
    name: 'Northwind Research',
    notifierUrl: 'http://127.0.0.1:9/token',
    createdAt,
  })
  await insertSecret(tx, {
    id: newId('sec'),
    clientId,
    hash: hashSecret(secret),
    prefix: secret.slice(0, 14),
    createdAt,
  })
  return { userId, clientId, secret }
}

/** Clients do not ask in the order in which they were registered; keys that lie side by side would flatter the store. */
function shuffled<T>(items: T[]): T[] {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1))
    const swapped = items[last] as T
    items[last] = items[other] as T
    items[other] = swapped
  }
  return items
}
