import { linkByOperator } from '#api/admin-links.ts'
import { unlinkUser } from '#requests/unlink.ts'
import { COMMAND_LINE } from '#users/roles.ts'
import { findUser } from '#users/users.ts'
import { withStore } from './store.ts'
import { readWords, UsageError } from './usage.ts'

const HELP = `Usage: countersign client link CLIENT_ID USER [--scope WORDS] [--json]
       countersign client unlink CLIENT_ID USER

An app that asks many users may ask those alone who have linked it. Users link by themselves, at {origin}/link/CLIENT_ID;
here the operator does it in their place, for one who has agreed elsewhere. USER is an id or a handle.

link      lets the app ask the user, and prints by what it knows them (login_hint). Where the two are linked, the scopes
          are added.
unlink    ends it: open requests are withdrawn, and what the app has of the user is revoked.

  --scope WORDS  what the app may ask for, in quotes, apart by spaces; all that it is registered for if not given
  --json         print {"link_id", "scope"}
`

/** `countersign client link …`, `countersign client unlink …` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, { scope: { type: 'string' }, json: { type: 'boolean' } })
  if (!words) return 0
  const { values, positionals } = words
  const [verb, clientId, user, ...more] = positionals
  const isUnlink = verb === 'unlink'
  if (!clientId || !user || more.length > 0) throw new UsageError(HELP)
  if (isUnlink && values.scope !== undefined)
    throw new UsageError(`unlink ends the whole link; leave --scope out.\n\n${HELP}`)

  if (isUnlink) {
    await withStore(async (context) => {
      const { id: userId } = await findUser(context, user)
      await unlinkUser(context, { userId, clientId }, { actor: 'operator', actorId: COMMAND_LINE })
    })
    process.stdout.write(values.json ? '{}\n' : 'Unlinked.\n')
    return 0
  }
  const { subject, scopes } = await withStore((context) =>
    linkByOperator(context, clientId, { user_id: user, scope: values.scope }, COMMAND_LINE),
  )
  process.stdout.write(
    values.json
      ? `${JSON.stringify({ link_id: subject, scope: scopes })}\n`
      : `Linked. The app knows the user as ${subject}, for: ${scopes}\n`,
  )
  return 0
}
