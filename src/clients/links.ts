import { type NewEvent, recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import { newId } from '#base/ids.ts'
import type { Database, Transaction } from '#store/database.ts'
import { requireActive } from './authenticate.ts'
import { scopeList } from './scopes.ts'
import {
  type Client,
  type ClientLink,
  clientById,
  type Initiator,
  initiatorOf,
  insertLink,
  lockLink,
  setLinkScopes,
} from './store.ts'

/**
 * Notes that a user lets an initiator ask them, for these scopes at most. Two that are linked stay so, and the scopes
 * are added to those that they have.
 */
export async function linkUser(
  tx: Transaction,
  {
    clientId,
    userId,
    scopes,
    ...who
  }: Pick<ClientLink, 'clientId' | 'userId' | 'scopes'> & Pick<NewEvent, 'actor' | 'actorId'>,
  now: number,
): Promise<ClientLink> {
  const event = { ...who, clientId, userId, at: now }
  const made = await insertLink(tx, { clientId, userId, subject: newId('lnk'), scopes, linkedAt: now })
  if (made) {
    await recordEvent(tx, { ...event, kind: 'app_linked', detail: scopes })
    return made
  }
  const known = await lockLink(tx, userId, clientId)
  // It was ended between the two statements: as good a moment to begin anew as any.
  if (!known) return linkUser(tx, { clientId, userId, scopes, ...who }, now)
  const all = scopeList(`${known.scopes} ${scopes}`).join(' ')
  if (all === known.scopes) return known
  const widened = { ...known, scopes: all }
  await setLinkScopes(tx, widened)
  await recordEvent(tx, { ...event, kind: 'app_link_widened', detail: all })
  return widened
}

/** Whether a text has the form of what clients know their users by. */
export const isLinkSubject = (text: string): boolean => /^lnk_[0-9a-f]{32}$/.test(text)

/**
 * An app that can be linked.
 *
 * @throws Refusal `client_not_found`, also for an app of one user; why it is not active
 */
export async function requireLinkable(
  db: Database,
  clientId: string,
): Promise<{ client: Client; initiator: Initiator }> {
  const client = await clientById(db, clientId)
  const initiator = await initiatorOf(db, clientId)
  if (!client || !initiator) throw new Refusal('client_not_found')
  requireActive(client)
  return { client, initiator }
}

/**
 * The scopes of a link that is asked for: all that the app is registered for, if it does not say.
 *
 * @throws Refusal `scope_refused`
 */
export function scopesToLink(asked: string | undefined, registered: string): string[] {
  const known = scopeList(registered)
  if (asked === undefined) return known
  const scopes = scopeList(asked)
  if (scopes.length === 0 || scopes.some((each) => !known.includes(each))) {
    throw new Refusal('scope_refused', { detail: 'This app is not registered for one of the scopes.' })
  }
  return scopes.includes('openid') ? scopes : ['openid', ...scopes]
}
