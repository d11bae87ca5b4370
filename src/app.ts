import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type Clock, steadyClock } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import { closeServer, createServer, type Server } from '#http/server.ts'
import { upstoxBadUrl } from '#protocols/upstox/routes.ts'
import { startMtls } from './app/certificates.ts'
import { audiencesOf, openParts } from './app/parts.ts'
import { addRoutes } from './app/routes.ts'
import { siteOf } from './app/site.ts'
import { startWork } from './app/work.ts'
import type { Config } from './config.ts'

export { openStore } from './app/store.ts'

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

/** Puts all parts together and starts them. What a part is made of stands in `app/`. */
export async function startApp({
  config,
  log,
  now = Date.now,
  steady = steadyClock,
  pages,
  watchRoutes,
}: AppOptions): Promise<App> {
  const parts = await openParts({ config, log, now, steady })
  const { site } = parts.context
  const server = createServer({ log, trustProxy: config.trustProxy ?? false, onBadUrl: upstoxBadUrl })
  await watchRoutes?.(server)
  await addRoutes(server, parts, pages)
  const work = await startWork(parts)

  await server.listen({ port: config.port, host: config.host })
  const { port } = server.server.address() as AddressInfo
  if (!config.url && config.port === 0) {
    // Any free port: the origin is known only now, and nothing has asked for it yet.
    Object.assign(site, siteOf(`http://localhost:${port}`, config))
    Object.assign(parts.issuer, { issuer: site.origin, ...audiencesOf(config, site.origin) })
  }

  const mtls = await startMtls(server, config, { ...parts.context, log })
  const { adminKey } = parts
  let stopped: Promise<void> | undefined
  const stop = async () => {
    parts.readiness.stop()
    await pause(config.stopDelay)
    parts.endWaits()
    await mtls.stop()
    await closeServer(server)
    await work.stop()
    await parts.rest()
    await parts.close()
  }
  return {
    origin: site.origin,
    port,
    ...(adminKey.made ? { madeAdminKey: adminKey.made } : {}),
    stop: () => {
      stopped ??= stop()
      return stopped
    },
  }
}
