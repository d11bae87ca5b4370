import { createSecretKey } from 'node:crypto'
import { sharedLimit } from '#api/shared-limit.ts'
import { startKeeper } from '#audit/keeper.ts'
import { startTally } from '#audit/tally.ts'
import { type Clock, MINUTE, SECOND } from '#base/clock.ts'
import { StoreUnavailable } from '#base/errors.ts'
import type { Log } from '#base/log.ts'
import type { Vault } from '#base/seal.ts'
import { hashSecret } from '#base/secrets.ts'
import { createHttpChannel } from '#channels/http/channel.ts'
import { createLiveHub } from '#channels/live/hub.ts'
import { createPushChannel } from '#channels/webpush/channel.ts'
import { createVapid } from '#channels/webpush/vapid.ts'
import { createWhatsappChannel } from '#channels/whatsapp/channel.ts'
import { createCloudApi } from '#channels/whatsapp/cloud-api.ts'
import { createPace } from '#channels/whatsapp/pace.ts'
import { readCallKeys } from '#clients/call-keys.ts'
import { openClientKeys } from '#clients/client-keys.ts'
import { openHintTokens } from '#clients/hint-tokens.ts'
import { openProofs } from '#clients/proofs.ts'
import { gatherSecretUses } from '#clients/uses.ts'
import { signedHeaders } from '#deliveries/sign.ts'
import { feedbackWays } from '#feedback/ways.ts'
import { callLimit } from '#http/limits.ts'
import type { Channel } from '#notices/channel.ts'
import { addAppContacts } from '#notices/contacts.ts'
import { countChannels } from '#notices/counts.ts'
import { createOutbound, type Outbound } from '#outbound/dial.ts'
import { createPolicy } from '#outbound/policy.ts'
import { announceNode } from '#outbox/nodes.ts'
import { enqueue, type NewJob } from '#outbox/store.ts'
import { cibaPayload, cibaSettling } from '#protocols/ciba/payload.ts'
import { upstoxPayload } from '#protocols/upstox/payload.ts'
import { dailyExpiry } from '#requests/expiry.ts'
import { keepPace } from '#requests/pace.ts'
import type { Database, Transaction } from '#store/database.ts'
import { timed } from '#store/timed.ts'
import type { Issuer } from '#tokens/issue.ts'
import { openSigningKeys } from '#tokens/keys.ts'
import { createTokenSource, type TokenSource } from '#tokens/source.ts'
import { createProvider } from '#users/provider.ts'
import { webauthn } from '#users/webauthn.ts'
import { type Config, providerSettings, SettingError, whatsappSettings } from '../config.ts'
import { openAdminKey, openAuditKey, openVapidKey, openVault, unsealCheck } from '../keys.ts'
import { release } from '../release.ts'
import { openCertificates } from './certificates.ts'
import { journal } from './journal.ts'
import { createReadiness, type Readiness } from './readiness.ts'
import { siteOf } from './site.ts'
import { openStore } from './store.ts'

export type Parts = Awaited<ReturnType<typeof openParts>>

interface PartsOptions {
  config: Config
  log: Log
  now: Clock
  steady: Clock
}

/** Opens what everything else rests on: store, keys, ways out, channels, and what the routes and workers are handed. */
export async function openParts({ config, log, now, steady }: PartsOptions) {
  // Every command knows this file, and the server alone counts.
  const meters = (await import('./meters.ts')).createMeters()
  requireWhole(config)
  const certificates = await openCertificates(config)
  let readiness: Readiness | undefined
  const db = timed(await openStore(config, now), (what, ms, fault) => {
    const isAway = fault instanceof StoreUnavailable
    meters.store(what, ms, isAway)
    if (isAway) readiness?.noteFailure()
  })
  db.onFact(meters.count)
  db.onFact(journal(log))
  const vault = await openVault(db, config, log)
  const version = await release()
  const presence = await announceNode({ db, now, log }, version)
  readiness = createReadiness({ log, write: presence.beat, unseal: () => unsealCheck(db, vault) })
  meters.begin({ db, now, version, isReady: async () => (await readiness?.check()) === undefined })
  const adminKey = await openAdminKey(db, config)
  const keys = await openSigningKeys({ db, now, vault, log })
  const outbound = createOutbound({
    policy: createPolicy({ isOpen: config.isDev, allow: config.outboundAllow }),
    proxy: config.outboundProxy,
  })
  const signInOutbound = createOutbound({
    policy: createPolicy({ isOpen: config.isDev, allow: config.oidcAllow }),
    proxy: config.outboundProxy,
  })
  const oidc = providerSettings(config)
  const provider = oidc && createProvider(oidc, signInOutbound)
  const origin = config.url ?? `http://localhost:${config.port}`
  const site = siteOf(origin, config)
  const issuer: Issuer = { issuer: origin, ...audiencesOf(config, origin), keys }
  issuer.source = openTokenSource(config, { outbound, now, audience: () => issuer.audience })
  const stopping = new AbortController()
  // The workers start last, and what wakes them is needed before.
  const wake = { deliveries: (_clientId: string) => {}, takeDelivery: enqueue }
  const uses = gatherSecretUses({ db, now, log })
  const polls = keepPace({ db, log })
  const counts = countChannels({ db, now, log })
  const traces = config.otlpUrl
    ? (await import('./traces.ts')).startTraces({
        url: config.otlpUrl,
        headers: config.otlpHeaders ?? {},
        version,
        log,
      })
    : undefined
  const context = {
    db,
    now,
    steady,
    log,
    tracer: traces?.tracer,
    uses,
    vault,
    site,
    urlPolicy: outbound.policy,
    outbound,
    callKeys: readCallKeys(vault),
    clientKeys: openClientKeys({ db, now, outbound }),
    certificates,
    resourceKeyHash: config.introspectionKey ? hashSecret(config.introspectionKey) : undefined,
    proofs: openProofs({ db, now, vault }, config.dpopNonce),
    hintTokens:
      config.hintIssuers.size > 0 ? openHintTokens({ now, outbound, site }, config.hintIssuers) : undefined,
    proofRule: config.notifierProof ?? (config.isDev ? ('off' as const) : ('reachable' as const)),
    wakeDeliveries: (clientId: string) => wake.deliveries(clientId),
    takeDelivery: (tx: Transaction, job: NewJob) => wake.takeDelivery(tx, job),
    issuer,
    payloads: { upstox: upstoxPayload, ciba: cibaPayload },
    settlings: { ciba: cibaSettling },
    nextExpiry: dailyExpiry(config.dailyExpiry),
    askRules: askRules(config),
    polls,
    catalogue: { scopes: config.scopes, details: config.detailTypes },
    linkRules: {
      codeLifeMs: config.linkCodeLife,
      tellsHandles: config.linkHandles === 'told',
    },
    holdMs: config.cibaHold,
    profile: config.cibaProfile,
    isDev: config.isDev,
    stopping: stopping.signal,
    tellsApp: config.appBackendUrl !== undefined,
    limitClient: callLimit(config.rateLimit, steady),
    limitStranger: sharedLimit({ db, now, steady }, 'sign_in', { most: SIGN_INS_A_MINUTE, ms: MINUTE }),
    limitAddress: callLimit([{ most: FAILURES_A_MINUTE, ms: MINUTE }], steady),
    limitInitiator: callLimit(config.cibaRateLimit, steady),
  }
  const sends = feedbackWays({ outbound, now, origin: () => site.origin }, feedbackSettings(config))
  const whatsapp = whatsappSettings(config)
  const channels = new Map<string, Channel>()
  const cloudApi = whatsapp && createCloudApi(whatsapp, { log, pace: createPace(context, whatsapp) })
  if (whatsapp && cloudApi)
    channels.set('whatsapp', createWhatsappChannel(whatsapp, { ...context, api: cloudApi }))
  const push = { ...context, vapid: await openVapid(context, config), hosts: config.pushHosts }
  channels.set('webpush', createPushChannel(push))
  const { appBackendUrl: url, appBackendSecret: secret } = config
  if (url && secret) channels.set('http', createHttpChannel({ url, secret }, context))
  const tellApp = url ? () => addAppContacts(db, now()) : async () => {}
  await tellApp()
  const hub = createLiveHub({ db, log })
  const tally = startTally({ db, log })
  const audit = { db, now, log, auditKey: await openAuditKey(db, vault) }
  const keeper = startKeeper({ ...audit, auditRetentionMs: config.auditRetention })
  // Whoever is asked will soon want to answer.
  db.onHint('events', () => void webauthn())

  return {
    config,
    context,
    adminKey,
    meters,
    presence,
    readiness,
    issuer,
    wake,
    provider,
    sends,
    whatsapp,
    cloudApi,
    channels,
    counts,
    push,
    tellApp,
    hub,
    audit,
    /** Ends what gathers and listens; the workers must have stopped. */
    async rest() {
      hub.stop()
      tally.stop()
      await keeper.stop()
      await uses.stop()
      await polls.stop()
      keys.stop()
      await counts.stop()
    },
    /** Tells calls that are held open to end. */
    endWaits: () => stopping.abort(),
    /** Closes the ways out, and the store last. */
    async close() {
      await traces?.stop()
      await outbound.close()
      await signInOutbound.close()
      await db.close()
    },
  }
}

/** Calls for sign-in and enrolment from one address in a minute; each is a row and some work. */
const SIGN_INS_A_MINUTE = 600
/** Wrong secrets from one address in a minute; they cannot be guessed, so this only guards our time. */
const FAILURES_A_MINUTE = 6_000

async function openVapid(
  { db, now, vault, site }: { db: Database; now: Clock; vault: Vault; site: { origin: string } },
  { pushSubject }: Config,
) {
  const privateKey = await openVapidKey(db, vault)
  return createVapid({ privateKey, now, subject: pushSubject ?? site.origin })
}

/** @throws SettingError */
function requireWhole({ tokenSourceUrl, tokenSourceSecret }: Config): void {
  if ((tokenSourceUrl === undefined) === (tokenSourceSecret === undefined)) return
  throw new SettingError(
    'COUNTERSIGN_TOKEN_SOURCE_URL and COUNTERSIGN_TOKEN_SOURCE_SECRET belong together. Example: https://tokens.example.com/issue',
  )
}

function openTokenSource(
  { tokenSourceUrl: url, tokenSourceSecret: secret, tokenSourceTimeout: timeoutMs }: Config,
  context: { outbound: Outbound; now: Clock; audience: () => string },
): TokenSource | undefined {
  if (!url || !secret) return undefined
  const key = createSecretKey(secret)
  return createTokenSource({
    url,
    sign: (id, at, body) => signedHeaders(id, at, body, [key]),
    timeoutMs,
    ...context,
  })
}

/** Whom tokens are for: the services of the operator, or we ourselves. */
export function audiencesOf({ tokenAudience }: Pick<Config, 'tokenAudience'>, origin: string) {
  const audiences = tokenAudience ?? [origin]
  return { audience: audiences[0] ?? origin, audiences }
}

const askRules = (config: Config) => ({
  intervalSeconds: Math.max(1, Math.round(config.cibaInterval / SECOND)),
  lifeMs: config.cibaLife,
  longestLifeMs: config.cibaLongestLife,
  tokenLifeMs: config.cibaTokenLife,
  renewableMs: config.cibaRefreshLife,
  mostOpen: config.cibaMostOpen,
  takesUserCodes: config.cibaUserCode,
  takesHandles: config.linkHandles !== 'hidden',
})

function feedbackSettings(config: Config) {
  const { feedbackWebhook: url, feedbackWebhookSecret: secret, feedbackMail: to, smtp } = config
  const key = secret && createSecretKey(secret)
  return {
    webhook:
      url && key
        ? {
            url,
            sign: (...[id, at, body]: [string, number, Uint8Array]) => signedHeaders(id, at, body, [key]),
          }
        : undefined,
    mail:
      to && smtp
        ? { to, server: { url: smtp, from: config.smtpFrom ?? to, isOpen: config.isDev } }
        : undefined,
  }
}
