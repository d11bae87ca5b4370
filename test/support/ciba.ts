import { randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose'
import { basic, type TestServer } from './server.ts'

export const CIBA_GRANT = 'urn:openid:params:grant-type:ciba'

export interface TestClient {
  client_id: string
  client_secret: string
}

type Fields = Record<string, string | undefined>

export interface Acknowledgement {
  auth_req_id: string
  expires_in: number
  interval?: number
  /** Where its users type one. */
  match_code?: string
  /** From the `location` header. */
  requestId: string
}

/** Calls as a client of CIBA makes them: form in, JSON out. */
export function cibaCalls(origin: string) {
  const post = (path: string, fields: Fields, headers: Record<string, string> = {}) => {
    const form = new URLSearchParams()
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.set(name, value)
    return fetch(`${origin}${path}`, { method: 'POST', headers, body: form, redirect: 'manual' })
  }
  const authorize = (client: TestClient, fields: Fields, headers: Record<string, string> = {}) =>
    post('/bc-authorize', { scope: 'openid', ...fields }, { ...basic(client), ...headers })
  const poll = (client: TestClient, authReqId: string) =>
    post('/token', { grant_type: CIBA_GRANT, auth_req_id: authReqId }, basic(client))

  return {
    post,
    authorize,
    poll,
    /** Asks, and throws unless it is answered with 200. */
    async ask(
      client: TestClient,
      fields: Fields,
      headers: Record<string, string> = {},
    ): Promise<Acknowledgement> {
      const answer = await authorize(client, fields, headers)
      if (answer.status !== 200) throw new Error(`ask: ${answer.status} ${await answer.text()}`)
      const requestId = (answer.headers.get('location') ?? '').replace('/v1/requests/', '')
      return { ...((await answer.json()) as Omit<Acknowledgement, 'requestId'>), requestId }
    },
  }
}

/** An initiator that these users have linked. */
export const addInitiator = (server: TestServer, links: string[], form: Record<string, unknown> = {}) =>
  server.addClient({ kind: 'initiator', name: 'Northwind Agent', links, ...form })

/** The error that an answer tells, with its status, after a look at its form (RFC 6749 §5.2). */
export async function errorOf(answer: Response): Promise<[status: number, error: string]> {
  const text = await answer.text()
  const type = answer.headers.get('content-type') ?? ''
  if (!type.startsWith('application/json')) throw new Error(`${answer.status} ${type}: ${text}`)
  const body = JSON.parse(text) as { error: string; error_description: string }
  if (!/^[\x20\x21\x23-\x5B\x5D-\x7E]+$/.test(body.error_description)) {
    throw new Error(`The description holds what it may not: ${text}`)
  }
  if (answer.headers.get('cache-control') !== 'no-store') throw new Error('An error may be cached.')
  return [answer.status, body.error]
}

/** What a client that signs holds: its pair, and how it makes itself known by it. */
export async function signingPair(alg: 'ES256' | 'PS256' = 'ES256', kid = `key-${alg}`) {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
  const sign = (claims: Record<string, unknown>, header: Partial<JWTHeaderParameters> = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey)
  return {
    jwk,
    jwks: { keys: [jwk] },
    privateKey,
    sign,
    /** RFC 7523 §3. */
    async assertion(clientId: string, aud: string | string[], more: Record<string, unknown> = {}) {
      const now = Math.floor(Date.now() / 1_000)
      const claims = {
        iss: clientId,
        sub: clientId,
        aud,
        jti: randomUUID(),
        iat: now,
        exp: now + 60,
        ...more,
      }
      return assertionFields(await sign(claims))
    },
  }
}

export const assertionFields = (jwt: string) => ({
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion: jwt,
})

/** A key that a client proves to hold (RFC 9449 §4.2). */
export async function proofKey(alg: 'ES256' | 'PS256' | 'Ed25519' = 'ES256') {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = await exportJWK(publicKey)
  return {
    jkt: await calculateJwkThumbprint(jwk),
    /** @param htu where the call goes */
    prove: (
      htu: string,
      claims: Record<string, unknown> = {},
      header: Partial<JWTHeaderParameters> = {},
      key = privateKey,
    ): Promise<string> =>
      new SignJWT({ htm: 'POST', htu, jti: randomUUID(), iat: Math.floor(Date.now() / 1_000), ...claims })
        .setProtectedHeader({ alg, typ: 'dpop+jwt', jwk, ...header })
        .sign(key),
    privateJwk: await exportJWK(privateKey),
    pair: { privateKey, publicKey },
  }
}
