import { Refusal } from '#base/errors.ts'
import type { Server } from './server.ts'

/**
 * Whether the process lives, which nothing but its end changes: to start it anew mends no store that is away. And
 * whether it can do its work.
 *
 * @param check answers why it cannot, in a word; undefined if it can
 */
export function healthRoutes(server: Server, check: () => Promise<string | undefined>) {
  server.get('/livez', async () => ({ status: 'ok' }))
  server.get('/readyz', async () => {
    const reason = await check()
    if (reason) throw new Refusal('not_ready', { facts: { reason } })
    return { status: 'ok' }
  })
}
