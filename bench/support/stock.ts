import { DAY } from '#base/clock.ts'
import { newId, uuidv7 } from '#base/ids.ts'
import { jsonLog } from '#base/log.ts'
import { addSigningSecret } from '#clients/signing.ts'
import { insertClient, UNSAID } from '#clients/store.ts'
import { payloadPlace } from '#deliveries/queue.ts'
import { insertDelivery, insertPayload } from '#deliveries/store.ts'
import type { Database } from '#store/database.ts'
import { sql } from '#store/sql.ts'
import { insertUser } from '#users/store.ts'
import { openStore } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { openVault } from '../../src/keys.ts'
import { BODY } from './deliverer.ts'
import { type Place, settingsOf } from './place.ts'

/** Rows in one statement, or one transaction. */
const BATCH = 1_000
const PATIENCE_MS = 60_000

/** A store of the server's, opened beside it, by which deliveries are laid up and let go. */
export async function openStock(place: Place) {
  const config = readConfig(settingsOf(place))
  const db = await openStore(config, Date.now)
  const vault = await openVault(
    db,
    config,
    jsonLog(() => {}),
  )
  const userId = newId('usr')
  await db.transaction((tx) =>
    insertUser(tx, { id: userId, handle: userId, name: null, createdAt: Date.now() }),
  )

  return {
    db,
    /** Apps whose results go to this endpoint. */
    async apps(count: number, notifierUrl: string): Promise<string[]> {
      const ids = Array.from({ length: count }, () => uuidv7())
      await db.transaction(async (tx) => {
        for (const id of ids) {
          const createdAt = Date.now()
          const name = 'Northwind Research'
          await insertClient(tx, { ...UNSAID, id, kind: 'individual', userId, name, notifierUrl, createdAt })
          await addSigningSecret(tx, { vault, clientId: id, scheme: 'v1', now: createdAt })
        }
      })
      return ids
    },

    /** Deliveries of these apps in turn, with nobody told yet that they are owed. */
    async layUp(count: number, apps: string[], url: string) {
      for (let from = 0; from < count; from += BATCH) {
        const rows = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => {
          const [id, clientId] = [newId('dlv'), apps[(from + i) % apps.length] as string]
          const sealed = vault.seal(payloadPlace(id, clientId), Buffer.from(BODY))
          const createdAt = Date.now()
          const expiresAt = createdAt + DAY
          const owed = {
            requestId: newId('req'),
            clientId,
            userId,
            kind: 'token' as const,
            tokenId: newId('tok'),
            url,
          }
          return { id, ...owed, expiresAt, createdAt, sealed }
        })
        await db.transaction(async (tx) => {
          if (db.engine === 'postgres') {
            const text = JSON.stringify(
              rows.map(({ sealed, ...each }) => ({ ...each, sealed: `\\x${sealed.toString('hex')}` })),
            )
            await tx.run(sql`
              insert into deliveries (id, request_id, client_id, user_id, kind, token_id, url, state, expires_at, created_at)
              select "id", "requestId", "clientId", "userId", 'token', "tokenId", "url", 'queued', "expiresAt", "createdAt"
                from json_to_recordset(${text}::text::json)
                  as each("id" text, "requestId" text, "clientId" text, "userId" text, "tokenId" text, "url" text,
                          "expiresAt" bigint, "createdAt" bigint)`)
            await tx.run(sql`
              insert into delivery_payloads (delivery_id, content_type, sealed)
              select "id", 'application/json', "sealed"
                from json_to_recordset(${text}::text::json) as each("id" text, "sealed" bytea)`)
          } else {
            for (const { sealed, ...each } of rows) {
              await insertDelivery(tx, each)
              await insertPayload(tx, each.id, {
                contentType: 'application/json',
                sealed,
                sealedBearer: null,
              })
            }
          }
        })
      }
    },

    /** Owes all that is laid up, by one statement. */
    async letGo() {
      const now = Date.now()
      await db.transaction(async (tx) => {
        await tx.run(sql`
          insert into outbox (id, kind, ref, lane, due_at, planned_at, attempt)
          select 'deliver:' || id, 'deliver', id, client_id, ${now}, ${now}, 0
            from deliveries where state = 'queued' and id > ${lastId(db)}
          on conflict (id) do nothing`)
        tx.hint('deliver')
      })
      letGoUpTo.set(db, newId('dlv'))
    },

    /** Waits until every delivery is written down as done, but for those of one app. */
    async drained(but = '') {
      const giveUpAt = performance.now() + PATIENCE_MS
      for (;;) {
        // By the indexes of the workers: a walk over what PostgreSQL has not cleared away yet would be charged to the server.
        const [row] = await db.read<{ isLeft: number }>(sql`
          select (select count(*) from (
                    select id from outbox
                     where kind = 'deliver' and leased_at is null and lane <> ${but} order by due_at, id limit 1) as waiting)
               + (select count(*) from (
                    select id from outbox
                     where kind = 'deliver' and leased_at is not null and lane <> ${but} order by id limit 1) as taken)
                 as is_left`)
        if (!row?.isLeft) return
        if (performance.now() > giveUpAt) throw new Error('The deliveries did not come to an end.')
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    },
    close: () => db.close(),
  }
}

export type Stock = Awaited<ReturnType<typeof openStock>>

/** Up to which id deliveries were let go already. */
const letGoUpTo = new WeakMap<Database, string>()
const lastId = (db: Database) => letGoUpTo.get(db) ?? ''
