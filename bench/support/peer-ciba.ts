import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'

/**
 * node-oidc-provider as a server of CIBA, as its documents set it up: poll, ES256, opaque access tokens. What it keeps
 * lies in memory, by an adapter like its own one, but for the limit of a thousand entries.
 *
 * Usage: node peer-ciba.ts
 */
type Entry = Record<string, unknown> & { grantId?: string; uid?: string }

const entries = new Map<string, Entry>()
const byGrant = new Map<string, string[]>()

class MemoryAdapter {
  readonly model: string
  constructor(model: string) {
    this.model = model
  }
  #key = (id: string) => `${this.model}:${id}`
  async upsert(id: string, payload: Entry) {
    entries.set(this.#key(id), payload)
    if (payload.grantId)
      byGrant.set(payload.grantId, [...(byGrant.get(payload.grantId) ?? []), this.#key(id)])
  }
  find = async (id: string) => entries.get(this.#key(id))
  findByUid = async () => undefined
  findByUserCode = async () => undefined
  async consume(id: string) {
    const found = entries.get(this.#key(id))
    if (found) found.consumed = Math.floor(Date.now() / 1_000)
  }
  async destroy(id: string) {
    entries.delete(this.#key(id))
  }
  async revokeByGrantId(grantId: string) {
    for (const key of byGrant.get(grantId) ?? []) entries.delete(key)
    byGrant.delete(grantId)
  }
}

const server = createServer()
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const provider = new Provider(issuer, {
  adapter: MemoryAdapter,
  clients: [
    {
      client_id: 'bench',
      client_secret: 'secret-of-the-bench',
      grant_types: ['urn:openid:params:grant-type:ciba'],
      redirect_uris: [],
      response_types: [],
      backchannel_token_delivery_mode: 'poll',
      id_token_signed_response_alg: 'ES256',
    },
  ],
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'bench' }] },
  cookies: { keys: ['for-the-bench-alone'] },
  findAccount: (_ctx: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  features: {
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    ciba: {
      enabled: true,
      deliveryModes: ['poll'],
      processLoginHint: async (_ctx: unknown, hint: string) => hint,
      verifyUserCode: async () => {},
      validateRequestContext: async () => {},
      triggerAuthenticationDevice: async () => {},
    },
  },
}) as Provider & {
  BackchannelAuthenticationRequest: { find(id: string): Promise<{ accountId: string } | undefined> }
  backchannelResult(id: string, grantId: string, how: object): Promise<void>
}
const handle = provider.callback()

/** The person, who is not measured. */
async function approve(id: string, reply: ServerResponse) {
  const request = await provider.BackchannelAuthenticationRequest.find(id)
  const grant = new provider.Grant({ accountId: request?.accountId ?? '', clientId: 'bench' })
  grant.addOIDCScope('openid')
  const authTime = Math.floor(Date.now() / 1_000)
  await provider.backchannelResult(id, await grant.save(), { acr: 'phr', amr: ['pop'], authTime })
  reply.writeHead(200).end('{}')
}

server.on('request', (http: IncomingMessage, reply: ServerResponse) => {
  const url = new URL(http.url ?? '/', issuer)
  if (url.pathname !== '/bench/approve') return handle(http, reply)
  approve(url.searchParams.get('token') ?? '', reply).catch(() => reply.writeHead(500).end('{}'))
})
process.stdout.write(`Ready at ${issuer}\n`)
process.once('SIGTERM', () => process.exit(0))
