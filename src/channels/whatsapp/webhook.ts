import { createHmac, createSecretKey } from 'node:crypto'
import { type Clock, DAY, HOUR, MINUTE } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { Log } from '#base/log.ts'
import type { Vault } from '#base/seal.ts'
import { hashSecret, sameHash } from '#base/secrets.ts'
import type { Server } from '#http/server.ts'
import type { Database } from '#store/database.ts'
import type { WhatsappSettings } from './channel.ts'
import { readEvents } from './events.ts'
import { TRIES_MS } from './link.ts'
import { forgetEvents, forgetLinks } from './store.ts'
import { takeEvent } from './take.ts'

interface WebhookContext {
  db: Database
  now: Clock
  vault: Vault
  log: Log
}

type WebhookSettings = Pick<WhatsappSettings, 'phoneNumberId' | 'appSecret' | 'verifyToken'>

const PATH = '/channels/whatsapp/webhook'
/** The largest body that Meta sends. */
const LARGEST_BODY = 3 * 1024 * 1024
/** Meta repeats for 7 days what was not answered with 200. */
const EVENT_LIFE_MS = 8 * DAY

/** Where Meta reports taps and what became of messages. A call counts only if it is signed with the app secret. */
export async function whatsappRoutes(server: Server, context: WebhookContext, settings: WebhookSettings) {
  const { db, now, log } = context
  const isSigned = signatureCheck(settings.appSecret)
  const warnOfSignature = atMostEach(MINUTE, now, () =>
    log.warn(
      'A call of the WhatsApp webhook had a wrong signature; is COUNTERSIGN_WHATSAPP_APP_SECRET of the right app?',
    ),
  )
  let forgotAt = Number.NEGATIVE_INFINITY

  await server.register(async (plugin) => {
    const scope = plugin as unknown as Server
    // The signature is over the bytes as they came; read and written again they would be others.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: LARGEST_BODY }, (_http, bytes, done) =>
      done(null, bytes),
    )

    scope.get(PATH, async (http, reply) => {
      const query = http.query as Record<string, unknown>
      const { 'hub.mode': mode, 'hub.verify_token': token, 'hub.challenge': challenge } = query
      const isMeta = mode === 'subscribe' && typeof token === 'string' && isSame(token, settings.verifyToken)
      if (!isMeta || typeof challenge !== 'string') throw new Refusal('verify_token_wrong')
      return reply.type('text/plain').send(challenge)
    })

    scope.post(PATH, { bodyLimit: LARGEST_BODY }, async (http, reply) => {
      const bytes = Buffer.isBuffer(http.body) ? http.body : Buffer.alloc(0)
      if (!isSigned(bytes, http.headers['x-hub-signature-256'])) {
        warnOfSignature()
        throw new Refusal('signature_wrong')
      }
      const events = readEvents(parse(bytes), settings.phoneNumberId)
      if (events.length > 0) {
        await db.transaction(async (tx) => {
          const at = now()
          for (const event of events) await takeEvent(tx, context, event, at)
          if (at - forgotAt < HOUR) return
          forgotAt = at
          await forgetEvents(tx, at - EVENT_LIFE_MS)
          await forgetLinks(tx, at, at - TRIES_MS)
        })
      }
      return reply.code(200).send()
    })
  })
}

function signatureCheck(appSecret: string) {
  const key = createSecretKey(Buffer.from(appSecret))
  return (bytes: Buffer, header: string | string[] | undefined): boolean => {
    const [, hex = ''] = /^sha256=([0-9a-f]{64})$/i.exec(String(header)) ?? []
    return sameHash(Buffer.from(hex, 'hex'), createHmac('sha256', key).update(bytes).digest())
  }
}

/** Compares in constant time, and does not tell how long the right text is. */
const isSame = (a: string, b: string) => sameHash(hashSecret(a), hashSecret(b))

/** @throws Refusal `input_invalid` */
function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new Refusal('input_invalid', { detail: 'The body is not JSON.', cause })
  }
}

function atMostEach(ms: number, now: Clock, act: () => void) {
  let actedAt = Number.NEGATIVE_INFINITY
  return () => {
    if (now() - actedAt < ms) return
    actedAt = now()
    act()
  }
}
