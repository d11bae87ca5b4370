import type { Clock } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import { type Client, clientById } from '#clients/store.ts'
import type { Database } from '#store/database.ts'

/** An app of the user who is signed in. @throws Refusal `client_not_found`, also for somebody else's */
export async function ownApp(
  { db, now }: { db: Database; now: Clock },
  userId: string,
  id: string,
): Promise<Client> {
  const client = await clientById(db, id)
  const isGone = client?.deletesAt != null && client.deletesAt <= now()
  if (client?.userId !== userId || isGone) throw new Refusal('client_not_found')
  return client
}
