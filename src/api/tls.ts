import type { ClientsContext } from '#clients/register.ts'
import type { ClientTls } from '#clients/store.ts'
import { type CertificateCard as Certificate, removeClientTls, setClientTls, tlsCards } from '#clients/tls.ts'
import { checkNotifier, type ProofContext } from '#deliveries/proof.ts'
import type { Server } from '#http/server.ts'
import type { UsersContext } from '#users/users.ts'
import type { CertificateCard, NewTls, TlsCard } from './contract.ts'
import { signedIn } from './guard.ts'
import { ownApp } from './own-app.ts'
import { Id, Tls } from './shapes.ts'

/** An owner sets the client certificate that is shown to their endpoint, and the authorities that are trusted there. */
export function tlsRoutes(server: Server, context: UsersContext & ClientsContext & ProofContext) {
  server.put('/v1/me/apps/:id/tls', { schema: { params: Id, body: Tls } }, async (http): Promise<TlsCard> => {
    const { userId } = await signedIn(context, http)
    const app = await ownApp(context, userId, http.params.id)
    const tls = await setClientTls(context, app.id, tlsFormOf(http.body), 'user')
    await checkNotifier(context, app)
    return tlsCard(tls)
  })

  server.delete('/v1/me/apps/:id/tls', { schema: { params: Id } }, async (http, reply) => {
    const { userId } = await signedIn(context, http)
    const app = await ownApp(context, userId, http.params.id)
    await removeClientTls(context, app.id, 'user')
    await checkNotifier(context, app)
    return reply.code(204).send()
  })
}

export const tlsFormOf = ({ certificate, private_key, ca }: { [K in keyof NewTls]: string | null }) => ({
  certificate,
  privateKey: private_key,
  ca,
})

export function tlsCard(tls: ClientTls): TlsCard {
  const { certificate, authorities } = tlsCards(tls)
  return {
    certificate: certificate && certificateCard(certificate),
    authorities: authorities.map(certificateCard),
    ends_at: tls.endsAt,
  }
}

const certificateCard = ({ subject, fingerprint, expiresAt }: Certificate): CertificateCard => ({
  subject,
  fingerprint,
  expires_at: expiresAt,
})
