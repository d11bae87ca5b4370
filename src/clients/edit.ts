import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import type { Transaction } from '#store/database.ts'
import { encryptionKeyCard } from './encryption.ts'
import { type ClientForm, type ClientsContext, checkForm } from './register.ts'
import { type Client, submitForReview, updateClient } from './store.ts'

/**
 * What an app would be with a change, before anything is changed.
 *
 * @throws Refusal `client_deleted`, `client_not_test`, `app_name_missing`, `notifier_refused`, `redirect_wrong`, `encryption_key_refused`
 */
export function planEdit({ urlPolicy }: ClientsContext, client: Client, form: Partial<ClientForm>): Client {
  if (client.deletesAt !== null) throw new Refusal('client_deleted')
  if (form.simulate && client.mode !== 'test') throw new Refusal('client_not_test')
  return { ...client, ...checkForm({ ...client, ...form }, urlPolicy) }
}

/** What its owner confirms by passkey: whoever has their open page alone must not send their access elsewhere. */
export const notifierSubject = ({ id, notifierUrl }: Pick<Client, 'id' | 'notifierUrl'>) =>
  `notifier ${id} ${notifierUrl ?? ''}`

/**
 * Changes what an owner may say of an app. One that asks many users goes back to the operator when what its users are
 * shown is another.
 *
 * @param also what else belongs to the change, or there is none
 */
export async function editClient(
  { db, now }: ClientsContext,
  client: Client,
  planned: Client,
  also?: (tx: Transaction) => Promise<void>,
): Promise<void> {
  const at = now()
  const isSentElsewhere = planned.notifierUrl !== client.notifierUrl
  await db.transaction(async (tx) => {
    await also?.(tx)
    await updateClient(tx, { ...planned, ...(isSentElsewhere ? { notifierChangedAt: at } : {}) }, at)
    if (client.kind === 'initiator' && mustBeSeen(client, planned)) await submitForReview(tx, client.id, at)
    for (const { kind, detail } of changesOf(client, planned))
      await recordEvent(tx, { ...whose(client), kind, detail, actor: 'user', at })
  })
}

/** What the users of an app rest their decision on. */
const SHOWN_TO_USERS = ['name', 'purpose', 'redirectUrl', 'notifierUrl'] as const

const mustBeSeen = (client: Client, planned: Client) =>
  client.state === 'rejected' || SHOWN_TO_USERS.some((field) => planned[field] !== client[field])

interface Change {
  kind: string
  detail: string
}

/** What is to be read of a change later: where access goes and who can read it each have a line of their own. */
function changesOf(client: Client, planned: Client): Change[] {
  const changes: Change[] = [{ kind: 'app_edited', detail: planned.name }]
  if (planned.notifierUrl !== client.notifierUrl)
    changes.push({ kind: 'app_notifier_changed', detail: planned.notifierUrl ?? 'none' })
  if (planned.encryptionKey !== client.encryptionKey) {
    const detail = planned.encryptionKey ? encryptionKeyCard(planned.encryptionKey).kid : 'removed'
    changes.push({ kind: 'app_encryption_key_changed', detail })
  }
  return changes
}

/** An event of an app is its owner's to see. */
export const whose = ({ id, userId }: Pick<Client, 'id' | 'userId'>) => ({
  clientId: id,
  ...(userId ? { userId } : {}),
})
