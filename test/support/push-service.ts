import assert from 'node:assert/strict'
import { createECDH, createPublicKey, randomBytes, verify } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import ece from 'http_ece'
import { readBody } from '../../demo/whatsapp/api.ts'

export interface Pushed {
  /** Decrypted as a browser would. */
  text: string
  bytes: number
  headers: Record<string, string | string[] | undefined>
  claims: { aud: string; exp: number; sub: string }
}

interface Answer {
  status: number
  headers?: Record<string, string>
}

/**
 * Plays the push service of a browser's maker (RFC 8030, RFC 8292) and the browser behind it (RFC 8291): takes what they
 * would take, and decrypts it with `http_ece`.
 */
export async function startPushService() {
  const pushes: Pushed[] = []
  const answers: Answer[] = []
  const complaints: string[] = []
  const browsers = new Map<string, ReturnType<typeof newBrowser>>()

  const server = createServer(async (http, reply) => {
    const answer = answers.shift()
    try {
      const browser = browsers.get(http.url ?? '')
      assert.ok(browser, 'no browser is subscribed here')
      const body = await readBody(http)
      if (answer) return reply.writeHead(answer.status, answer.headers).end()
      pushes.push(take(http.headers, Buffer.from(body), browser, origin))
      reply.writeHead(201, { location: `${origin}/message/${pushes.length}` }).end()
    } catch (fault) {
      complaints.push(String(fault))
      reply.writeHead(400).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    origin,
    /** What was taken, oldest first. */
    pushes,
    /** What a real service would have refused. */
    complaints,
    /** Answers the next calls so, and takes none of them. */
    answer: (...next: Answer[]) => answers.push(...next),
    /** A browser that subscribes: what its page would send to the server. */
    subscribe() {
      const path = `/push/${randomBytes(16).toString('base64url')}`
      const browser = newBrowser()
      browsers.set(path, browser)
      return {
        endpoint: origin + path,
        keys: { p256dh: browser.ecdh.getPublicKey('base64url'), auth: browser.auth.toString('base64url') },
      }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function newBrowser() {
  const ecdh = createECDH('prime256v1')
  ecdh.generateKeys()
  return { ecdh, auth: randomBytes(16) }
}

function take(
  headers: Pushed['headers'],
  body: Buffer,
  { ecdh, auth }: ReturnType<typeof newBrowser>,
  origin: string,
): Pushed {
  assert.equal(headers['content-encoding'], 'aes128gcm')
  assert.match(String(headers.ttl), /^\d+$/)
  assert.match(String(headers.urgency), /^(very-low|low|normal|high)$/)
  assert.match(String(headers.topic), /^[\w-]{1,32}$/)
  assert.ok(body.length <= 4_096, `a body of ${body.length} bytes`)
  const claims = claimsOf(String(headers.authorization))
  assert.equal(claims.aud, origin)
  assert.match(claims.sub, /^(mailto:|https?:)/)
  const text = ece.decrypt(body, {
    version: 'aes128gcm',
    privateKey: ecdh,
    authSecret: auth.toString('base64url'),
  })
  return { text: text.toString(), bytes: body.length, headers, claims }
}

/** Checks the signature of RFC 8292 §2 by the key of §3.2. */
function claimsOf(authorization: string): Pushed['claims'] {
  const [, head = '', body = '', signature = '', key = ''] =
    /^vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), k=([\w-]+)$/.exec(authorization) ?? []
  const point = Buffer.from(key, 'base64url')
  assert.equal(point.length, 65)
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  }
  const isSigned = verify(
    'sha256',
    Buffer.from(`${head}.${body}`),
    { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  )
  assert.ok(isSigned, 'the signature is wrong')
  assert.deepEqual(JSON.parse(Buffer.from(head, 'base64url').toString()), { typ: 'JWT', alg: 'ES256' })
  return JSON.parse(Buffer.from(body, 'base64url').toString())
}
