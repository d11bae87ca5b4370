import { DAY } from '#base/clock.ts'
import { newId } from '#base/ids.ts'
import { queueDelivery } from '#deliveries/queue.ts'
import { openStore } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import { openVault } from '../src/keys.ts'
import { type Account, addAccount } from '../test/support/crowd.ts'

interface StoreOptions {
  data: string
  database?: string | undefined
}

/** Opens the store that running servers use, to owe deliveries by the very code by which an approval does. */
export async function openOwed({ data, database }: StoreOptions) {
  const config = readConfig({
    COUNTERSIGN_DATA: data,
    ...(database ? { COUNTERSIGN_DATABASE: database } : {}),
  })
  const db = await openStore(config, Date.now)
  const vault = await openVault(db, config)

  return {
    /** Owes so many deliveries, shared out over the accounts, in one transaction. */
    owe: (count: number, accounts: readonly Account[], url: string) =>
      db.transaction(async (tx) => {
        const now = Date.now()
        for (let nth = 0; nth < count; nth += 1) {
          const { app, person } = accounts[nth % accounts.length] as Account
          const requestId = newId('req')
          const token = {
            client_id: app.client_id,
            user_id: person.userId,
            access_token: `soak-${requestId}`,
          }
          const owed = {
            requestId,
            clientId: app.client_id,
            userId: person.userId,
            kind: 'token' as const,
            tokenId: newId('tok'),
            url,
          }
          const payload = Buffer.from(
            JSON.stringify({ ...token, issued_at: String(now), message_type: 'access_token' }),
          )
          const expiresAt = now + DAY
          await queueDelivery(
            tx,
            { vault },
            { ...owed, payload, contentType: 'application/json', expiresAt },
            now,
          )
        }
      }),
    [Symbol.asyncDispose]: () => db.close(),
  }
}

/** Each is a lane of its own: a node has eight deliveries of one under way at most. */
export async function addAccounts(origin: string, count: number, url: string): Promise<Account[]> {
  const accounts: Account[] = []
  while (accounts.length < count) accounts.push(await addAccount(origin, `soak-${accounts.length}`, url))
  return accounts
}
