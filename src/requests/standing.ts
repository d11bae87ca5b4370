import { recordEvent } from '#audit/events.ts'
import { DAY, HOUR, MINUTE, SECOND } from '#base/clock.ts'
import { Refusal } from '#base/errors.ts'
import type { Database, Transaction } from '#store/database.ts'
import { sql, twin } from '#store/sql.ts'

/** How a user stands to a client whose requests they have rejected. */
interface Standing {
  rejections: number
  pausedUntil: number
  blockedAt: number | null
}

/** Who and whom. */
interface Pair {
  userId: string
  clientId: string
}

/** How long a client must leave a user alone after their second rejection in a row, the third, and any more. */
const PAUSES_MS = [15 * MINUTE, HOUR, DAY]

/**
 * Whether a client may ask a user now. One that was blocked hears the same as one that has to wait: a no that tells
 * nothing of the user.
 *
 * @throws Refusal `asks_paused` with `retry_after` in seconds
 */
export async function requireWelcome(tx: Transaction, pair: Pair, now: number): Promise<void> {
  const standing = await standingOf(tx, pair)
  if (!standing) return
  const until = standing.blockedAt === null ? standing.pausedUntil : now + DAY
  if (until > now)
    throw new Refusal('asks_paused', { facts: { retry_after: Math.ceil((until - now) / SECOND) } })
}

/** Whether the user wants to hear nothing of a client any more. */
export async function isBlocked(db: Database, { userId, clientId }: Pair): Promise<boolean> {
  const found = await db.read(
    sql`
      select client_id from client_standings
       where user_id = ${userId} and client_id = ${clientId} and blocked_at is not null`,
    twin`
      select n, client_standings.client_id
        from unnest($1::text[], $2::text[]) with ordinality as each (user_id, client_id, n)
        join client_standings
          on client_standings.user_id = each.user_id and client_standings.client_id = each.client_id
       where blocked_at is not null`,
  )
  return found.length > 0
}

const standingOf = (tx: Transaction, { userId, clientId }: Pair) =>
  tx.one<Standing>(
    sql`
      select rejections, paused_until, blocked_at
        from client_standings where user_id = ${userId} and client_id = ${clientId}`,
    twin`
      select n, rejections, paused_until, blocked_at
        from unnest($1::text[], $2::text[]) with ordinality as each (user_id, client_id, n)
        join client_standings
          on client_standings.user_id = each.user_id and client_standings.client_id = each.client_id`,
  )

/** From the second rejection in a row on, each one pauses the client for longer. */
export async function noteRejection(tx: Transaction, { userId, clientId }: Pair, now: number) {
  const rejections = ((await standingOf(tx, { userId, clientId }))?.rejections ?? 0) + 1
  const pause = rejections < 2 ? 0 : (PAUSES_MS[Math.min(rejections, PAUSES_MS.length + 1) - 2] ?? 0)
  await tx.run(sql`
    insert into client_standings (user_id, client_id, rejections, paused_until)
    values (${userId}, ${clientId}, ${rejections}, ${now + pause})
    on conflict (user_id, client_id) do update
       set rejections = excluded.rejections, paused_until = excluded.paused_until`)
}

/** An approval makes good what was before. */
export const noteApproval = (tx: Transaction, { userId, clientId }: Pair) =>
  tx.run(sql`delete from client_standings where user_id = ${userId} and client_id = ${clientId}`)

/** In test mode a block is felt for as long as it takes to see how the app bears it. */
const TEST_BLOCK_MS = MINUTE

export const blockInTest = (tx: Transaction, { userId, clientId }: Pair, now: number) =>
  tx.run(sql`
    insert into client_standings (user_id, client_id, rejections, paused_until)
    values (${userId}, ${clientId}, 0, ${now + TEST_BLOCK_MS})
    on conflict (user_id, client_id) do update set paused_until = excluded.paused_until`)

/** The user says "this was not me": the client may not ask them again until they take it back, and the operator hears. */
export async function blockClient(
  tx: Transaction,
  { userId, clientId }: Pair,
  requestId: string,
  at: number,
) {
  await tx.run(sql`
    insert into client_standings (user_id, client_id, rejections, paused_until, blocked_at)
    values (${userId}, ${clientId}, 1, ${at}, ${at})
    on conflict (user_id, client_id) do update set blocked_at = excluded.blocked_at`)
  await recordEvent(tx, { kind: 'client_reported', actor: 'user', requestId, userId, clientId, at })
}

/** @throws Refusal `client_not_found` when it is not blocked */
export async function unblockClient(tx: Transaction, { userId, clientId }: Pair, at: number) {
  const removed = await tx.run(sql`
    delete from client_standings
     where user_id = ${userId} and client_id = ${clientId} and blocked_at is not null`)
  if (removed === 0) throw new Refusal('client_not_found')
  await recordEvent(tx, { kind: 'client_unblocked', actor: 'user', userId, clientId, at })
}

/** Since when; undefined if it is not. */
export async function blockedSince(db: Database, { userId, clientId }: Pair): Promise<number | undefined> {
  const [standing] = await db.read<{ blockedAt: number }>(sql`
    select blocked_at from client_standings
     where user_id = ${userId} and client_id = ${clientId} and blocked_at is not null`)
  return standing?.blockedAt
}

/** Whoever links an app begins anew with it: pauses and a block are over. */
export async function welcomeAnew(tx: Transaction, { userId, clientId }: Pair, at: number) {
  const standing = await standingOf(tx, { userId, clientId })
  if (!standing) return
  await noteApproval(tx, { userId, clientId })
  if (standing.blockedAt === null) return
  await recordEvent(tx, { kind: 'client_unblocked', actor: 'user', userId, clientId, at })
}

export const blockedClients = (db: Database, userId: string) =>
  db.read<{ clientId: string; blockedAt: number }>(sql`
    select client_id, blocked_at from client_standings
     where user_id = ${userId} and blocked_at is not null order by blocked_at desc`)
