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
import { userCodeRoutes } from '#api/user-code.ts'
import type { Log } from '#base/log.ts'
import { hashSecret, sameHash } from '#base/secrets.ts'
import { liveRoutes } from '#channels/live/routes.ts'
import { pushRoutes } from '#channels/webpush/routes.ts'
import { whatsappLinkRoutes } from '#channels/whatsapp/routes.ts'
import { whatsappRoutes } from '#channels/whatsapp/webhook.ts'
import { documentRoutes } from '#http/documents.ts'
import { healthRoutes } from '#http/health.ts'
import { metricsRoute, watchAnswers } from '#http/metrics.ts'
import { type OverloadOptions, shedOverload } from '#http/overload.ts'
import { pageRoutes } from '#http/pages.ts'
import type { Server } from '#http/server.ts'
import { cibaRoutes } from '#protocols/ciba/routes.ts'
import { upstoxRoutes } from '#protocols/upstox/routes.ts'
import { type Config, settingsInForce } from '../config.ts'
import type { Parts } from './parts.ts'
import { precedenceOf } from './precedence.ts'

/** Adds every route there is: for the pages, the operator, clients of each protocol, messengers, and the pages themselves. */
export async function addRoutes(
  server: Server,
  {
    config,
    context,
    adminKey,
    meters,
    readiness,
    provider,
    sends,
    whatsapp,
    channels,
    push,
    hub,
    audit,
  }: Parts,
  pages: string,
) {
  watchAnswers(server, ({ id, ...answer }) => {
    meters.answer(answer.status)
    if (config.logCalls) context.log.info('A call was answered.', { request_id: id, ...answer })
  })
  meters.watchCalls(shedOverload(server, overloadOptions(config, meters, context.log)))
  await server.register(async (scope) => {
    const routes = scope as Server
    guardPages(routes, context)
    sessionRoutes(routes, context)
    recoveryRoutes(routes, context)
    userCodeRoutes(routes, context)
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
    adminAuditRoutes(scope as Server, { ...audit, stopping: context.stopping })
    adminLinkRoutes(scope as Server, context)
  })
  askRoutes(server, { ...context, listen: hub.listen })
  clientLinkRoutes(server, context)
  simulateRoutes(server, context)
  await server.register(async (scope) =>
    listenRoutes(scope as Server, { ...context, listenRule: config.listen }),
  )
  await upstoxRoutes(server, context)
  await cibaRoutes(server, { ...context, listen: hub.listen })
  if (whatsapp) await whatsappRoutes(server, context, whatsapp)
  const metricsKey = config.metricsKey ? hashSecret(config.metricsKey) : undefined
  metricsRoute(server, {
    isAllowed: (key) =>
      [adminKey.hash, metricsKey].some((hash) => hash !== undefined && sameHash(hashSecret(key), hash)),
    render: meters.render,
  })
  healthRoutes(server, readiness.check)
  documentRoutes(server, { folder: pages, isSecure: context.site.origin.startsWith('https:') })
  await pageRoutes(server, { folder: pages, isSecure: context.site.origin.startsWith('https:') })
}

const overloadOptions = (config: Config, meters: Parts['meters'], log: Log): OverloadOptions => ({
  rule: {
    calls: config.overloadCalls || Number.POSITIVE_INFINITY,
    lagMs: config.overloadLag || Number.POSITIVE_INFINITY,
  },
  precedenceOf,
  onShed: (precedence) => meters.shed(precedence === 'last'),
  onTurn(shed) {
    if (shed === undefined) log.warn('More comes than can be done; calls are turned away.')
    else log.info('All calls are taken again.', { turned_away: shed })
  },
})

const settingCards = (config: Config) =>
  settingsInForce(config).map(({ isSecret, ...each }) => ({ ...each, secret: isSecret }))
