import { idAt } from '#base/ids.ts'
import type { Client } from '#clients/store.ts'
import type { Database, Transaction } from '#store/database.ts'
import { sql, twin } from '#store/sql.ts'
import type { RequestState, Settled } from './state.ts'

/**
 * How the result goes back: to the notifier, by a code through the user's browser, or (a test) not at all; or as CIBA
 * knows it: the client polls for it, is pinged to fetch it, or has it pushed.
 */
export type Handover = 'notifier' | 'code' | 'none' | 'poll' | 'ping' | 'push'

/** One ask for a token. */
export interface TokenRequest {
  id: string
  clientId: string
  userId: string
  protocol: string
  delivery: Handover
  state: RequestState
  reason: string | null
  address: string | null
  redirectUrl: string | null
  redirectState: string | null
  fold: string | null
  /** JSON text of `Terms`; null where everything is asked for. */
  terms: string | null
  requestedAt: number
  expiresAt: number
  tokenExpiresAt: number
  settledAt: number | null
}

/** Undefined when an open request of the same fold is there already. */
export const insertRequest = (
  tx: Transaction,
  each: Omit<TokenRequest, 'state' | 'settledAt'> & { trace: string | null },
) =>
  tx.one<{ id: string }>(
    sql`
      insert into token_requests (id, client_id, user_id, protocol, delivery, state, reason, address, redirect_url,
                                  redirect_state, fold, terms, trace, requested_at, expires_at, token_expires_at)
      values (${each.id}, ${each.clientId}, ${each.userId}, ${each.protocol}, ${each.delivery}, 'pending',
              ${each.reason}, ${each.address}, ${each.redirectUrl}, ${each.redirectState}, ${each.fold},
              ${each.terms}, ${each.trace}, ${each.requestedAt}, ${each.expiresAt}, ${each.tokenExpiresAt})
      on conflict do nothing
      returning id`,
    twin`
      with each as (
        select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[],
                             $14::bigint[], $15::bigint[])
          with ordinality as each (id, client_id, user_id, protocol, delivery, reason, address, redirect_url,
                                   redirect_state, fold, terms, trace, requested_at, expires_at, token_expires_at, n)
      ), added as (
        insert into token_requests (id, client_id, user_id, protocol, delivery, state, reason, address, redirect_url,
                                    redirect_state, fold, terms, trace, requested_at, expires_at, token_expires_at)
        select id, client_id, user_id, protocol, delivery, 'pending', reason, address, redirect_url,
               redirect_state, fold, terms, trace, requested_at, expires_at, token_expires_at
          from each order by id
        on conflict do nothing
        returning id
      )
      select n, added.id from added join each on each.id = added.id`,
  )

/** `traceparent` of the ask, for what is done on its behalf. */
export async function traceOf(tx: Transaction, id: string): Promise<string | null> {
  const row = await tx.one<{ trace: string | null }>(sql`select trace from token_requests where id = ${id}`)
  return row?.trace ?? null
}

export const openRequestOf = (tx: Transaction, clientId: string, userId: string, fold: string) =>
  tx.one<TokenRequest>(sql`
    select id, client_id, user_id, protocol, delivery, state, reason, address, redirect_url, redirect_state, fold, terms,
           requested_at, expires_at, token_expires_at, settled_at
      from token_requests
     where user_id = ${userId} and client_id = ${clientId} and fold = ${fold} and state = 'pending'`)

/** Settles a pending request. Of two decisions at the same moment one gets the row, the other `undefined`. */
export const settleRequest = (tx: Transaction, id: string, to: Exclude<Settled, 'expired'>, now: number) =>
  tx.one<Pick<TokenRequest, 'id' | 'clientId' | 'userId' | 'protocol' | 'delivery' | 'requestedAt'>>(sql`
    update token_requests
       set state = ${to}, settled_at = ${now}
     where id = ${id} and state = 'pending' and expires_at > ${now}
    returning id, client_id, user_id, protocol, delivery, requested_at`)

/** Ends a pending request whose time is over; its end is when that was, not when we noticed. */
export const expireRequestRow = (tx: Transaction, id: string, now: number) =>
  tx.one<TokenRequest>(sql`
    update token_requests
       set state = 'expired', settled_at = expires_at
     where id = ${id} and state = 'pending' and expires_at <= ${now}
    returning id, client_id, user_id, protocol, delivery, state, reason, address, redirect_url, redirect_state, fold, terms,
              requested_at, expires_at, token_expires_at, settled_at`)

export const requestInside = (tx: Transaction, id: string) =>
  tx.one<TokenRequest>(sql`
    select id, client_id, user_id, protocol, delivery, state, reason, address, redirect_url, redirect_state, fold, terms,
           requested_at, expires_at, token_expires_at, settled_at
      from token_requests where id = ${id}`)

export async function requestById(db: Database, id: string): Promise<TokenRequest | undefined> {
  const [request] = await db.read<TokenRequest>(sql`
    select id, client_id, user_id, protocol, delivery, state, reason, address, redirect_url, redirect_state, fold, terms,
           requested_at, expires_at, token_expires_at, settled_at
      from token_requests where id = ${id}`)
  return request
}

/** All of a user but what is played in test mode, newest first; `before` is the id that the last page ended with. */
export async function requestsOfUser(db: Database, userId: string, before: string, limit: number) {
  const settled = await db.read<TokenRequest>(sql`
    select id, client_id, user_id, protocol, delivery, state, reason, address, redirect_url, redirect_state, fold, terms,
           requested_at, expires_at, token_expires_at, settled_at
      from token_requests
     where user_id = ${userId} and state <> 'pending' and id < ${before}
       and not exists (select 1 from clients where clients.id = client_id and mode = 'test')
     order by id desc limit ${limit}`)
  const pending = await pendingOfUser(db, userId, before, limit)
  return [...pending, ...settled].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit)
}

export const pendingOfUser = (db: Database, userId: string, before: string, limit: number) =>
  db.read<TokenRequest>(sql`
    select id, client_id, user_id, protocol, delivery, state, reason, address, redirect_url, redirect_state, fold, terms,
           requested_at, expires_at, token_expires_at, settled_at
      from token_requests
     where user_id = ${userId} and state = 'pending' and id < ${before}
       and not exists (select 1 from clients where clients.id = client_id and mode = 'test')
     order by id desc limit ${limit}`)

/** In test mode: ends the time of a pending request. */
export const endRequestNow = (tx: Transaction, id: string, at: number) =>
  tx.run(sql`update token_requests set expires_at = ${at} where id = ${id} and state = 'pending'`)

type Asker = Pick<Client, 'id' | 'kind' | 'userId'>

/** Requests of a client, newest first; `before` is the id that the last page ended with. */
export async function requestsOfClient(db: Database, client: Asker, before: string, limit: number) {
  const settled = await settledOfClient(db, client, before, limit)
  const pending = await waitingOfClient(db, client, before, limit)
  return [...pending, ...settled].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, limit)
}

export const waitingOfClient = (db: Database, { id, kind, userId }: Asker, before: string, limit: number) =>
  kind === 'individual'
    ? db.read<ClientsRequest>(sql`
        select id, client_id, user_id, state, delivery, requested_at, expires_at, token_expires_at, settled_at
          from token_requests
         where user_id = ${userId} and client_id = ${id} and state = 'pending' and id < ${before}
         order by id desc limit ${limit}`)
    : db.read<ClientsRequest>(sql`
        select id, client_id, user_id, state, delivery, requested_at, expires_at, token_expires_at, settled_at
          from token_requests
         where client_id = ${id} and protocol = 'ciba' and state = 'pending' and id < ${before}
         order by id desc limit ${limit}`)

const settledOfClient = (db: Database, { id, kind, userId }: Asker, before: string, limit: number) =>
  kind === 'individual'
    ? db.read<ClientsRequest>(sql`
        select id, client_id, user_id, state, delivery, requested_at, expires_at, token_expires_at, settled_at
          from token_requests
         where user_id = ${userId} and client_id = ${id} and state <> 'pending' and id < ${before}
         order by id desc limit ${limit}`)
    : db.read<ClientsRequest>(sql`
        select id, client_id, user_id, state, delivery, requested_at, expires_at, token_expires_at, settled_at
          from token_requests
         where client_id = ${id} and protocol = 'ciba' and state <> 'pending' and id < ${before}
         order by id desc limit ${limit}`)

export const endedOfClient = (
  db: Database,
  { id, kind, userId }: Asker,
  state: Settled,
  before: string,
  limit: number,
) =>
  kind === 'individual'
    ? db.read<ClientsRequest>(sql`
        select id, client_id, user_id, state, delivery, requested_at, expires_at, token_expires_at, settled_at
          from token_requests
         where user_id = ${userId} and client_id = ${id} and state <> 'pending' and state = ${state}
           and id < ${before}
         order by id desc limit ${limit}`)
    : db.read<ClientsRequest>(sql`
        select id, client_id, user_id, state, delivery, requested_at, expires_at, token_expires_at, settled_at
          from token_requests
         where client_id = ${id} and protocol = 'ciba' and state = ${state} and id < ${before}
         order by id desc limit ${limit}`)

/** What the owner of a client may know of a request: nothing of where its user is, or what the client said to them. */
export type ClientsRequest = Omit<
  TokenRequest,
  'protocol' | 'reason' | 'address' | 'redirectUrl' | 'redirectState' | 'fold'
>

/** All that still wait for an answer to a client: of one user's, and of everybody's. */
export const pendingOfClient = (tx: Transaction, { id, kind, userId }: Asker) =>
  kind === 'individual'
    ? tx.all<PendingRef>(sql`
        select id, user_id, client_id from token_requests
         where user_id = ${userId} and client_id = ${id} and state = 'pending'`)
    : tx.all<PendingRef>(sql`
        select id, user_id, client_id from token_requests
         where client_id = ${id} and protocol = 'ciba' and state = 'pending'`)

export const pendingInside = (tx: Transaction, userId: string) =>
  tx.all<PendingRef>(sql`
    select id, user_id, client_id from token_requests where user_id = ${userId} and state = 'pending'`)

export const pendingOfPair = (tx: Transaction, userId: string, clientId: string) =>
  tx.all<PendingRef & Pick<TokenRequest, 'delivery'>>(sql`
    select id, user_id, client_id, delivery from token_requests
     where user_id = ${userId} and client_id = ${clientId} and state = 'pending'`)

/** When each client last asked a user, and when it last had a yes. */
export const lastAsksOf = (db: Database, userId: string) =>
  db.read<{ clientId: string; askedAt: number; approvedAt: number | null }>(sql`
    select client_id, max(requested_at) as asked_at, max(approved_at) as approved_at
      from (select client_id, requested_at, null as approved_at
              from token_requests where user_id = ${userId} and state = 'pending'
             union all
            select client_id, requested_at, case when state = 'approved' then settled_at end
              from token_requests where user_id = ${userId} and state <> 'pending') as asks
     group by client_id`)

type PendingRef = Pick<TokenRequest, 'id' | 'userId' | 'clientId'>

export const settledOfUser = (db: Database, userId: string, state: Settled, before: string, limit: number) =>
  db.read<TokenRequest>(sql`
    select id, client_id, user_id, protocol, delivery, state, reason, address, redirect_url, redirect_state, fold, terms,
           requested_at, expires_at, token_expires_at, settled_at
      from token_requests
     where user_id = ${userId} and state <> 'pending' and state = ${state} and id < ${before}
       and not exists (select 1 from clients where clients.id = client_id and mode = 'test')
     order by id desc limit ${limit}`)

/** How many of a pair wait now. */
export async function countPending(
  tx: Transaction,
  userId: string,
  clientId: string,
  now: number,
): Promise<number> {
  const row = await tx.one<{ count: number }>(
    sql`
      select count(*) as count
        from token_requests
       where user_id = ${userId} and client_id = ${clientId} and state = 'pending' and expires_at > ${now}`,
    twin`
      select n, count(*) as count
        from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as each (user_id, client_id, now, n)
        join token_requests on token_requests.user_id = each.user_id and token_requests.client_id = each.client_id
       where state = 'pending' and expires_at > each.now
       group by n`,
  )
  return row?.count ?? 0
}

export async function approvalsBefore(db: Database, userId: string, clientId: string, id: string) {
  const [row] = await db.read<{ count: number; lastAt: number | null }>(sql`
    select count(*) as count, max(settled_at) as last_at
      from token_requests
     where user_id = ${userId} and client_id = ${clientId} and state <> 'pending' and state = 'approved' and id < ${id}`)
  return row ?? { count: 0, lastAt: null }
}

// Reviews: what was shown to whom

export interface ReviewRow {
  challenge: string
  requestId: string
  userId: string
  approval: string
  nonce: Uint8Array
  /** JSON text of the numbers of the details that the user does not give. */
  withheld: string
}

export const insertReview = (tx: Transaction, each: ReviewRow & { createdAt: number; expiresAt: number }) =>
  tx.run(sql`
    insert into reviews (challenge, request_id, user_id, approval, nonce, withheld, created_at, expires_at)
    values (${each.challenge}, ${each.requestId}, ${each.userId}, ${each.approval}, ${each.nonce},
            ${each.withheld}, ${each.createdAt}, ${each.expiresAt})`)

/** Whether a request that waits was opened before. */
export const isReviewed = async (tx: Transaction, requestId: string): Promise<boolean> =>
  (await tx.one(sql`select challenge from reviews where request_id = ${requestId} limit 1`)) !== undefined

/** Takes a review for its one signature. */
export const takeReview = (
  tx: Transaction,
  challenge: string,
  requestId: string,
  userId: string,
  now: number,
) =>
  tx.one<ReviewRow>(sql`
    delete from reviews
     where challenge = ${challenge} and request_id = ${requestId} and user_id = ${userId} and expires_at > ${now}
    returning challenge, request_id, user_id, approval, nonce, withheld`)

/** What the one who signs this challenge keeps back; nothing, if there is no such review. */
export async function withheldInReview(db: Database, challenge: string): Promise<string> {
  const [review] = await db.read<{ withheld: string }>(sql`
    select withheld from reviews where challenge = ${challenge}`)
  return review?.withheld ?? '[]'
}

export const deleteReviews = (tx: Transaction, requestId: string) =>
  tx.run(sql`delete from reviews where request_id = ${requestId}`)

// Decisions

export const insertDecision = (
  tx: Transaction,
  each: {
    requestId: string
    userId: string
    decision: 'approved' | 'rejected'
    channel: string
    evidence: string | null
    /** JSON text of the numbers of the details that the user did not give. */
    withheld?: string
    decidedAt: number
  },
) =>
  tx.run(sql`
    insert into decisions (request_id, user_id, decision, channel, evidence, withheld, decided_at)
    values (${each.requestId}, ${each.userId}, ${each.decision}, ${each.channel}, ${each.evidence},
            ${each.withheld ?? '[]'}, ${each.decidedAt})`)

/** What the user kept back of an approved request. */
export async function withheldOf(tx: Transaction, requestId: string): Promise<string> {
  const decision = await tx.one<{ withheld: string }>(sql`
    select withheld from decisions where request_id = ${requestId}`)
  return decision?.withheld ?? '[]'
}

export async function evidenceOf(
  db: Database,
  requestId: string,
  userId: string,
): Promise<string | undefined> {
  const [row] = await db.read<{ evidence: string | null }>(sql`
    select evidence from decisions where request_id = ${requestId} and user_id = ${userId}`)
  return row?.evidence ?? undefined
}

// Handles: how a client comes back for a result

export interface RequestHandle {
  requestId: string
  intervalSeconds: number
  polledAt: number | null
  redeemedAt: number | null
  sealedBearer: Uint8Array | null
  /** When the user had typed the code that the client shows. */
  matchedAt: number | null
}

export const insertHandle = (
  tx: Transaction,
  each: Pick<RequestHandle, 'requestId' | 'intervalSeconds' | 'sealedBearer'>,
) =>
  tx.run(
    sql`
      insert into request_handles (request_id, interval_seconds, sealed_bearer)
      values (${each.requestId}, ${each.intervalSeconds}, ${each.sealedBearer})`,
    twin`
      insert into request_handles (request_id, interval_seconds, sealed_bearer)
      select request_id, interval_seconds, sealed_bearer
        from unnest($1::text[], $2::bigint[], $3::bytea[]) as each (request_id, interval_seconds, sealed_bearer)`,
  )

export const handleInside = (tx: Transaction, requestId: string) =>
  tx.one<RequestHandle>(sql`
    select request_id, interval_seconds, polled_at, redeemed_at, sealed_bearer, matched_at
      from request_handles where request_id = ${requestId}`)

/** A request that is polled for. */
export type RequestWithHandle = TokenRequest & RequestHandle

export async function requestWithHandle(db: Database, id: string): Promise<RequestWithHandle | undefined> {
  const [request] = await db.read<RequestWithHandle>(
    sql`
      select id, client_id, user_id, protocol, delivery, state, reason, address, redirect_url, redirect_state, fold,
             terms, requested_at, expires_at, token_expires_at, settled_at,
             request_id, interval_seconds, polled_at, redeemed_at, sealed_bearer, matched_at
        from token_requests join request_handles on request_id = id where id = ${id}`,
    twin`
      select n, id, client_id, user_id, protocol, delivery, state, reason, address, redirect_url, redirect_state, fold,
             terms, requested_at, expires_at, token_expires_at, settled_at,
             request_id, interval_seconds, polled_at, redeemed_at, sealed_bearer, matched_at
        from unnest($1::text[]) with ordinality as each (wanted, n)
        join token_requests on id = wanted join request_handles on request_id = wanted`,
  )
  return request
}

/** For one who fetches: of two at the same moment the second waits for the first. */
export const lockWithHandle = (tx: Transaction, id: string) =>
  tx.one<RequestWithHandle>(sql`
    select id, client_id, user_id, protocol, delivery, state, reason, address, redirect_url, redirect_state, fold, terms,
           requested_at, expires_at, token_expires_at, settled_at,
           request_id, interval_seconds, polled_at, redeemed_at, sealed_bearer, matched_at
      from token_requests join request_handles on request_id = id where id = ${id} /* for update */`)

export const noteMatched = (tx: Transaction, requestId: string, now: number) =>
  tx.run(sql`update request_handles set matched_at = ${now} where request_id = ${requestId}`)

/** Does nothing where a later poll is known. */
export const notePoll = (tx: Transaction, requestId: string, intervalSeconds: number, at: number) =>
  tx.run(
    sql`
      update request_handles set interval_seconds = ${intervalSeconds}, polled_at = ${at}
       where request_id = ${requestId} and (polled_at is null or polled_at < ${at})`,
    twin`
      update request_handles set interval_seconds = each.interval_seconds, polled_at = each.polled_at
        from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[])
             with ordinality as each (interval_seconds, polled_at, request_id, later_than, n)
       where request_handles.request_id = each.request_id
         and (request_handles.polled_at is null or request_handles.polled_at < each.later_than)
      returning n`,
  )

/** @returns 0 when the result was given out before */
export const markRedeemed = (tx: Transaction, requestId: string, now: number) =>
  tx.run(sql`
    update request_handles set redeemed_at = ${now}, sealed_bearer = null
     where request_id = ${requestId} and redeemed_at is null`)

// Old requests

/** Those that ended before a time and whose tokens have ended too, in the order of their ids, which is that of time. */
export const requestsEndedBefore = (
  tx: Transaction,
  { endedBefore, after, now, most }: { endedBefore: number; after: string; now: number; most: number },
) =>
  tx.all<{ id: string }>(sql`
    select id from token_requests
     where id > ${after} and id < ${idAt('req', endedBefore)} and state <> 'pending' and settled_at < ${endedBefore}
       and token_expires_at <= ${now}
     order by id limit ${most}`)

export async function forgetRequestRows(tx: Transaction, id: string): Promise<void> {
  await tx.run(sql`delete from reviews where request_id = ${id}`)
  await tx.run(sql`delete from decisions where request_id = ${id}`)
  await tx.run(sql`delete from request_handles where request_id = ${id}`)
  await tx.run(sql`delete from token_requests where id = ${id}`)
}
