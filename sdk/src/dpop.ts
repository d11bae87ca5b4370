import { hash } from './bytes.ts'
import type { Fetch } from './http.ts'
import { type SigningKey, signJwt } from './jwt.ts'

/**
 * A `fetch` whose calls prove that you hold a key, so that tokens are bound to it and of no use to anybody else (RFC 9449).
 * Give it to `createInitiator`, and call by it whoever takes the token, with the header `authorization: DPoP TOKEN`.
 *
 * @param pair of ES256 (`{ name: 'ECDSA', namedCurve: 'P-256' }`); keep it as long as its refresh tokens
 * @param fetch by which the calls are made
 */
export async function dpopFetch(
  pair: CryptoKeyPair,
  fetch: Fetch = (url, init) => globalThis.fetch(url, init),
): Promise<Fetch> {
  const { kty, crv, x, y } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  const key: SigningKey & { typ: string; jwk: object } = {
    privateKey: pair.privateKey,
    alg: 'ES256',
    typ: 'dpop+jwt',
    jwk: { kty, crv, x, y },
  }
  /** The last one of each server (§8). */
  const nonces = new Map<string, string>()

  return async (url, init) => {
    const headers = new Headers(init.headers)
    const method = init.method ?? 'GET'
    const [scheme, token = ''] = (headers.get('authorization') ?? '').split(' ')
    const isBound = /^dpop$/i.test(scheme ?? '')
    if (method === 'GET' && !isBound) return fetch(url, init)

    const { origin, pathname } = new URL(url)
    const claims = { htm: method, htu: origin + pathname, ...(isBound ? { ath: await hash(token) } : {}) }
    const prove = async () => {
      const nonce = nonces.get(origin)
      headers.set('dpop', await signJwt(key, nonce ? { ...claims, nonce } : claims))
      const answer = await fetch(url, { ...init, headers })
      const next = answer.headers.get('dpop-nonce')
      if (next) nonces.set(origin, next)
      return { answer, isNew: next !== null && next !== nonce }
    }
    const { answer, isNew } = await prove()
    // Refused for want of this very nonce: once more, with it. Nothing was done the first time.
    const isAsked = isNew && (answer.status === 400 || answer.status === 401) && (await asksForNonce(answer))
    return isAsked ? (await prove()).answer : answer
  }
}

async function asksForNonce(answer: Response): Promise<boolean> {
  const told = `${answer.headers.get('www-authenticate')} ${await answer.clone().text()}`
  return told.includes('use_dpop_nonce')
}
