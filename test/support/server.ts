import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Clock, MINUTE } from '#base/clock.ts'
import { jsonLog } from '#base/log.ts'
import { type AppOptions, startApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { newDatabase } from './engine.ts'
import { startPerson } from './person.ts'
import { selectFrom } from './select.ts'

export const ADMIN_KEY = 'cs_admin_for-tests-0123456789-0123456789'

interface Options {
  env?: Record<string, string>
  now?: Clock
  /** Given apart from `now` where the time of day is set; else both are moved together. */
  steady?: Clock
  data?: string
  pages?: string
  watchRoutes?: AppOptions['watchRoutes']
}

/** A whole server in this process: real store, real sockets, any free port. */
export async function startServer({ env = {}, now, steady = now, data, pages, watchRoutes }: Options = {}) {
  const folder = data ?? (await mkdtemp(join(tmpdir(), 'countersign-')))
  const lines: string[] = []
  const database = env.COUNTERSIGN_DATABASE ?? (await newDatabase())
  const config = readConfig({
    COUNTERSIGN_PORT: '0',
    COUNTERSIGN_DATA: folder,
    COUNTERSIGN_ADMIN_KEY: ADMIN_KEY,
    COUNTERSIGN_DEV: '1',
    // A busy machine is no overload of a test.
    COUNTERSIGN_OVERLOAD_LAG: '0s',
    // Enough for two who race. PostgreSQL starts a process for each, and a test seldom wants the ten of a real server.
    ...(database ? { COUNTERSIGN_DATABASE: database, COUNTERSIGN_DATABASE_POOL: '3' } : {}),
    ...env,
  })
  const app = await startApp({
    config,
    log: jsonLog((line) => lines.push(line)),
    pages: pages ?? fileURLToPath(new URL('../../web/dist/', import.meta.url)),
    ...(now ? { now } : {}),
    ...(steady ? { steady } : {}),
    ...(watchRoutes ? { watchRoutes } : {}),
  })

  /** Calls by the admin key; throws unless it is answered with 2xx. */
  async function admin<T>(path: string, body: unknown): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${app.port}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return (answer.status === 204 ? undefined : await answer.json()) as T
  }

  let people = 0
  return {
    origin: app.origin,
    port: app.port,
    folder,
    /** Settings by which another process works on the same store. */
    storeEnv: { COUNTERSIGN_DATA: folder, ...(database ? { COUNTERSIGN_DATABASE: database } : {}) },
    /** Reads the store from outside. */
    select: (text: string) =>
      selectFrom(database ? { url: database } : { path: join(folder, 'countersign.db') }, text),
    /** What was logged, a JSON line each. */
    lines,
    admin,
    addUser: (form: { handle?: string; phone?: string; user_id?: string; name?: string } = {}) => {
      people += 1
      return admin<{ user_id: string; enrolment_url: string }>('/v1/admin/users', {
        handle: `person-${people}`,
        ...form,
      })
    },
    /** An account holder with a passkey, signed in. */
    async person(form: { handle?: string; phone?: string; user_id?: string; name?: string } = {}) {
      const { user_id, enrolment_url } = await this.addUser(form)
      return startPerson(app.origin, user_id, enrolment_url)
    },
    addClient: (form: Record<string, unknown>) =>
      admin<{ client_id: string; client_secret: string; signing_secret: string }>('/v1/admin/clients', {
        kind: 'individual',
        name: 'Northwind Research',
        ...form,
      }),
    ask: (clientId: string, body: unknown) =>
      fetch(`${app.origin}/v3/login/auth/token/request/${clientId}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        redirect: 'manual',
      }),
    /** Asks, and answers the id of the request. */
    async openRequest(
      client: { client_id: string; client_secret: string },
      reason?: string,
    ): Promise<string> {
      const answer = await this.ask(client.client_id, { client_secret: client.client_secret, reason })
      if (answer.status !== 200) throw new Error(`ask: ${answer.status} ${await answer.text()}`)
      return (answer.headers.get('location') ?? '').replace('/v1/requests/', '')
    },
    async requestStatus(client: { client_id: string; client_secret: string }, id: string) {
      const answer = await fetch(`${app.origin}/v1/requests/${id}`, { headers: basic(client) })
      return (await answer.json()) as RequestStatus
    },
    stop: () => app.stop(),
    async [Symbol.asyncDispose]() {
      await app.stop()
      if (!data) await rm(folder, { recursive: true, force: true })
    },
  }
}

export interface RequestStatus {
  id: string
  status: string
  settled_at: number | null
  delivery: {
    id: string
    status: string
    attempts: { number: number; status: string; failure: string | null }[]
  } | null
  timeline: { event: string; at: number }[]
}

export type TestServer = Awaited<ReturnType<typeof startServer>>

export const basic = ({ client_id, client_secret }: { client_id: string; client_secret: string }) => ({
  authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}`,
})

/** A clock that stands still until it is moved. */
export function heldClock(at = Date.UTC(2026, 10, 24, 6, 0)) {
  let now = at
  return {
    now: () => now,
    moveTo: (to: number) => {
      now = to
    },
    forward: (ms: number) => {
      now += ms
    },
    minutes: (count: number) => {
      now += count * MINUTE
    },
  }
}
