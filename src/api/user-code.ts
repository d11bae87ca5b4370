import type { AuthenticationResponseJSON } from '@simplewebauthn/server'
import { Type } from '#base/schema.ts'
import type { Vault } from '#base/seal.ts'
import type { Server } from '#http/server.ts'
import type { AskRules } from '#requests/ask.ts'
import { confirmOptions } from '#users/confirm.ts'
import { userCodeOf } from '#users/store.ts'
import { NEW_USER_CODE, removeUserCode, setUserCode } from '#users/user-code.ts'
import type { UsersContext } from '#users/users.ts'
import type { UserCodeCard } from './contract.ts'
import { signedIn } from './guard.ts'
import { Credential } from './shapes.ts'

/** The secret code of a user, which some apps have to say before they may ask (CIBA Core 1.0 §7.1). */
export function userCodeRoutes(
  server: Server,
  context: UsersContext & { vault: Vault; askRules: Pick<AskRules, 'takesUserCodes'> },
) {
  server.get('/v1/me/user-code', async (http): Promise<UserCodeCard> => {
    const { userId } = await signedIn(context, http)
    const code = await userCodeOf(context.db, userId)
    return { in_use: context.askRules.takesUserCodes, set_at: code?.setAt ?? null }
  })

  server.post('/v1/me/user-code/confirm', async (http) => {
    const { userId } = await signedIn(context, http)
    return { options: await confirmOptions(context, userId, NEW_USER_CODE) }
  })

  const body = Type.Object({ code: Type.String({ maxLength: 200 }), credential: Type.Optional(Credential) })
  server.put('/v1/me/user-code', { schema: { body } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const credential = http.body.credential as unknown as AuthenticationResponseJSON | undefined
    await setUserCode(context, userId, http.body.code, credential)
    return reply.code(204).send()
  })

  server.delete('/v1/me/user-code', async (http, reply) => {
    const { userId } = await signedIn(context, http)
    await removeUserCode(context, userId)
    return reply.code(204).send()
  })
}
