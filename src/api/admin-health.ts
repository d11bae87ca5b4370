import type { Clock } from '#base/clock.ts'
import { DAY, HOUR } from '#base/clock.ts'
import { countUnderReview } from '#clients/store.ts'
import type { Server } from '#http/server.ts'
import { channelSums } from '#notices/store.ts'
import { NODE_GONE_MS } from '#outbox/nodes.ts'
import { allNodes, queueCounts } from '#outbox/store.ts'
import type { Database } from '#store/database.ts'
import type { ChannelHealth, ServerHealth, SettingCard } from './contract.ts'

export interface HealthContext {
  db: Database
  now: Clock
  /** Names of the channels that are on. */
  channelNames: () => string[]
  settings: () => SettingCard[]
}

/** How the server is, and by which settings it runs. */
export function adminHealthRoutes(server: Server, { db, now, channelNames, settings }: HealthContext) {
  server.get('/v1/admin/health', async (): Promise<ServerHealth> => {
    const at = now()
    const [sums, queues, nodes, reviews] = await Promise.all([
      channelSums(db, at - (at % HOUR) - DAY + HOUR),
      queueCounts(db, at),
      allNodes(db),
      countUnderReview(db),
    ])
    const on = channelNames()
    const names = [...new Set([...on, ...sums.map(({ channel }) => channel)])].sort()
    return {
      now: at,
      reviews_waiting: reviews,
      channels: names.map((name) => channelHealth(name, on.includes(name), sums)),
      queues: queues.map((each) => ({
        kind: each.kind,
        queued: each.queued,
        due: each.due,
        leased: each.leased,
        oldest_due_at: each.oldestDueAt,
        oldest_leased_at: each.oldestLeasedAt,
      })),
      nodes: nodes.map((each) => ({
        id: each.id,
        host: each.host,
        version: each.version,
        engine: each.engine,
        runtime: each.runtime,
        started_at: each.startedAt,
        seen_at: each.seenAt,
        alive: each.seenAt > at - NODE_GONE_MS,
      })),
    }
  })

  server.get('/v1/admin/settings', async () => ({ settings: settings() }))
}

type Sums = Awaited<ReturnType<typeof channelSums>>

function channelHealth(name: string, isOn: boolean, sums: Sums): ChannelHealth {
  const own = sums.filter(({ channel }) => channel === name)
  const sent = own.find(({ outcome }) => outcome === 'sent')
  return {
    name,
    on: isOn,
    sent: sent?.count ?? 0,
    last_sent_at: sent?.lastAt ?? null,
    failures: own
      .filter(({ outcome }) => outcome !== 'sent')
      .map(({ outcome, count, lastAt }) => ({ kind: outcome, count, last_at: lastAt })),
  }
}
