import { addUserWithContact } from '#api/admin-users.ts'
import { COMMAND_LINE, giveRole } from '#users/roles.ts'
import { ROLES, type Role } from '#users/store.ts'
import { findUser } from '#users/users.ts'
import { withStore } from './store.ts'
import { readWords, UsageError } from './usage.ts'

const HELP = `Usage: countersign user add --handle HANDLE [--id ID] [--name NAME] [--phone PHONE] [--json]
       countersign user role USER owner|operator|auditor

add   adds an account holder and prints the one-time link by which they make their first passkey
role  gives a user (id or handle) the operator pages: an operator runs the server by them, an auditor sees all of it and
      changes nothing, an owner, as everybody is at first, has their own account alone

  --handle HANDLE  what they are known by: a user name, a mail address
  --id ID          your own id of them, for instance a client code; one is made if it is not given
  --name NAME      as it is shown to them
  --phone PHONE    where WhatsApp reaches them, with the country code
  --json           print {"user_id", "enrolment_url"}
`

/** `countersign user …` */
export async function run(args: string[]): Promise<number> {
  const words = readWords(args, HELP, {
    handle: { type: 'string' },
    id: { type: 'string' },
    name: { type: 'string' },
    phone: { type: 'string' },
    json: { type: 'boolean' },
  })
  if (!words) return 0
  const { values, positionals } = words
  if (positionals[0] === 'role') return role(positionals.slice(1))
  if (positionals[0] !== 'add' || positionals.length > 1) throw new UsageError(HELP)
  const { handle, id, name, phone } = values
  if (!handle) throw new UsageError(`--handle is missing.\n\n${HELP}`)

  const added = await withStore((context) =>
    addUserWithContact(context, { handle, user_id: id, name, phone }, COMMAND_LINE),
  )
  process.stdout.write(
    values.json
      ? `${JSON.stringify(added)}\n`
      : `Added ${handle} (${added.user_id}).\nGive them this link; it works once, for three days:\n${added.enrolment_url}\n`,
  )
  return 0
}

async function role([who, role, ...rest]: string[]): Promise<number> {
  if (!who || rest.length > 0 || !isRole(role)) {
    throw new UsageError(`Say who, and which role: ${ROLES.join(', ')}.\n\n${HELP}`)
  }
  const user = await withStore(async (context) => {
    const user = await findUser(context, who)
    await giveRole(context, user.id, role, COMMAND_LINE)
    return user
  })
  process.stdout.write(`${user.handle} (${user.id}) is now ${role}.\n`)
  return 0
}

const isRole = (word: string | undefined): word is Role =>
  (ROLES as readonly (string | undefined)[]).includes(word)
