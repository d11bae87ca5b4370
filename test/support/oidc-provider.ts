import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'

export interface Somebody {
  sub: string
  [claim: string]: unknown
}

/** The operator's own OpenID provider: a real one, whose sign-in page lets in whoever the test says. */
export async function startOidcProvider(people: Somebody[]) {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let whoever = people[0]?.sub ?? ''
  let redirectUrl = ''
  const calls: string[] = []

  const begin = () => {
    const provider = new Provider(issuer, {
      clients: [
        { client_id: 'countersign', client_secret: 'secret-of-the-test', redirect_uris: [redirectUrl] },
      ],
      cookies: { keys: ['for-tests-alone'] },
      claims: {
        openid: ['sub'],
        profile: ['preferred_username', 'name', 'groups'],
        email: ['email', 'email_verified'],
      },
      pkce: { required: () => true },
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_ctx: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
      findAccount: (_ctx: unknown, id: string) => ({
        accountId: id,
        claims: async () => people.find(({ sub }) => sub === id) ?? { sub: id },
      }),
    })
    const handle = provider.callback()
    server.on('request', (http: IncomingMessage, reply: ServerResponse) => {
      calls.push(`${http.method} ${http.url}`)
      if (!http.url?.startsWith('/interaction/')) return handle(http, reply)
      signIn(provider, http, reply).catch(() => reply.destroy())
    })
  }

  async function signIn(provider: Provider, http: IncomingMessage, reply: ServerResponse) {
    const { params, prompt } = await provider.interactionDetails(http, reply)
    if (prompt.name === 'login') {
      return provider.interactionFinished(http, reply, { login: { accountId: whoever } })
    }
    const grant = new provider.Grant({ accountId: whoever, clientId: String(params.client_id) })
    grant.addOIDCScope(String(params.scope))
    return provider.interactionFinished(http, reply, { consent: { grantId: await grant.save() } })
  }

  return {
    issuer,
    calls,
    env: {
      COUNTERSIGN_OIDC_ISSUER: issuer,
      COUNTERSIGN_OIDC_CLIENT_ID: 'countersign',
      COUNTERSIGN_OIDC_CLIENT_SECRET: 'secret-of-the-test',
    },
    /** Registers our server there. */
    connect(origin: string) {
      redirectUrl = `${origin}/v1/session/provider/callback`
      begin()
    },
    /** Who signs in from now on. */
    signInAs(sub: string) {
      whoever = sub
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
