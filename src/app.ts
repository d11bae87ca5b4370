import { createSecretKey } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { adminRoutes } from '#api/admin.ts'
import { adminLinkRoutes } from '#api/admin-links.ts'
import { appRequestRoutes } from '#api/app-requests.ts'
import { approvalRoutes } from '#api/approvals.ts'
import { appRoutes } from '#api/apps.ts'
import { askRoutes } from '#api/asks.ts'
import { adminAuditRoutes } from '#api/audit.ts'
import { contactRoutes } from '#api/contacts.ts'
import { deliveryRoutes } from '#api/deliveries.ts'
import { adminFeedbackRoutes, feedbackRoutes } from '#api/feedback.ts'
import { guardPages } from '#api/guard.ts'
import { iconRoutes } from '#api/icons.ts'
import { initiatorRoutes } from '#api/initiator.ts'
import { clientLinkRoutes } from '#api/link-codes.ts'
import { linkRoutes } from '#api/links.ts'
import { listenRoutes } from '#api/listen.ts'
import { providerRoutes } from '#api/provider.ts'
import { recoveryRoutes } from '#api/recovery.ts'
import { sessionRoutes } from '#api/sessions.ts'
import { ownSimulateRoutes, simulateRoutes } from '#api/simulate.ts'
import { startRoutes } from '#api/start.ts'
import { tlsRoutes } from '#api/tls.ts'
import { tokenRoutes } from '#api/tokens.ts'
import { startKeeper } from '#audit/keeper.ts'
import { startTally, sweepTallies } from '#audit/tally.ts'
import { type Clock, DAY, MINUTE, SECOND, steadyClock } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import type { Vault } from '#base/seal.ts'
import { createHttpChannel } from '#channels/http/channel.ts'
import { createLiveHub } from '#channels/live/hub.ts'
import { liveRoutes } from '#channels/live/routes.ts'
import { createPushChannel } from '#channels/webpush/channel.ts'
import { pushRoutes } from '#channels/webpush/routes.ts'
import { createVapid } from '#channels/webpush/vapid.ts'
import { answerHandler } from '#channels/whatsapp/answer.ts'
import { createWhatsappChannel } from '#channels/whatsapp/channel.ts'
import { createCloudApi } from '#channels/whatsapp/cloud-api.ts'
import { whatsappLinkRoutes } from '#channels/whatsapp/routes.ts'
import { whatsappRoutes } from '#channels/whatsapp/webhook.ts'
import { readCallKeys } from '#clients/call-keys.ts'
import { openClientKeys } from '#clients/client-keys.ts'
import { deleteEndedJwts, deleteLinkCodes } from '#clients/store.ts'
import { gatherSecretUses } from '#clients/uses.ts'
import { deliverHandler } from '#deliveries/deliver.ts'
import { proveHandler } from '#deliveries/proof.ts'
import { signedHeaders } from '#deliveries/sign.ts'
import { feedbackHandler } from '#feedback/forward.ts'
import { feedbackWays } from '#feedback/ways.ts'
import { documentRoutes } from '#http/documents.ts'
import { healthRoutes } from '#http/health.ts'
import { callLimit } from '#http/limits.ts'
import { pageRoutes } from '#http/pages.ts'
import { closeServer, createServer, type Server } from '#http/server.ts'
import type { Channel } from '#notices/channel.ts'
import { addAppContacts } from '#notices/contacts.ts'
import { countChannels } from '#notices/counts.ts'

import { notifyHandler } from '#notices/send.ts'
import { tellUndelivered } from '#notices/tell.ts'
import { createOutbound } from '#outbound/dial.ts'
import { createPolicy } from '#outbound/policy.ts'
import { announceNode } from '#outbox/nodes.ts'
import { startWorker, type Worker } from '#outbox/worker.ts'
import { cibaPayload, cibaSettling } from '#protocols/ciba/payload.ts'
import { FAPI_TOKEN_LIFE_MS } from '#protocols/ciba/profile.ts'
import { cibaRoutes } from '#protocols/ciba/routes.ts'
import { upstoxPayload } from '#protocols/upstox/payload.ts'
import { upstoxBadUrl, upstoxRoutes } from '#protocols/upstox/routes.ts'
import { announceHandler } from '#requests/announce.ts'
import { expireHandler } from '#requests/expire.ts'
import { dailyExpiry } from '#requests/expiry.ts'
import { sweepClients } from '#requests/retire.ts'
import { simulateHandler } from '#requests/simulate.ts'
import type { Database } from '#store/database.ts'
import { migrate } from '#store/migrate.ts'
import { sql } from '#store/sql.ts'
import { openSqlite } from '#store/sqlite.ts'
import { openSigningKeys } from '#tokens/keys.ts'
import { createProvider } from '#users/provider.ts'
import { sweepUsers } from '#users/sweep.ts'
import { webauthn } from '#users/webauthn.ts'
import { type Config, providerSettings, SettingError, settingsInForce, whatsappSettings } from './config.ts'
import { openAdminKey, openAuditKey, openVapidKey, openVault } from './keys.ts'
import { release } from './release.ts'

export interface App {
  /** Where it is reached by people: the public origin. */
  origin: string
  /** The port it listens on. */
  port: number
  /** The admin key, when it was made at this start. */
  madeAdminKey?: string
  /** Stops taking calls, finishes what is under way, closes the store. */
  stop(): Promise<void>
}

export interface AppOptions {
  config: Config
  log: Log
  now?: Clock
  steady?: Clock
  /** Folder of the built pages. */
  pages: string
  /** Is handed the server before any route is added, for instance to describe them all. */
  watchRoutes?: (server: Server) => Promise<void>
}

/** Opens the store of the settings, in the form this release wants. The commands use it too, also while a server runs. */
export async function openStore(config: Config, now: Clock): Promise<Database> {
  await mkdir(config.data, { recursive: true, mode: 0o700 })
  const db = config.database
    ? (await import('#store/postgres.ts')).openPostgres(config.database, {
        pool: config.databasePool,
        listens: config.databaseListens,
      })
    : await openSqlite(join(config.data, 'countersign.db'))
  try {
    await migrate(db, now())
    return db
  } catch (fault) {
    await db.close()
    throw fault
  }
}

/** Puts all parts together and starts them: the only place that knows them all. */
export async function startApp({
  config,
  log,
  now = Date.now,
  steady = steadyClock,
  pages,
  watchRoutes,
}: AppOptions): Promise<App> {
  const db = await openStore(config, now)
  const vault = await openVault(db, config, log)
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
  const server = createServer({ log, trustProxy: config.trustProxy ?? false, onBadUrl: upstoxBadUrl })
  await watchRoutes?.(server)

  const origin = config.url ?? `http://localhost:${config.port}`
  const site = siteOf(origin, config)
  const issuer = { issuer: origin, audience: config.tokenAudience ?? origin, keys }
  const stopping = new AbortController()
  const uses = gatherSecretUses({ db, now, log })
  const counts = countChannels({ db, now, log })
  const context = {
    db,
    now,
    steady,
    log,
    uses,
    vault,
    site,
    urlPolicy: outbound.policy,
    outbound,
    callKeys: readCallKeys(vault),
    clientKeys: openClientKeys({ db, now, outbound }),
    proofRule: config.notifierProof ?? (config.isDev ? ('off' as const) : ('reachable' as const)),
    wakeDeliveries: (clientId: string) => deliver.wakeLane(clientId),
    issuer,
    payloads: { upstox: upstoxPayload, ciba: cibaPayload },
    settlings: { ciba: cibaSettling },
    nextExpiry: dailyExpiry(config.dailyExpiry),
    askRules: askRules(config),
    linkRules: {
      catalogue: config.scopes,
      codeLifeMs: config.linkCodeLife,
      tellsHandles: config.linkHandles === 'told',
    },
    holdMs: config.cibaHold,
    profile: config.cibaProfile,
    stopping: stopping.signal,
    tellsApp: config.appBackendUrl !== undefined,
    limitClient: callLimit(config.rateLimit, steady),
    limitStranger: callLimit([{ most: SIGN_INS_A_MINUTE, ms: MINUTE }], steady),
    limitAddress: callLimit([{ most: FAILURES_A_MINUTE, ms: MINUTE }], steady),
    limitInitiator: callLimit(config.cibaRateLimit, steady),
  }
  const sends = feedbackWays({ outbound, now, origin: () => site.origin }, feedbackSettings(config))
  const whatsapp = whatsappSettings(config)
  const channels = new Map<string, Channel>()
  const cloudApi = whatsapp && createCloudApi(whatsapp, { log })
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

  await server.register(async (scope) => {
    const routes = scope as Server
    guardPages(routes, context)
    sessionRoutes(routes, context)
    recoveryRoutes(routes, context)
    providerRoutes(routes, context, provider)
    approvalRoutes(routes, context)
    tokenRoutes(routes, context)
    appRoutes(routes, context)
    tlsRoutes(routes, context)
    initiatorRoutes(routes, context)
    iconRoutes(routes, context)
    appRequestRoutes(routes, context)
    deliveryRoutes(routes, context)
    ownSimulateRoutes(routes, context)
    startRoutes(routes, context)
    linkRoutes(routes, context)
    liveRoutes(routes, context, hub)
    contactRoutes(routes, context)
    pushRoutes(routes, push)
    whatsappLinkRoutes(routes, context, whatsapp)
    feedbackRoutes(routes, { ...context, ways: [...sends.keys()] })
  })
  await server.register(async (scope) => {
    adminRoutes(scope as Server, {
      ...context,
      adminKeyHash: adminKey.hash,
      freshMs: config.operatorFresh,
      reenrolWaitMs: config.reenrolWait,
      channelNames: () => [...channels.keys()],
      settings: () => settingCards(config),
    })
    adminFeedbackRoutes(scope as Server, context)
    adminAuditRoutes(scope as Server, { ...audit, stopping: stopping.signal })
    adminLinkRoutes(scope as Server, context)
  })
  askRoutes(server, context)
  clientLinkRoutes(server, context)
  simulateRoutes(server, context)
  await server.register(async (scope) =>
    listenRoutes(scope as Server, { ...context, listenRule: config.listen }),
  )
  await upstoxRoutes(server, context)
  await cibaRoutes(server, { ...context, listen: hub.listen })
  if (whatsapp) await whatsappRoutes(server, context, whatsapp)
  healthRoutes(server, () => db.read(sql`select 1 as ready`))
  documentRoutes(server, { folder: pages, isSecure: origin.startsWith('https:') })
  await pageRoutes(server, { folder: pages, isSecure: origin.startsWith('https:') })

  const node = await announceNode(context, await release())
  const start = config.works ? startWorker : noWorker(config)
  const deliver = start(context, 'deliver', deliverHandler({ ...context, onGivenUp: tellUndelivered }))
  const workers = [
    start(context, 'notify', notifyHandler({ now, channels, counts })),
    deliver,
    start(context, 'prove', proveHandler(context)),
    start(context, 'simulate', simulateHandler(context)),
    start(context, 'expire', expireHandler({ now })),
    ...(cloudApi ? [start(context, 'answer', answerHandler({ now, site, api: cloudApi }))] : []),
    start(context, 'feedback', feedbackHandler({ now, sends })),
    start(context, 'announce', announceHandler(context)),
  ]
  const sweep = setInterval(() => {
    const swept = db.transaction(async (tx) => {
      await sweepUsers(tx, now())
      await sweepClients(tx, now())
      await deleteEndedJwts(tx, now())
      await sweepTallies(tx, now())
      await deleteLinkCodes(tx, now() - DAY)
    })
    Promise.all([swept, tellApp()]).catch((fault) =>
      log.error('What has ended could not be cleared away.', fault),
    )
  }, SWEEP_MS)
  await server.listen({ port: config.port, host: config.host })
  const { port } = server.server.address() as AddressInfo
  if (!config.url && config.port === 0) {
    // Any free port: the origin is known only now, and nothing has asked for it yet.
    Object.assign(site, siteOf(`http://localhost:${port}`, config))
    Object.assign(issuer, { issuer: site.origin, audience: config.tokenAudience ?? site.origin })
  }

  return {
    origin: site.origin,
    port,
    ...(adminKey.made ? { madeAdminKey: adminKey.made } : {}),
    async stop() {
      clearInterval(sweep)
      stopping.abort()
      await closeServer(server)
      hub.stop()
      tally.stop()
      await keeper.stop()
      await Promise.all(workers.map((worker) => worker.stop()))
      await uses.stop()
      keys.stop()
      await counts.stop()
      await node.stop()
      await outbound.close()
      await signInOutbound.close()
      await db.close()
    },
  }
}

const settingCards = (config: Config) =>
  settingsInForce(config).map(({ isSecret, ...each }) => ({ ...each, secret: isSecret }))

async function openVapid(
  { db, now, vault, site }: { db: Database; now: Clock; vault: Vault; site: { origin: string } },
  { pushSubject }: Config,
) {
  const privateKey = await openVapidKey(db, vault)
  return createVapid({ privateKey, now, subject: pushSubject ?? site.origin })
}

/** @throws SettingError when nobody else could do the work */
function noWorker({ database }: Config): () => Worker {
  if (!database) {
    throw new SettingError(
      'COUNTERSIGN_WORKER is 0, but the embedded store has one node, so nobody would do the work. Leave it out, or set COUNTERSIGN_DATABASE.',
    )
  }
  return () => ({ wakeLane() {}, async stop() {} })
}

/** How often what has ended (challenges, sessions) is cleared away. */
const SWEEP_MS = 10 * MINUTE
/** Calls for sign-in and enrolment from one address in a minute; each is a row and some work. */
const SIGN_INS_A_MINUTE = 600
/** Wrong secrets from one address in a minute; they cannot be guessed, so this only guards our time. */
const FAILURES_A_MINUTE = 6_000

const askRules = (config: Config) => ({
  intervalSeconds: Math.max(1, Math.round(config.cibaInterval / SECOND)),
  lifeMs: config.cibaLife,
  longestLifeMs: config.cibaLongestLife,
  tokenLifeMs:
    config.cibaProfile === 'fapi' ? Math.min(config.cibaTokenLife, FAPI_TOKEN_LIFE_MS) : config.cibaTokenLife,
  mostOpen: config.cibaMostOpen,
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

/** @throws SettingError when people would reach the pages in clear text */
function siteOf(origin: string, { isDev, appOrigins }: Config) {
  const { hostname, protocol } = new URL(origin)
  const isLoopback = hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '127.0.0.1'
  if (protocol === 'http:' && !isLoopback && !isDev) {
    throw new SettingError(
      `COUNTERSIGN_URL must begin with https:// (passkeys need it). Example: https://${hostname}`,
    )
  }
  return { origin, rpId: hostname, appOrigins: appOrigins ?? [] }
}
