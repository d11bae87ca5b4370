import { Refusal } from '#base/errors.ts'
import { stopDelivery } from '#deliveries/deliver.ts'
import { type RevokedBy, revokeToken } from '#tokens/revoke.ts'
import { tokenById } from '#tokens/store.ts'
import type { RequestContext } from './context.ts'

/**
 * Ends a token that a request brought, and takes back its delivery if that is still on its way.
 * Ending one that has ended already is no error: what was wished is so.
 *
 * @throws Refusal `token_not_found`, also for somebody else's
 */
export async function revokeGranted(
  { db, now }: Pick<RequestContext, 'db' | 'now'>,
  { tokenId, userId, by }: { tokenId: string; userId: string; by: RevokedBy },
): Promise<void> {
  const token = await tokenById(db, tokenId)
  if (token?.userId !== userId) throw new Refusal('token_not_found')
  await db.transaction(async (tx) => {
    await stopDelivery(tx, token.requestId, now())
    await revokeToken(tx, token.id, by, now())
  })
}
