import { Refusal } from '#base/errors.ts'
import { type Client, clientById } from '#clients/store.ts'
import type { Database } from '#store/database.ts'

/** An app of the user who is signed in. @throws Refusal `client_not_found`, also for somebody else's */
export async function ownApp({ db }: { db: Database }, userId: string, id: string): Promise<Client> {
  const client = await clientById(db, id)
  if (client?.userId !== userId || client.state === 'disabled') throw new Refusal('client_not_found')
  return client
}
