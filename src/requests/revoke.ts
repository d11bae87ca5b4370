import { Refusal } from '#base/errors.ts'
import { stopDelivery } from '#deliveries/deliver.ts'
import { endAccess, type RevokedBy, revokeToken } from '#tokens/revoke.ts'
import { tokenById } from '#tokens/store.ts'
import type { RequestContext } from './context.ts'

type Context = Pick<RequestContext, 'db' | 'now'>

/**
 * Ends what a request gave, whichever of its tokens is named, and takes back its delivery if that is still on its way.
 * Ending what has ended already is no error: what was wished is so.
 *
 * @throws Refusal `token_not_found`, also for somebody else's
 */
export async function revokeGranted(
  context: Context,
  { tokenId, userId, by }: { tokenId: string; userId: string; by: RevokedBy },
): Promise<void> {
  const token = await tokenById(context.db, tokenId)
  if (token?.userId !== userId) throw new Refusal('token_not_found')
  await endGranted(context, token.requestId, by)
}

/** The same, by the request. */
export const endGranted = ({ db, now }: Context, requestId: string, by: RevokedBy): Promise<void> =>
  db.transaction(async (tx) => {
    await stopDelivery(tx, requestId, now())
    await endAccess(tx, requestId, by, now())
  })

/** Ends one token of a client's own; what can be renewed goes on (RFC 7009 §2.1). */
export const giveBackToken = ({ db, now }: Context, tokenId: string): Promise<boolean> =>
  db.transaction((tx) => revokeToken(tx, tokenId, 'client', now()))
