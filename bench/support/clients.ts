import { newId, uuidv7 } from '#base/ids.ts'
import { hashSecret, newSecret } from '#base/secrets.ts'
import { insertClient, insertSecret, UNSAID } from '#clients/store.ts'
import { allOf } from '#store/share.ts'
import { sql } from '#store/sql.ts'
import { insertUser } from '#users/store.ts'
import { openBeside, type Place } from './place.ts'

export interface Asker {
  userId: string
  clientId: string
  secret: string
}

const BATCH = 5_000

/** Puts many users, each with a client of their own, into a store; no server runs on it meanwhile. */
export async function prepareClients(place: Place, count: number): Promise<Asker[]> {
  const db = await openBeside(place)
  const askers: Asker[] = []
  while (askers.length < count) {
    const upTo = Math.min(count, askers.length + BATCH)
    await db.transaction(async (tx) => {
      const numbers = Array.from({ length: upTo - askers.length }, (_, i) => askers.length + i)
      // PostgreSQL takes statements while it answers earlier ones; SQLite has them one by one in any case.
      askers.push(...(await allOf(numbers.map((number) => addClient(tx, number)))))
    })
  }
  // What a store in use has: PostgreSQL's own round of it comes a minute later.
  await db.transaction((tx) => tx.run(sql`analyze`))
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
