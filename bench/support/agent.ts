import { Pool } from 'undici'
import { newId } from '#base/ids.ts'
import { linkUser } from '#clients/links.ts'
import type { Database } from '#store/database.ts'
import { insertUser } from '#users/store.ts'
import type { BenchServer } from './server.ts'

/** An initiator, and whom it may ask. */
export interface Agent {
  id: string
  secret: string
  users: string[]
}

const GRANT = 'urn:openid:params:grant-type:ciba'

export async function addAgent(server: BenchServer, db: Database, users: number): Promise<Agent> {
  const { client_id, client_secret } = await server.admin<{ client_id: string; client_secret: string }>(
    '/v1/admin/clients',
    { kind: 'initiator', name: 'Northwind Agent', access_token_format: 'opaque' },
  )
  const ids = Array.from({ length: users }, () => newId('usr'))
  await db.transaction(async (tx) => {
    for (const id of ids) {
      await insertUser(tx, { id, handle: id, name: null, createdAt: Date.now() })
      const link = { clientId: client_id, userId: id, scopes: 'openid', actor: 'operator' as const }
      await linkUser(tx, link, Date.now())
    }
  })
  return { id: client_id, secret: client_secret, users: ids }
}

/** The calls of CIBA by poll; each throws unless it is answered as it should be. */
export function callsOf({ id, secret }: Agent, address: string, connections: number) {
  const pool = new Pool(address, { connections })
  const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
  const headers = { authorization, 'content-type': 'application/x-www-form-urlencoded' }
  const post = async (path: string, fields: Record<string, string>, expected: number) => {
    const body = new URLSearchParams(fields).toString()
    const answer = await pool.request({ method: 'POST', path, headers, body })
    const said = await answer.body.text()
    if (answer.statusCode !== expected) throw new Error(`${path}: ${answer.statusCode} ${said}`)
    return said
  }
  return {
    /** @returns the `auth_req_id` */
    ask: async (user: string) =>
      String(JSON.parse(await post('/bc-authorize', { scope: 'openid', login_hint: user }, 200)).auth_req_id),
    poll: (handle: string) => post('/token', { grant_type: GRANT, auth_req_id: handle }, 400),
    redeem: (handle: string) => post('/token', { grant_type: GRANT, auth_req_id: handle }, 200),
    approve: (handle: string) => post(`/dev/ciba?type=allow&token=${encodeURIComponent(handle)}`, {}, 200),
    close: () => pool.close(),
  }
}
