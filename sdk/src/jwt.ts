import { base64url, fromBase64, hash, randomText, utf8 } from './bytes.ts'
import { fail } from './errors.ts'
import { parse } from './http.ts'

/** What a client signs with: made by `crypto.subtle`, and so possibly not to be taken out. */
export interface SigningKey {
  privateKey: CryptoKey
  alg: 'ES256' | 'PS256'
  kid?: string | undefined
}

export type Alg = 'ES256' | 'PS256' | 'RS256'
type Claims = Record<string, unknown>

/** As a key is imported, and as it verifies. */
const ALGS: Record<Alg, EcKeyImportParams & RsaHashedImportParams & EcdsaParams & RsaPssParams> = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256', saltLength: 0 },
  PS256: { name: 'RSA-PSS', namedCurve: '', hash: 'SHA-256', saltLength: 32 },
  RS256: { name: 'RSASSA-PKCS1-v1_5', namedCurve: '', hash: 'SHA-256', saltLength: 0 },
}

/** How far two clocks may be apart. */
const TOLERANCE_S = 60
/** A push may come again for hours, with the ID Token of the approval. */
const OLDEST_S = 86_400

/** Signs a JWT that is good for a minute, once. */
export async function signJwt({ privateKey, ...header }: SigningKey, claims: Claims): Promise<string> {
  const iat = Math.floor(Date.now() / 1_000)
  const text = [header, { jti: randomText(), iat, nbf: iat, exp: iat + 60, ...claims }]
    .map((each) => base64url(utf8(JSON.stringify(each))))
    .join('.')
  const signature = await crypto.subtle.sign(ALGS[header.alg], privateKey, utf8(text))
  return `${text}.${base64url(new Uint8Array(signature))}`
}

/** A public key of the server, by the `kid` of a token. */
export type KeyOf = (kid: unknown) => Promise<JsonWebKey | undefined>

export interface IdTokenRule {
  issuer: string
  clientId: string
  algs: readonly Alg[]
  keyOf: KeyOf
  accessToken: string
  /** With a push, what it must be bound to as well (CIBA Core 1.0 §10.3.1). */
  push?: { authReqId: string; refreshToken: string | undefined } | undefined
}

/**
 * Judges an ID Token (OpenID Connect Core 1.0 §3.1.3.7).
 *
 * @throws CountersignError `bad_token`, which names the claim that is wrong
 */
export async function verifyIdToken(jwt: string, rule: IdTokenRule): Promise<Claims & { sub: string }> {
  const { issuer, clientId, algs, keyOf, accessToken, push } = rule
  const [head = '', body = '', signature = ''] = jwt.split('.')
  const header = read(head)
  const claims = read(body)
  const alg = algs.find((each) => each === header?.alg)
  const jwk = alg && (await keyOf(header?.kid))
  if (!alg || !claims) return refuse('alg')
  if (!jwk) return refuse('kid')
  const isSigned = await isSignedBy(jwk, ALGS[alg], signature, utf8(`${head}.${body}`))

  const now = Date.now() / 1_000
  const { iss, sub, aud, azp, exp, iat, at_hash } = claims
  const isHalf = async (claim: unknown, token: string) => claim === (await hash(token, 16))
  const extra = (name: string) => claims[`urn:openid:params:jwt:claim:${name}`]
  const isGood: Record<string, boolean> = {
    signature: isSigned,
    iss: iss === issuer,
    sub: typeof sub === 'string' && sub !== '',
    // One that is for others too is for somebody that we do not know.
    aud: String(aud) === clientId,
    azp: (azp ?? clientId) === clientId,
    exp: typeof exp === 'number' && exp > now - TOLERANCE_S,
    iat: typeof iat === 'number' && iat < now + TOLERANCE_S && iat > now - OLDEST_S,
    at_hash: (!push && at_hash === undefined) || (await isHalf(at_hash, accessToken)),
    auth_req_id: !push || extra('auth_req_id') === push.authReqId,
    rt_hash: !push?.refreshToken || (await isHalf(extra('rt_hash'), push.refreshToken)),
  }
  for (const name in isGood) if (!isGood[name]) refuse(name)
  return claims as { sub: string }
}

async function isSignedBy(
  jwk: JsonWebKey,
  alg: (typeof ALGS)[Alg],
  signature: string,
  text: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  try {
    // What the key says of itself (kty, alg, use, key_ops) is held against the alg here.
    const key = await crypto.subtle.importKey('jwk', jwk as { kty: string }, alg, false, ['verify'])
    return await crypto.subtle.verify(alg, key, fromBase64(signature), text)
  } catch {
    return false
  }
}

function read(part: string): Claims | undefined {
  try {
    return parse(new TextDecoder().decode(fromBase64(part)))
  } catch {
    return undefined
  }
}

const refuse = (what: string): never => fail('bad_token', `The ID Token is refused for its ${what}.`)

/** How long a key set is not asked for again, however many unknown names come. */
const LOOK_AGAIN_MS = 30_000

/** Keys at an address, fetched when one is asked for that is not known. */
export function remoteKeys(fetchKeys: () => Promise<Claims>): KeyOf {
  let keys: (JsonWebKey & { kid?: string })[] = []
  let lookedAt = 0
  const find = (kid: unknown) => keys.find((each) => each.kid === kid || (kid === undefined && !keys[1]))
  return async (kid) => {
    if (!find(kid) && Date.now() - lookedAt > LOOK_AGAIN_MS) {
      const set = await fetchKeys()
      keys = Array.isArray(set.keys) ? set.keys : []
      lookedAt = Date.now()
    }
    return find(kid)
  }
}
