import { recordEvent } from '#audit/events.ts'
import { Refusal } from '#base/errors.ts'
import type { ClientsContext } from './register.ts'
import { type ClientState, setClientState } from './store.ts'

/** The operator's word on an app. @throws Refusal `client_not_found` */
export async function judgeClient(
  { db, now }: Pick<ClientsContext, 'db' | 'now'>,
  id: string,
  state: ClientState,
  by: string,
) {
  await db.transaction(async (tx) => {
    if ((await setClientState(tx, id, state, now())) === 0) throw new Refusal('client_not_found')
    await recordEvent(tx, { kind: `app_${state}`, actor: 'operator', actorId: by, clientId: id, at: now() })
  })
}
