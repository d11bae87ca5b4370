import type { Database, Transaction } from '#store/database.ts'
import { sql, twin } from '#store/sql.ts'

export type DeliveryState = 'queued' | 'delivered' | 'undeliverable'
/** JSON in clear, or a JWE that the client's private key alone opens. */
export type ContentType = 'application/json' | 'application/jose'
export type AttemptState = 'started' | 'succeeded' | 'failed' | 'unknown'

/**
 * `token`: to a notifier endpoint. By CIBA Core 1.0 §10.2, §10.3: `push` of tokens, `push_error` when there are none,
 * `ping` to say that the client may come and see.
 */
export type DeliveryKind = 'token' | 'push' | 'push_error' | 'ping'

/** A result on its way to a notifier. */
export interface Delivery {
  id: string
  requestId: string
  clientId: string
  userId: string
  kind: DeliveryKind
  /** Of a `token` or `push`. */
  tokenId: string | null
  url: string
  state: DeliveryState
  /** The token's own end: a delivery is never tried after it. */
  expiresAt: number
  createdAt: number
  settledAt: number | null
}

/** One POST. */
export interface DeliveryAttempt {
  number: number
  state: AttemptState
  startedAt: number
  endedAt: number | null
  status: number | null
  failure: string | null
  response: string | null
  /** JSON of the headers that were sent. */
  sentHeaders: string | null
  /** The body as it was sent, cut short, with words in the place of the token. */
  sentBody: string | null
  answerHeaders: string | null
}

export const insertDelivery = (
  tx: Transaction,
  each: Omit<Delivery, 'state' | 'settledAt'> & { trace?: string | null },
) =>
  tx.run(sql`
    insert into deliveries (id, request_id, client_id, user_id, kind, token_id, url, state, trace, expires_at, created_at)
    values (${each.id}, ${each.requestId}, ${each.clientId}, ${each.userId}, ${each.kind}, ${each.tokenId}, ${each.url},
            'queued', ${each.trace ?? null}, ${each.expiresAt}, ${each.createdAt})`)

export const insertPayload = (
  tx: Transaction,
  deliveryId: string,
  each: { contentType: ContentType; sealed: Uint8Array; sealedBearer: Uint8Array | null },
) =>
  tx.run(sql`
    insert into delivery_payloads (delivery_id, content_type, sealed, sealed_bearer)
    values (${deliveryId}, ${each.contentType}, ${each.sealed}, ${each.sealedBearer})`)

export const deletePayload = (tx: Transaction, deliveryId: string) =>
  tx.run(
    sql`delete from delivery_payloads where delivery_id = ${deliveryId}`,
    twin`
      delete from delivery_payloads using unnest($1::text[]) with ordinality as each (id, n)
       where delivery_id = each.id
      returning n`,
  )

/** A queued delivery with its sealed payload, and what is known of its endpoint. */
export interface OwedDelivery extends Delivery {
  contentType: ContentType
  sealed: Uint8Array
  sealedBearer: Uint8Array | null
  proof: NotifierProof['state'] | null
  /** In test mode: 1 when each attempt is to fail. */
  isFailing: number
  /** When whoever listens in the place of the endpoint was last seen. */
  listenerSeenAt: number | null
  /** `traceparent` of the ask; null where nobody follows. */
  trace: string | null
}

export const queuedDelivery = (tx: Transaction, id: string) =>
  tx.one<OwedDelivery>(
    sql`
      select id, request_id, deliveries.client_id, user_id, kind, token_id, deliveries.url, deliveries.state, expires_at,
             created_at, settled_at, trace, is_failing, content_type, sealed, sealed_bearer,
             notifier_proofs.state as proof, listeners.seen_at as listener_seen_at
        from deliveries join delivery_payloads on delivery_id = deliveries.id
        left join notifier_proofs
          on notifier_proofs.client_id = deliveries.client_id and notifier_proofs.url = deliveries.url
        left join listeners on listeners.client_id = deliveries.client_id
       where deliveries.id = ${id} and deliveries.state = 'queued'`,
    twin`
      select n, deliveries.id, request_id, deliveries.client_id, user_id, kind, token_id, deliveries.url, deliveries.state,
             expires_at, created_at, settled_at, trace, is_failing, content_type, sealed, sealed_bearer,
             notifier_proofs.state as proof, listeners.seen_at as listener_seen_at
        from unnest($1::text[]) with ordinality as each (id, n)
        join deliveries on deliveries.id = each.id
        join delivery_payloads on delivery_id = deliveries.id
        left join notifier_proofs
          on notifier_proofs.client_id = deliveries.client_id and notifier_proofs.url = deliveries.url
        left join listeners on listeners.client_id = deliveries.client_id
       where deliveries.state = 'queued'`,
  )

export const settleDelivery = (
  tx: Transaction,
  id: string,
  state: Exclude<DeliveryState, 'queued'>,
  now: number,
) =>
  tx.run(
    sql`
      update deliveries set state = ${state}, settled_at = ${now}
       where id = ${id} and state = 'queued'`,
    twin`
      update deliveries set state = each.state, settled_at = each.settled_at
        from unnest($1::text[], $2::bigint[], $3::text[]) with ordinality as each (state, settled_at, id, n)
       where deliveries.id = each.id and deliveries.state = 'queued'
      returning n`,
  )

/** In test mode: lets each attempt of a request's delivery fail, without a call. */
export const letDeliveryFail = (tx: Transaction, requestId: string) =>
  tx.run(sql`update deliveries set is_failing = 1 where request_id = ${requestId}`)

/** The handing over of a request's token, if it has one: a ping hands over nothing. */
export async function tokenDeliveryOf(db: Database, requestId: string) {
  const delivery = await deliveryOfRequest(db, requestId)
  return delivery?.tokenId ? delivery : undefined
}

export async function deliveryOfRequest(db: Database, requestId: string) {
  const [delivery] = await db.read<Delivery>(sql`
    select id, request_id, client_id, user_id, kind, token_id, url, state, expires_at, created_at, settled_at
      from deliveries where request_id = ${requestId}`)
  return delivery
}

export const queuedDeliveryOfToken = (tx: Transaction, requestId: string) =>
  tx.one<Pick<Delivery, 'id' | 'requestId' | 'clientId' | 'userId' | 'kind' | 'createdAt'>>(sql`
    select id, request_id, client_id, user_id, kind, created_at
      from deliveries where request_id = ${requestId} and state = 'queued'`)

/** Writes down how an attempt ended, unless another word of it stands there already. */
export const putAttempt = (
  tx: Transaction,
  deliveryId: string,
  { number, state, startedAt, endedAt, status, failure, response, ...seen }: DeliveryAttempt,
) =>
  tx.run(
    sql`
      insert into delivery_attempts (delivery_id, number, state, started_at, ended_at, status, failure, response,
                                     sent_headers, sent_body, answer_headers)
      values (${deliveryId}, ${number}, ${state}, ${startedAt}, ${endedAt}, ${status}, ${failure}, ${response},
              ${seen.sentHeaders}, ${seen.sentBody}, ${seen.answerHeaders})
      on conflict (delivery_id, number) do update
         set state = excluded.state, ended_at = excluded.ended_at, status = excluded.status, failure = excluded.failure,
             response = excluded.response, sent_headers = excluded.sent_headers, sent_body = excluded.sent_body,
             answer_headers = excluded.answer_headers
       where delivery_attempts.state = 'started'`,
    twin`
      insert into delivery_attempts (delivery_id, number, state, started_at, ended_at, status, failure, response,
                                     sent_headers, sent_body, answer_headers)
      select delivery_id, number, state, started_at, ended_at, status, failure, response, sent_headers, sent_body,
             answer_headers
        from unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::text[],
                    $8::text[], $9::text[], $10::text[], $11::text[])
             as each (delivery_id, number, state, started_at, ended_at, status, failure, response, sent_headers,
                      sent_body, answer_headers)
      on conflict (delivery_id, number) do update
         set state = excluded.state, ended_at = excluded.ended_at, status = excluded.status, failure = excluded.failure,
             response = excluded.response, sent_headers = excluded.sent_headers, sent_body = excluded.sent_body,
             answer_headers = excluded.answer_headers
       where delivery_attempts.state = 'started'`,
  )

export const keptAttempts = (db: Database, deliveryId: string) =>
  db.read<DeliveryAttempt>(sql`
    select number, state, started_at, ended_at, status, failure, response, sent_headers, sent_body, answer_headers
      from delivery_attempts where delivery_id = ${deliveryId} order by number`)

/** Newest first; `before` is the id that the last page ended with. */
export const deliveriesOfClient = (db: Database, clientId: string, before: string, limit: number) =>
  db.read<Delivery & { attempts: number }>(sql`
    select id, request_id, client_id, user_id, kind, token_id, url, state, expires_at, created_at, settled_at,
           (select count(*) from delivery_attempts where delivery_id = deliveries.id) as attempts
      from deliveries where client_id = ${clientId} and id < ${before} order by id desc limit ${limit}`)

/** The same, of one state. */
export const deliveriesOfClientIn = (
  db: Database,
  clientId: string,
  state: DeliveryState,
  before: string,
  limit: number,
) =>
  db.read<Delivery & { attempts: number }>(sql`
    select id, request_id, client_id, user_id, token_id, url, state, expires_at, created_at, settled_at,
           (select count(*) from delivery_attempts where delivery_id = deliveries.id) as attempts
      from deliveries
     where client_id = ${clientId} and state = ${state} and id < ${before} order by id desc limit ${limit}`)

export async function deliveryById(db: Database, id: string): Promise<Delivery | undefined> {
  const [delivery] = await db.read<Delivery>(sql`
    select id, request_id, client_id, user_id, kind, token_id, url, state, expires_at, created_at, settled_at
      from deliveries where id = ${id}`)
  return delivery
}

/** Those of a client that still wait, made since a time. */
export const waitingDeliveries = (tx: Transaction, clientId: string, since: number) =>
  tx.all<Pick<Delivery, 'id' | 'requestId' | 'tokenId'>>(sql`
    select id, request_id, token_id
      from deliveries where client_id = ${clientId} and state = 'queued' and created_at >= ${since}`)

/** Attempts that count for the schedule: an endpoint is not charged for a fault on our own side. */
export async function countedAttempts(tx: Transaction, deliveryId: string): Promise<number> {
  const row = await tx.one<{ count: number }>(sql`
    select count(*) as count from delivery_attempts
     where delivery_id = ${deliveryId} and (failure is null or failure not like 'proxy~_%' escape '~')`)
  return row?.count ?? 0
}

// Listening: deliveries that go to a developer's machine in the place of the endpoint

export const putListener = (tx: Transaction, clientId: string, id: string, now: number) =>
  tx.run(sql`
    insert into listeners (client_id, stream_id, seen_at) values (${clientId}, ${id}, ${now})
    on conflict (client_id) do update set stream_id = excluded.stream_id, seen_at = excluded.seen_at`)

/** @returns 0 when another one listens now */
export const noteListener = (tx: Transaction, clientId: string, id: string, now: number) =>
  tx.run(sql`update listeners set seen_at = ${now} where client_id = ${clientId} and stream_id = ${id}`)

export const deleteListener = (tx: Transaction, clientId: string, id: string) =>
  tx.run(sql`delete from listeners where client_id = ${clientId} and stream_id = ${id}`)

export async function listenerSeenAt(db: Database, clientId: string): Promise<number | null> {
  const [row] = await db.read<{ seenAt: number }>(sql`
    select seen_at from listeners where client_id = ${clientId}`)
  return row?.seenAt ?? null
}

export interface ListenPost {
  deliveryId: string
  number: number
  /** JSON */
  headers: string
  status: number | null
  failure: string | null
  response: string | null
}

export const insertListenPost = (
  tx: Transaction,
  each: Pick<ListenPost, 'deliveryId' | 'number' | 'headers'> & { clientId: string },
) =>
  tx.run(sql`
    insert into listen_posts (delivery_id, number, client_id, headers)
    values (${each.deliveryId}, ${each.number}, ${each.clientId}, ${each.headers})`)

/** Those that wait for an answer, with the sealed payload. */
export const openListenPosts = (db: Database, clientId: string) =>
  db.read<ListenPost & { sealed: Uint8Array }>(sql`
    select listen_posts.delivery_id, number, headers, status, failure, response, sealed
      from listen_posts join delivery_payloads on delivery_payloads.delivery_id = listen_posts.delivery_id
     where client_id = ${clientId} and status is null and failure is null
     order by listen_posts.delivery_id, number`)

export const answerListenPost = (tx: Transaction, clientId: string, each: Omit<ListenPost, 'headers'>) =>
  tx.run(sql`
    update listen_posts
       set status = ${each.status}, failure = ${each.failure}, response = ${each.response}
     where delivery_id = ${each.deliveryId} and number = ${each.number} and client_id = ${clientId}
       and status is null and failure is null`)

export async function listenPost(db: Database, deliveryId: string, number: number) {
  const [post] = await db.read<ListenPost>(sql`
    select delivery_id, number, headers, status, failure, response
      from listen_posts where delivery_id = ${deliveryId} and number = ${number}`)
  return post
}

export const deleteListenPosts = (tx: Transaction, deliveryId: string) =>
  tx.run(sql`delete from listen_posts where delivery_id = ${deliveryId}`)

// Proofs: whether an endpoint has shown that it is there

export interface NotifierProof {
  clientId: string
  url: string
  state: 'unproven' | 'proven' | 'gone'
  /** What was wrong at the last check, in a sentence for the owner. */
  note: string | null
  /** Checks in a row that failed. */
  tries: number
  checkedAt: number
}

export async function notifierProof(
  db: Database,
  clientId: string,
  url: string,
): Promise<NotifierProof | undefined> {
  const [proof] = await db.read<NotifierProof>(sql`
    select client_id, url, state, note, tries, checked_at
      from notifier_proofs where client_id = ${clientId} and url = ${url}`)
  return proof
}

export const proofInside = (tx: Transaction, clientId: string, url: string) =>
  tx.one<NotifierProof>(sql`
    select client_id, url, state, note, tries, checked_at
      from notifier_proofs where client_id = ${clientId} and url = ${url}`)

export const putProof = (tx: Transaction, each: NotifierProof) =>
  tx.run(sql`
    insert into notifier_proofs (client_id, url, state, note, tries, checked_at)
    values (${each.clientId}, ${each.url}, ${each.state}, ${each.note}, ${each.tries}, ${each.checkedAt})
    on conflict (client_id, url) do update
       set state = excluded.state, note = excluded.note, tries = excluded.tries, checked_at = excluded.checked_at`)

/** All that is kept of what a request brought its client. */
export async function forgetDeliveries(tx: Transaction, requestId: string): Promise<void> {
  const delivery = await tx.one<{ id: string }>(
    sql`select id from deliveries where request_id = ${requestId}`,
  )
  if (!delivery) return
  await tx.run(sql`delete from listen_posts where delivery_id = ${delivery.id}`)
  await tx.run(sql`delete from delivery_attempts where delivery_id = ${delivery.id}`)
  await tx.run(sql`delete from delivery_payloads where delivery_id = ${delivery.id}`)
  await tx.run(sql`delete from deliveries where id = ${delivery.id}`)
}
