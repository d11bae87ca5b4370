import type { Server } from './server.ts'

/**
 * Whether the process lives, and whether it can do its work.
 *
 * @param isReady throws when something that every call needs is away
 */
export function healthRoutes(server: Server, isReady: () => Promise<unknown>) {
  server.get('/livez', async () => ({ status: 'ok' }))
  server.get('/readyz', async () => {
    await isReady()
    return { status: 'ok' }
  })
}
