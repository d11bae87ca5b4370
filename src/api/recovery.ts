import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import { Type } from '#base/schema.ts'
import type { Server } from '#http/server.ts'
import { type AccountNews, tellOfAccount } from '#notices/account.ts'
import type { Transaction } from '#store/database.ts'
import { confirmOptions } from '#users/confirm.ts'
import { makeRecoveryCodes, NEW_CODES, recover, recoveryOptions } from '#users/recovery.ts'
import { recoveryCodesOfUser } from '#users/store.ts'
import type { NewRecoveryCodes, RecoveryCodesCard } from './contract.ts'
import { deviceOf, signedIn } from './guard.ts'
import { type SessionContext, sessionStarter } from './sessions.ts'
import { Credential, Label, labelOf } from './shapes.ts'

/** Codes by which a user who has lost every passkey makes a new one. */
export function recoveryRoutes(server: Server, context: SessionContext) {
  const { db, now } = context
  const startSession = sessionStarter(context)
  const tellOf = (about: AccountNews['about']) => (tx: Transaction, userId: string) =>
    tellOfAccount(tx, { userId, about, at: now() }, now())

  server.get('/v1/me/recovery-codes', async (http): Promise<RecoveryCodesCard> => {
    const { userId } = await signedIn(context, http)
    const { left, madeAt } = await recoveryCodesOfUser(db, userId)
    return { left, made_at: madeAt }
  })

  server.post('/v1/me/recovery-codes/confirm', async (http) => {
    const { userId } = await signedIn(context, http)
    return { options: await confirmOptions(context, userId, NEW_CODES) }
  })

  const making = { schema: { body: Type.Object({ credential: Credential }) } }
  server.post('/v1/me/recovery-codes', making, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const credential = http.body.credential as unknown as AuthenticationResponseJSON
    const told = { address: http.ip, tell: tellOf('recovery_codes_made') }
    const codes = await makeRecoveryCodes(context, userId, credential, told)
    return reply.code(201).send({ codes } satisfies NewRecoveryCodes)
  })

  const code = Type.String({ minLength: 1, maxLength: 100 })
  server.post('/v1/recovery/options', { schema: { body: Type.Object({ code }) } }, async (http) => {
    await context.limitStranger(http.ip)
    return { options: await recoveryOptions(context, http.body.code) }
  })

  const recovery = { schema: { body: Type.Object({ code, credential: Credential, label: Label }) } }
  server.post('/v1/recovery', recovery, async (http, reply) => {
    await context.limitStranger(http.ip)
    const { code, label } = http.body
    const credential = http.body.credential as unknown as RegistrationResponseJSON
    const given = { code, credential, label: labelOf(label) }
    const made = await recover(context, given, deviceOf(http), tellOf('account_recovered'))
    return startSession(reply, made.userId, made.sessionSecret)
  })
}
